import type { TextChunk } from '../contracts/sidecar.ts';
import { splitIntoUnits, type TextUnit } from './text-units.ts';

/**
 * Chunks are what search compares with a query, so each should say one thing and fit the embedding model whole.
 * About 200 tokens (some 900 characters of English) is the size at which passages of this class of model retrieve
 * well, and leaves room below the 256 tokens at which MiniLM cuts. Tokens are estimated from the characters, so
 * that Chinese or source code, with far more tokens a character, makes shorter chunks.
 */
export const chunking = {
  targetTokens: 200,
  /** No chunk is longer, whatever the estimate says. */
  maxCharacters: 1_600,
  /** The end of a chunk that the next one repeats: a sentence, if it is no longer than this. */
  overlapTokens: 40,
  /** A heading starts a new chunk unless the current one would stay smaller than this. */
  smallestSection: 60,
  /** A paragraph that does not fit any more is not begun in a chunk that is this full already. */
  wellFilled: 150,
} as const;

interface Draft {
  units: TextUnit[];
  tokens: number;
}

/**
 * Cuts text into overlapping chunks at headings, paragraphs and sentences. Deterministic; every character that is
 * not white space is in some chunk, and `text.slice(start, end) === chunk.text` for each.
 * @param pageStarts offset at which each page starts; a chunk is given the page it starts on.
 */
export function chunkText(text: string, pageStarts: readonly number[] = []): TextChunk[] {
  const chunks: TextChunk[] = [];
  let draft: Draft = { units: [], tokens: 0 };
  for (const unit of splitIntoUnits(text, chunking)) {
    if (shouldCut(draft, unit)) {
      addChunk(chunks, text, draft, pageStarts);
      draft = overlapOf(draft, unit);
    }
    draft.units.push(unit);
    draft.tokens += unit.tokens;
  }
  addChunk(chunks, text, draft, pageStarts);
  return chunks;
}

function shouldCut(draft: Draft, next: TextUnit): boolean {
  const first = draft.units[0];
  if (first === undefined) return false;
  if (next.end - first.start > chunking.maxCharacters) return true;
  if (next.starts === 'section') return draft.tokens >= chunking.smallestSection;
  if (draft.tokens + next.tokens > chunking.targetTokens) return true;
  return (
    next.starts === 'paragraph' &&
    draft.tokens + next.paragraphTokens > chunking.targetTokens &&
    draft.tokens >= chunking.wellFilled
  );
}

/** The last sentence again, so that a statement that spans the cut is whole in one of the two chunks. */
function overlapOf(draft: Draft, next: TextUnit): Draft {
  const last = draft.units.at(-1);
  const repeat =
    last !== undefined &&
    draft.units.length > 1 &&
    next.starts !== 'section' &&
    last.tokens <= chunking.overlapTokens &&
    last.tokens + next.tokens <= chunking.targetTokens &&
    next.end - last.start <= chunking.maxCharacters;
  return repeat ? { units: [last], tokens: last.tokens } : { units: [], tokens: 0 };
}

function addChunk(chunks: TextChunk[], text: string, draft: Draft, pageStarts: readonly number[]): void {
  const from = draft.units[0]?.start;
  const to = draft.units.at(-1)?.end;
  if (from === undefined || to === undefined) return;
  const raw = text.slice(from, to);
  const start = from + raw.length - raw.trimStart().length;
  const end = from + raw.trimEnd().length;
  if (end <= start) return;
  const page = pageOf(start, pageStarts);
  chunks.push({
    index: chunks.length,
    start,
    end,
    text: text.slice(start, end),
    ...(page === undefined ? {} : { page }),
  });
}

/** 1-based number of the last page that starts at or before `offset`. */
function pageOf(offset: number, pageStarts: readonly number[]): number | undefined {
  let low = 0;
  let high = pageStarts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((pageStarts[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? undefined : low;
}
