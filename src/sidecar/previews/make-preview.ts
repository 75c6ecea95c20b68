import { open, readFile } from 'node:fs/promises';
import type { PreviewLimits } from '../limits.ts';
import { detectType } from '../reading/detect.ts';
import { PreviewError, type PreviewJob, type PreviewOutcome } from './preview.ts';

const HEAD_BYTES = 65_536;

/**
 * Makes the preview of one file that is on disk already. Runs inside the rendering process.
 * @param onType told the media type before anything is decoded, in case decoding never ends.
 */
export async function makePreview(
  { path, width }: PreviewJob,
  limits: PreviewLimits,
  onType: (contentType: string) => void,
): Promise<PreviewOutcome> {
  // Without a name: what the file is called proves nothing.
  const contentType = await detectType(path, await readHead(path), '');
  onType(contentType);
  try {
    if (contentType === 'application/pdf') {
      const { renderPdf } = await import('./render-pdf.ts');
      const picture = await renderPdf(new Uint8Array(await readFile(path)), width, limits);
      return { status: 'made', contentType, picture };
    }
    const { isImage } = await import('../images.ts');
    if (!isImage(contentType)) return { status: 'unsupported', contentType };
    const { renderImage } = await import('./render-image.ts');
    return { status: 'made', contentType, picture: await renderImage(path, contentType, width, limits) };
  } catch (error) {
    if (error instanceof PreviewError) return { status: 'failed', contentType, reason: error.message };
    throw error;
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
