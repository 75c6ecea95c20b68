import { readFile, stat } from 'node:fs/promises';
import { decodeOnly, explainImageFault, type ImageType, openImage } from '../images.ts';
import type { PreviewLimits } from '../limits.ts';
import { type Picture, PreviewError } from './preview.ts';
import { refuseOutsideReferences } from './svg.ts';

const QUALITY = 80;

decodeOnly(['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff', 'Svg']);

/** The first frame, upright, in sRGB, without metadata. @throws PreviewError */
export async function renderImage(
  path: string,
  contentType: ImageType,
  width: number,
  limits: PreviewLimits,
): Promise<Picture> {
  const isDrawing = contentType === 'image/svg+xml';
  const source = isDrawing ? await readSvg(path, limits) : path;
  try {
    const { image } = await openImage(source, contentType, limits.pixels);
    const { data, info } = await image
      .autoOrient()
      .resize({ width, height: width, fit: 'inside', withoutEnlargement: !isDrawing })
      .webp({ quality: QUALITY })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (error) {
    throw new PreviewError(explainImageFault(error, limits.pixels).message, { cause: error });
  }
}

/** By value and not by path: without a base address librsvg reaches nothing outside the drawing. */
async function readSvg(path: string, limits: PreviewLimits): Promise<Uint8Array> {
  if ((await stat(path)).size > limits.svgBytes) {
    throw new PreviewError(
      `The drawing is larger than ${Math.round(limits.svgBytes / 1_048_576)} MB of text.`,
    );
  }
  const bytes = await readFile(path);
  refuseOutsideReferences(bytes);
  return bytes;
}
