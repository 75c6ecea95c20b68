import type { PreviewWidth } from '../../contracts/sidecar.ts';

export interface PreviewJob {
  path: string;
  width: PreviewWidth;
}

/** WebP, width and height in pixels. */
export interface Picture {
  bytes: Uint8Array;
  width: number;
  height: number;
}

/** What became of one file; `contentType` is its own, by content, reasons are for a person. */
export type PreviewOutcome =
  | { status: 'made'; contentType: string; picture: Picture }
  | { status: 'unsupported'; contentType: string }
  | { status: 'failed'; contentType: string; reason: string };

/** The file should have a preview but has none; the reason is for a person. */
export class PreviewError extends Error {
  override name = 'PreviewError';
}
