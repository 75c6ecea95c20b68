import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { PictureLimits } from '../../limits.ts';
import { drawPage, openPdf, type PdfDocument } from '../../pdf-drawing.ts';
import type { PictureMessage } from './picture.ts';
import type { GreyPicture, Recogniser } from './recognise.ts';

const POINTS_PER_INCH = 72;

/** Tells the text of each page as soon as it is known: whatever ends this process, what was said before is kept. */
export async function lookAtPages(
  path: string,
  pages: readonly number[],
  limits: PictureLimits,
  recognise: Recogniser,
  tell: (message: PictureMessage) => void,
): Promise<void> {
  const pdf = await openPdf(new Uint8Array(await readFile(path)), limits.pixels);
  for (const page of pages) {
    const picture = await drawGrey(pdf, page, limits).catch(() => undefined);
    tell({ recognised: { page, text: picture === undefined ? '' : await recognise(picture) } });
  }
}

async function drawGrey(
  pdf: PdfDocument,
  number: number,
  limits: PictureLimits,
): Promise<GreyPicture | undefined> {
  const page = await pdf.getPage(number);
  const { width: points, height } = page.getViewport({ scale: 1 });
  const longer = (Math.max(points, height) / POINTS_PER_INCH) * limits.dotsPerInch;
  const canvas = await drawPage(page, Math.min(longer, limits.recognisedSide));
  page.cleanup();
  if (canvas === undefined) return undefined;
  const { width, height: rows } = canvas;
  const data = await sharp(canvas.data(), { raw: { width, height: rows, channels: 4 } })
    .flatten({ background: '#fff' })
    .greyscale()
    .raw()
    .toBuffer();
  return { data, width, height: rows };
}
