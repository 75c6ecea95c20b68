import type { PreviewLimits } from '../limits.ts';
import { drawPage, openPdf } from '../pdf-drawing.ts';
import { type Picture, PreviewError } from './preview.ts';

const QUALITY = 80;

/** The first page on white, as large as the square allows. @throws PreviewError */
export async function renderPdf(bytes: Uint8Array, width: number, limits: PreviewLimits): Promise<Picture> {
  try {
    const pdf = await openPdf(bytes, limits.pixels);
    const canvas = await drawPage(await pdf.getPage(1), width);
    if (canvas === undefined) throw new PreviewError('The first page of the PDF has no size.');
    return { bytes: await canvas.encode('webp', QUALITY), width: canvas.width, height: canvas.height };
  } catch (error) {
    if (error instanceof PreviewError) throw error;
    if (error instanceof Error && error.name === 'PasswordException') {
      throw new PreviewError('The PDF is encrypted; it needs a password to be read.', { cause: error });
    }
    throw new PreviewError('The PDF is damaged or incomplete.', { cause: error });
  }
}
