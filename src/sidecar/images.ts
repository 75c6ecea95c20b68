import sharp, { type Metadata, type Sharp } from 'sharp';

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
export type ImageType = keyof typeof FORMATS;

export function isImage(contentType: string): contentType is ImageType {
  return Object.hasOwn(FORMATS, contentType);
}

/** Of HEIC the header only: no decoder of HEVC is built in. */
const HEIC = ['image/heic', 'image/heif'];

export function isHeic(contentType: string): boolean {
  return HEIC.includes(contentType);
}

/** Made of pixels, and with a header that can be read. */
export function isPicture(contentType: string): boolean {
  return (isImage(contentType) && contentType !== 'image/svg+xml') || isHeic(contentType);
}

/** The picture is not as it should be, or too large; the reason is for a person. */
export class ImageError extends Error {
  override name = 'ImageError';
}

/** For a process that decodes one file at a time, each of them once; and what is not named is not decoded. */
export function decodeOnly(loaders: readonly string[]): void {
  sharp.concurrency(1);
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: loaders.map((loader) => `VipsForeignLoad${loader}`) });
}

/**
 * Looks at the header; nothing is decoded yet.
 * @param pixels the most that the header may promise.
 * @throws ImageError
 */
export async function openImage(
  source: string | Uint8Array,
  contentType: string,
  pixels: number,
): Promise<{ image: Sharp; header: Metadata }> {
  try {
    const image = sharp(source, { limitInputPixels: pixels, failOn: 'error' });
    const header = await image.metadata();
    const expected = isImage(contentType) ? FORMATS[contentType] : 'heif';
    if (header.format !== expected)
      throw new ImageError('The picture is damaged: its parts contradict each other.');
    return { image, header };
  } catch (error) {
    throw explainImageFault(error, pixels);
  }
}

export function explainImageFault(error: unknown, pixels: number): ImageError {
  if (error instanceof ImageError) return error;
  if (error instanceof Error && error.message.includes('exceeds pixel limit')) {
    const megapixels = Math.round(pixels / 1_000_000);
    return new ImageError(`The picture has more than ${megapixels} megapixels, the most that are drawn.`, {
      cause: error,
    });
  }
  return new ImageError('The picture is damaged or incomplete.', { cause: error });
}
