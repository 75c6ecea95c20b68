import type { TextChunk } from '../../contracts/sidecar.ts';

export interface VersionText {
  text: string;
  /** False when there is more of the document than this. */
  complete: boolean;
}

/**
 * The text of a version, rebuilt from its overlapping chunks so that every offset is the version's own: what lies
 * between two chunks was white space and is white space again. Ends before `characters`. Chunks that contradict
 * their own place are taken where they say they start, as far as nothing before them is there already.
 */
export function rebuildText(chunks: readonly TextChunk[], characters: number): VersionText {
  const pieces: string[] = [];
  let length = 0;
  for (const { start, text } of chunks) {
    if (start >= characters) return { text: pieces.join('').toWellFormed(), complete: false };
    if (start + text.length <= length) continue;
    if (start > length) {
      pieces.push(gap(start - length));
      length = start;
    }
    const piece = text.slice(length - start, length - start + characters - length);
    pieces.push(piece);
    length += piece.length;
    if (start + text.length > characters) {
      return { text: withoutHalf(pieces.join('')).toWellFormed(), complete: false };
    }
  }
  return { text: pieces.join('').toWellFormed(), complete: true };
}

/** A single character was a space or the end of a line; more of them part paragraphs. */
function gap(length: number): string {
  return length === 1 ? ' ' : '\n'.repeat(length);
}

/** A cut must not leave the first half of a surrogate pair. */
function withoutHalf(text: string): string {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? text.slice(0, -1) : text;
}
