import type { DocumentMetadata } from '../../contracts/sidecar.ts';

/** What a reader of one format makes of the bytes. */
export interface ExtractedText {
  text: string;
  metadata: Omit<DocumentMetadata, 'words' | 'characters'>;
  /** Offset in `text` where each page starts, where the format has pages; page 1 is the first. */
  pageStarts?: readonly number[];
  /** Present when a limit cut something off. */
  truncated?: string;
  /** Set where the properties are worth an answer although there is no text. */
  isReadWithoutText?: true;
  /** False for code and lists of names, which are in no language that people speak. */
  prose?: false;
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

const LONGEST_PROPERTY = 1_000;

/** A property on one line, or nothing when there is none: `{...line('title', found)}`. */
export function line(
  key: 'title' | 'subject' | 'author' | 'application',
  value: unknown,
): Pick<DocumentMetadata, typeof key> {
  const text = typeof value === 'string' ? oneLine(value) : '';
  return text === '' ? {} : { [key]: text };
}

export function oneLine(value: string): string {
  return value
    .slice(0, LONGEST_PROPERTY)
    .replace(/[\s\0]+/g, ' ')
    .trim()
    .toWellFormed();
}

/** Keywords as people type them into one field, between commas or semicolons. */
export function keywordsOf(value: unknown): string[] {
  if (typeof value !== 'string') return [];
  const words = value
    .slice(0, 10 * LONGEST_PROPERTY)
    .split(/[,;]/)
    .map(oneLine);
  return [...new Set(words.filter((word) => word !== ''))].slice(0, 100);
}
