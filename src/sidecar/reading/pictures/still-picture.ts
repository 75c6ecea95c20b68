import sharp from 'sharp';
import { explainImageFault, isHeic, openImage } from '../../images.ts';
import type { PictureLimits } from '../../limits.ts';
import { dominantColours } from './colours.ts';
import { readExif } from './exif.ts';
import type { PictureMessage } from './picture.ts';
import type { Recogniser } from './recognise.ts';

/** Pixels of the square that colours are counted in. */
const COLOUR_SIDE = 64;

/** Tells the properties of the first frame, then its text. @throws ImageError */
export async function lookAtPicture(
  path: string,
  contentType: string,
  limits: PictureLimits,
  recognise: Recogniser,
  tell: (message: PictureMessage) => void,
): Promise<void> {
  const { image, header } = await openImage(path, contentType, limits.pixels);
  const properties = { ...header.autoOrient, ...(await readExif(path, header)) };
  if (isHeic(contentType)) return tell({ image: properties });
  try {
    // Decoded once, and not larger than text is recognised in.
    const side = limits.recognisedSide;
    const { data, info } = await image
      .autoOrient()
      .toColourspace('srgb')
      .flatten({ background: '#fff' })
      .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const upright = () => sharp(data, { raw: { width, height, channels } });
    const thumbnail = await upright()
      .resize({ width: COLOUR_SIDE, height: COLOUR_SIDE, fit: 'fill', kernel: 'nearest' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw()
      .toBuffer();
    tell({ image: { ...properties, colours: dominantColours(thumbnail) } });
    const grey = await upright().greyscale().raw().toBuffer();
    tell({ recognised: { page: 1, text: await recognise({ data: grey, width, height }) } });
  } catch (error) {
    throw explainImageFault(error, limits.pixels);
  }
}
