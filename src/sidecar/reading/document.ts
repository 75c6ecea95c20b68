import type { DocumentMetadata } from '../../contracts/sidecar.ts';

/** What a reader of one format makes of the bytes. */
export interface ExtractedText {
  text: string;
  metadata: Pick<DocumentMetadata, 'title' | 'author' | 'createdAt' | 'pages'>;
  /** Offset in `text` where each page starts, where the format has pages; page 1 is the first. */
  pageStarts?: readonly number[];
  /** Present when a limit cut something off. */
  truncated?: string;
}

/** Nothing to read by design; the reason is for a person. */
export class SkippedError extends Error {
  override name = 'SkippedError';
}

/** Should have been readable but is not; the reason is for a person. */
export class UnreadableError extends Error {
  override name = 'UnreadableError';
}

export function charactersCut(limit: number): string {
  return `Only the first ${limit.toLocaleString('en-US')} characters were read.`;
}
