/** The smallest piece that chunking keeps whole: a sentence, or a part of one that is too long. */
export interface TextUnit {
  start: number;
  end: number;
  /** Estimated tokens. */
  tokens: number;
  /** What begins with this unit. */
  starts: 'section' | 'paragraph' | 'sentence';
  /** Estimated tokens of the paragraph that begins here; 0 inside one. */
  paragraphTokens: number;
}

export interface UnitLimits {
  targetTokens: number;
  maxCharacters: number;
}

const sentences = new Intl.Segmenter('en', { granularity: 'sentence' });
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Intl.Segmenter takes time that grows faster than the text in one piece: feed it this much at most. */
const LONGEST_SEGMENTED = 20_000;
/** A cluster longer than this is an attack (Zalgo text), not a letter: it may be cut. */
const LONGEST_GRAPHEME = 64;

const HEADING = /^(?:#{1,6}\s|(?:chapter|section|article|appendix|part)\s+[\dIVXLC]+\b)/i;

/** Units that cover the text without gaps, in order. */
export function* splitIntoUnits(text: string, limits: UnitLimits): Generator<TextUnit> {
  for (const [start, end] of paragraphs(text)) {
    const paragraph = text.slice(start, end);
    const paragraphTokens = estimateTokens(paragraph);
    let starts: TextUnit['starts'] = HEADING.test(paragraph.trimStart()) ? 'section' : 'paragraph';
    for (const [from, to] of sentencesOf(paragraph)) {
      for (const [pieceStart, pieceEnd] of splitLong(text, start + from, start + to, limits)) {
        const tokens = estimateTokens(text.slice(pieceStart, pieceEnd));
        yield {
          start: pieceStart,
          end: pieceEnd,
          tokens,
          starts,
          paragraphTokens: starts === 'sentence' ? 0 : paragraphTokens,
        };
        starts = 'sentence';
      }
    }
  }
}

/** Paragraphs end after a blank line, and before and after a Markdown heading. */
function* paragraphs(text: string): Generator<[number, number]> {
  const boundary = /\n[ \t]*(?:\n\s*)?(?=#{1,6} )|\n[ \t]*\n\s*|(?<=^#{1,6} [^\n]{0,300})\n/gm;
  let start = 0;
  for (const match of text.matchAll(boundary)) {
    const end = match.index + match[0].length;
    if (end > start) yield [start, end];
    start = end;
  }
  if (start < text.length) yield [start, text.length];
}

function* sentencesOf(paragraph: string): Generator<[number, number]> {
  // The segmenter ends a sentence at every line; a line that goes on in lower case was only wrapped.
  const unwrapped = paragraph.replace(/\n(?=[ \t]*\p{Ll})/gu, ' ');
  for (let base = 0; base < unwrapped.length; ) {
    const limit = safeEnd(unwrapped, Math.min(unwrapped.length, base + LONGEST_SEGMENTED));
    for (const { index, segment } of sentences.segment(unwrapped.slice(base, limit))) {
      yield [base + index, base + index + segment.length];
    }
    base = limit;
  }
}

/** Cuts what does not fit a chunk: at white space if there is any, else between graphemes. */
function* splitLong(
  text: string,
  start: number,
  end: number,
  limits: UnitLimits,
): Generator<[number, number]> {
  let from = start;
  while (from < end) {
    const fits = fittingEnd(text, from, end, limits);
    const to = fits >= end ? end : cutBefore(text, from, fits);
    yield [from, to];
    from = to;
  }
}

/** The furthest offset at which a piece from `from` is still within both limits. */
function fittingEnd(
  text: string,
  from: number,
  end: number,
  { targetTokens, maxCharacters }: UnitLimits,
): number {
  const last = Math.min(end, from + maxCharacters);
  const weigh = createScale();
  let tokens = 0;
  for (let at = from; at < last; at++) {
    tokens += weigh(text.charCodeAt(at));
    if (tokens > targetTokens) return Math.max(at, from + 2);
  }
  return last;
}

function cutBefore(text: string, from: number, limit: number): number {
  const space = /\s(?=\S*$)/.exec(text.slice(from + ((limit - from) >> 1), limit));
  if (space !== null) return from + ((limit - from) >> 1) + space.index + 1;
  const windowStart = Math.max(from, limit - LONGEST_GRAPHEME);
  let cut = 0;
  for (const { index, segment } of graphemes.segment(text.slice(windowStart, limit + LONGEST_GRAPHEME))) {
    if (windowStart + index > limit) break;
    if (windowStart + index > from && segment.length > 0) cut = windowStart + index;
  }
  return cut > from ? cut : safeEnd(text, limit);
}

/** Not between the two halves of a surrogate pair. */
function safeEnd(text: string, at: number): number {
  const before = text.charCodeAt(at - 1);
  const after = text.charCodeAt(at);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff ? at - 1 : at;
}

/** Tokens of a WordPiece vocabulary, roughly: calibrated on prose, JSON and source code, on the high side. */
export function estimateTokens(text: string): number {
  const weigh = createScale();
  let tokens = 0;
  for (let at = 0; at < text.length; at++) tokens += weigh(text.charCodeAt(at));
  return tokens;
}

/** Words up to this length are mostly in the vocabulary; compounds and hashes beyond it fall into small pieces. */
const COMMON_WORD = 8;

/** Weighs UTF-16 code units one after the other. */
function createScale(): (code: number) => number {
  let run = 0;
  return (code) => {
    const letter = (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
    const digit = code >= 0x30 && code <= 0x39;
    run = letter || digit ? run + 1 : 0;
    if (letter) return run > COMMON_WORD ? 0.42 : 0.23;
    if (digit) return 0.6;
    if (code <= 0x20) return 0.02;
    if (code < 0x80) return 0.9;
    return code < 0x2e80 ? 0.6 : 1;
  };
}
