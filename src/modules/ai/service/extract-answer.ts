import type { RetrievedPassage, Similarity } from '../ports/ask.ts';

/** A sentence of a passage and how well it answers the question. */
export interface Extract {
  /** Index of its passage. */
  readonly passage: number;
  /** In the version's text. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly score: number;
}

const SENTENCES = 96;
const SHOWN = 3;
const LONGEST_SENTENCE = 600;
/** Of a sentence, so that it counts as an answer; measured with all-MiniLM-L6-v2, see the test. */
export const SUPPORTS_FROM = 0.42;
/** Of a further sentence, as a share of the best one's. */
const WITHIN = 0.85;
/** Without a model: the share of the question's words that a passage has to have. */
const WORDS_SUPPORT_FROM = 0.6;

/**
 * The sentences that answer the question, the best first; none when nothing does. Without a model, the beginning of the
 * passages that have most of the question's words.
 */
export async function extractAnswer(
  question: string,
  passages: readonly RetrievedPassage[],
  similarity: Similarity,
): Promise<Extract[]> {
  const sentences = passages.flatMap(sentencesOf).slice(0, SENTENCES);
  if (sentences.length === 0) return [];
  const scores = await similarity(
    question,
    sentences.map(({ text }) => text),
  );
  if (scores === undefined) return byWords(passages);
  const ranked = sentences
    .map((sentence, at) => ({ ...sentence, score: scores[at] ?? 0 }))
    .toSorted((a, b) => b.score - a.score || a.passage - b.passage || a.start - b.start);
  const best = ranked[0]?.score ?? 0;
  if (best < SUPPORTS_FROM) return [];
  return distinct(ranked.filter(({ score }) => score >= best * WITHIN)).slice(0, SHOWN);
}

function sentencesOf({ text, start }: RetrievedPassage, passage: number): Omit<Extract, 'score'>[] {
  const segmenter = new Intl.Segmenter(undefined, { granularity: 'sentence' });
  return [...segmenter.segment(text)].flatMap(({ segment, index }) => {
    const trimmed = segment.trim().slice(0, LONGEST_SENTENCE);
    const from = start + index + (segment.length - segment.trimStart().length);
    return /[\p{L}\p{N}]{2}/u.test(trimmed)
      ? [{ passage, start: from, end: from + trimmed.length, text: trimmed }]
      : [];
  });
}

function byWords(passages: readonly RetrievedPassage[]): Extract[] {
  return passages
    .map((passage, at) => ({ passage, at }))
    .filter(({ passage }) => passage.keyword >= WORDS_SUPPORT_FROM)
    .slice(0, SHOWN)
    .flatMap(({ passage, at }) => {
      const [first] = sentencesOf(passage, at);
      return first === undefined ? [] : [{ ...first, score: passage.keyword }];
    });
}

/** Chunks overlap, and copies of a file say the same: each sentence is shown once. */
function distinct(extracts: readonly Extract[]): Extract[] {
  const seen = new Set<string>();
  return extracts.filter(({ text }) => {
    const key = text.toLowerCase().replace(/\s+/g, ' ');
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
