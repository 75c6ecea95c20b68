import * as canvasModule from '@napi-rs/canvas';
import { createIsomorphicCanvasFactory, getDocumentProxy } from 'unpdf';
import type { PreviewLimits } from '../limits.ts';
import { type Picture, PreviewError } from './preview.ts';

type PdfPage = Awaited<ReturnType<Awaited<ReturnType<typeof getDocumentProxy>>['getPage']>>;

const QUALITY = 80;

/** The first page on white, as large as the square allows. @throws PreviewError */
export async function renderPdf(bytes: Uint8Array, width: number, limits: PreviewLimits): Promise<Picture> {
  try {
    // Gives pdf.js the classes that it would find in a browser; it has to come first.
    const CanvasFactory = await createIsomorphicCanvasFactory(async () => canvasModule);
    const pdf = await getDocumentProxy(bytes, {
      CanvasFactory,
      maxImageSize: limits.pixels,
      // Embedded fonts are drawn as outlines; there is no page whose fonts could be loaded.
      disableFontFace: true,
    });
    return await draw(await pdf.getPage(1), width);
  } catch (error) {
    if (error instanceof PreviewError) throw error;
    if (error instanceof Error && error.name === 'PasswordException') {
      throw new PreviewError('The PDF is encrypted; it needs a password to be read.', { cause: error });
    }
    throw new PreviewError('The PDF is damaged or incomplete.', { cause: error });
  }
}

async function draw(page: PdfPage, square: number): Promise<Picture> {
  const whole = page.getViewport({ scale: 1 });
  const scale = square / Math.max(whole.width, whole.height);
  if (!Number.isFinite(scale) || scale <= 0) throw new PreviewError('The first page of the PDF has no size.');
  const viewport = page.getViewport({ scale });
  const width = Math.max(1, Math.round(viewport.width));
  const height = Math.max(1, Math.round(viewport.height));
  const canvas = canvasModule.createCanvas(width, height);
  // pdf.js is typed for the canvas of browsers, where their types are known; this one does what it needs.
  const target: unknown = { canvas, canvasContext: canvas.getContext('2d'), viewport };
  await page.render(target as Parameters<PdfPage['render']>[0]).promise;
  return { bytes: await canvas.encode('webp', QUALITY), width, height };
}
