import type { ExtractedText } from '../models/analysis.ts';
import type { TextPiece } from '../ports/analyses.ts';

/**
 * The text between two offsets, from the overlapping passages that touch it. What lies between two passages was white
 * space: one character was a space or the end of a line, more of them part paragraphs.
 */
export function joinPieces(
  pieces: readonly TextPiece[],
  start: number,
  end: number,
  length: number,
): Pick<ExtractedText, 'start' | 'end' | 'page' | 'text'> {
  const from = Math.min(start, length);
  const to = Math.min(end, length);
  const parts: string[] = [];
  let at = from;
  let page: number | null = null;
  for (const piece of pieces) {
    if (piece.start <= from) page = piece.page;
    const pieceEnd = Math.min(to, piece.start + piece.text.length);
    if (pieceEnd <= at) continue;
    if (piece.start > at) parts.push(gap(Math.min(piece.start, to) - at));
    at = Math.max(at, Math.min(piece.start, to));
    parts.push(piece.text.slice(at - piece.start, pieceEnd - piece.start));
    at = pieceEnd;
  }
  if (at < to) parts.push(gap(to - at));
  return { start: from, end: to, page: page ?? pieces[0]?.page ?? null, text: parts.join('') };
}

const gap = (length: number): string => (length === 1 ? ' ' : '\n'.repeat(length));
