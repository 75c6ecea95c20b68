export interface Word {
  /** As it stands in the text. */
  text: string;
  start: number;
  end: number;
}

/** Runs of letters and digits; a longer run is not a word of any language and is left out. */
const LONGEST_WORD = 64;
const RUN = /[\p{L}\p{N}][\p{L}\p{M}\p{N}'’_-]*/gu;

/** Scripts that are written without spaces: words are found by dictionary. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const UNSPACED_LETTERS = new RegExp(UNSPACED.source, 'gu');

const segmenter = new Intl.Segmenter(undefined, { granularity: 'word' });
/** The segmenter's time grows faster than its text: it gets this much at most. */
const LONGEST_SEGMENTED = 2_000;

/** Words in their order, in any script. Linear in the text. */
export function* wordsOf(text: string): Generator<Word> {
  for (const match of text.matchAll(RUN)) {
    const [run] = match;
    if (UNSPACED.test(run)) yield* segmented(run, match.index);
    else if (run.length <= LONGEST_WORD) yield trimmed(run, match.index);
  }
}

function* segmented(run: string, offset: number): Generator<Word> {
  for (let base = 0; base < run.length; base += LONGEST_SEGMENTED) {
    for (const { segment, index } of segmenter.segment(run.slice(base, base + LONGEST_SEGMENTED))) {
      const start = offset + base + index;
      if (segment.length <= LONGEST_WORD) yield { text: segment, start, end: start + segment.length };
    }
  }
}

/** Without the hyphens and apostrophes at its end. */
function trimmed(run: string, start: number): Word {
  let length = run.length;
  while (length > 1 && "'’_-".includes(run.charAt(length - 1))) length--;
  return { text: run.slice(0, length), start, end: start + length };
}

export interface WordCounts {
  /** Separated by spaces. */
  spaced: number;
  /** Letters of scripts without spaces. */
  unspaced: number;
}

export function countWords(text: string): WordCounts {
  let spaced = 0;
  let unspaced = 0;
  for (const [run] of text.matchAll(RUN)) {
    const letters = UNSPACED.test(run) ? (run.match(UNSPACED_LETTERS)?.length ?? 0) : 0;
    if (letters === 0) spaced++;
    unspaced += letters;
  }
  return { spaced, unspaced };
}

export function isUnspaced(word: string): boolean {
  return UNSPACED.test(word);
}
