import { MARK_END, MARK_START } from '../ports/search.ts';

export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Characters that a snippet shows, and how far it goes to the next end of a word. */
const SNIPPET = 320;
const SLACK = 24;
const MOST_HIGHLIGHTS = 50;

/** Turns marks into offsets, so that no client has to trust markup in a document's text. */
export function unmark(marked: string): { text: string; spans: Span[] } {
  const spans: Span[] = [];
  const pieces: string[] = [];
  let length = 0;
  for (const piece of marked.split(MARK_START)) {
    const [word = '', ...rest] = piece.split(MARK_END);
    if (rest.length > 0) spans.push({ start: length, end: length + word.length });
    const after = word + rest.join('');
    pieces.push(after);
    length += after.length;
  }
  return { text: pieces.join(''), spans: spans.filter(({ start, end }) => start < end) };
}

/** Where pieces of scripts without spaces stand, which the database does not mark. */
export function spansOf(text: string, grams: readonly string[]): Span[] {
  const lower = text.toLowerCase();
  // Lower case may be longer than the text (İ): then offsets would not be those of the text.
  if (lower.length !== text.length) return [];
  const found: Span[] = [];
  for (const gram of grams) {
    for (let at = lower.indexOf(gram); at >= 0; at = lower.indexOf(gram, at + gram.length)) {
      found.push({ start: at, end: at + gram.length });
      if (found.length > 1_000) break;
    }
  }
  return merged(found);
}

/** In order, and joined where they touch. */
export function merged(spans: readonly Span[]): Span[] {
  const joined: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && span.start < last.end)
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    else joined.push(span);
  }
  return joined;
}

export interface Snippet {
  readonly snippet: string;
  /** Where it begins in the passage. */
  readonly offset: number;
  /** In the snippet. */
  readonly spans: readonly Span[];
}

/** The part of a passage with the most matched words, cut between words. */
export function snippetOf(text: string, spans: readonly Span[]): Snippet {
  const from = text.length <= SNIPPET ? 0 : wordStart(text, bestWindow(text.length, spans));
  const to = text.length - from <= SNIPPET ? text.length : wordEnd(text, from + SNIPPET);
  return {
    snippet: text.slice(from, to),
    offset: from,
    spans: spans
      .filter(({ start, end }) => start >= from && end <= to)
      .slice(0, MOST_HIGHLIGHTS)
      .map(({ start, end }) => ({ start: start - from, end: end - from })),
  };
}

/** Two hands over the spans: linear. */
function bestWindow(length: number, spans: readonly Span[]): number {
  let best = { count: 0, start: 0 };
  let last = 0;
  for (const [first, { start }] of spans.entries()) {
    while (last < spans.length && (spans[last]?.end ?? 0) <= start + SNIPPET - SLACK) last += 1;
    if (last - first > best.count) best = { count: last - first, start };
  }
  return Math.max(0, Math.min(best.start - SLACK, length - SNIPPET));
}

function wordStart(text: string, at: number): number {
  if (at === 0) return 0;
  const space = text.slice(at, at + SLACK).search(/\s\S/);
  return space < 0 ? whole(text, at) : at + space + 1;
}

function wordEnd(text: string, at: number): number {
  const space = text.slice(at, at + SLACK).search(/\s/);
  return space < 0 ? whole(text, at) : at + space;
}

/** Not between the halves of a character. */
const whole = (text: string, at: number): number => (/[\uDC00-\uDFFF]/.test(text.charAt(at)) ? at + 1 : at);
