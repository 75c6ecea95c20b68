import * as canvasModule from '@napi-rs/canvas';
import { createIsomorphicCanvasFactory, getDocumentProxy } from 'unpdf';

export type PdfDocument = Awaited<ReturnType<typeof getDocumentProxy>>;
export type PdfPage = Awaited<ReturnType<PdfDocument['getPage']>>;

/** A PDF whose pages can be drawn. @param imagePixels pictures inside with more are left out. */
export async function openPdf(bytes: Uint8Array, imagePixels: number): Promise<PdfDocument> {
  // Gives pdf.js the classes that it would find in a browser; it has to come first.
  const CanvasFactory = await createIsomorphicCanvasFactory(async () => canvasModule);
  return getDocumentProxy(bytes, {
    CanvasFactory,
    maxImageSize: imagePixels,
    // Embedded fonts are drawn as outlines; there is no page whose fonts could be loaded.
    disableFontFace: true,
  });
}

/**
 * Draws a page on white.
 * @param longerSide pixels.
 * @returns undefined when the page has no size.
 */
export async function drawPage(page: PdfPage, longerSide: number): Promise<canvasModule.Canvas | undefined> {
  const whole = page.getViewport({ scale: 1 });
  const scale = longerSide / Math.max(whole.width, whole.height);
  if (!Number.isFinite(scale) || scale <= 0) return undefined;
  const viewport = page.getViewport({ scale });
  const width = Math.max(1, Math.round(viewport.width));
  const height = Math.max(1, Math.round(viewport.height));
  const canvas = canvasModule.createCanvas(width, height);
  // pdf.js is typed for the canvas of browsers, where their types are known; this one does what it needs.
  const target: unknown = { canvas, canvasContext: canvas.getContext('2d'), viewport };
  await page.render(target as Parameters<PdfPage['render']>[0]).promise;
  return canvas;
}
