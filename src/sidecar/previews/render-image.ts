import { readFile, stat } from 'node:fs/promises';
import sharp from 'sharp';
import type { PreviewLimits } from '../limits.ts';
import { type Picture, PreviewError } from './preview.ts';
import { refuseOutsideReferences } from './svg.ts';

/** Media type by content, and what libvips has to take the file for: two opinions must not differ. */
const FORMATS = {
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/apng': 'png',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'heif',
  'image/tiff': 'tiff',
  'image/svg+xml': 'svg',
} as const;
type ImageType = keyof typeof FORMATS;

const LOADERS = ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff', 'Svg'];
const QUALITY = 80;

// The process makes one preview at a time, each of another file; and what is not named is not decoded.
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: LOADERS.map((loader) => `VipsForeignLoad${loader}`) });

export function isImage(contentType: string): contentType is ImageType {
  return Object.hasOwn(FORMATS, contentType);
}

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
    const image = sharp(source, { limitInputPixels: limits.pixels, failOn: 'error' });
    if ((await image.metadata()).format !== FORMATS[contentType]) {
      throw new PreviewError('The picture is damaged: its parts contradict each other.');
    }
    const { data, info } = await image
      .autoOrient()
      .resize({ width, height: width, fit: 'inside', withoutEnlargement: !isDrawing })
      .webp({ quality: QUALITY })
      .toBuffer({ resolveWithObject: true });
    return { bytes: data, width: info.width, height: info.height };
  } catch (error) {
    throw explain(error, limits);
  }
}

function explain(error: unknown, limits: PreviewLimits): PreviewError {
  if (error instanceof PreviewError) return error;
  if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
    const megapixels = Math.round(limits.pixels / 1_000_000);
    return new PreviewError(`The picture has more than ${megapixels} megapixels, the most that are drawn.`, {
      cause: error,
    });
  }
  return new PreviewError('The picture is damaged or incomplete.', { cause: error });
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
