import type { z } from 'zod';
import type { summaryOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin, type EmbedTexts, type PluginInput, type PluginOutcome } from '../plugin.ts';
import { isCodeType, isTableType } from '../text/prose.ts';
import { type Sentence, sentencesOf } from '../text/sentences.ts';
import { stopWordsOf } from '../text/stop-words.ts';
import { cosine, meanOf } from '../text/vectors.ts';
import { isUnspaced, wordsOf } from '../text/words.ts';

type Output = z.infer<typeof summaryOutputSchema>;

/** A text no longer than this is its own summary. */
const SHORT = { characters: 400, sentences: 3 };
const LONGEST_SUMMARY = { characters: 700, sentences: 5 };
/** Sentences that are embedded; of a longer text those with the most frequent words. */
const MOST_CANDIDATES = 120;
/** Nearness to the document against difference from what is chosen already (MMR, Carbonell and Goldstein 1998). */
const RELEVANCE = 0.7;
/** Two sentences as near as this say the same. */
const SAME = 0.85;

/** Sentences of the document that stand for it; another's words only when a summarisation model is configured. */
export default definePlugin<Output>({
  manifest: {
    name: 'summary',
    version: '1.0.0',
    description:
      'The sentences that say most of the document, or a summary by a model where one is configured.',
    inputs: ['text', 'embedding'],
    outputs: ['summary', 'method', 'sentences'],
    mediaTypes: ['*'],
    limits: { milliseconds: 60_000, characters: 400_000, outputBytes: 20_000 },
  },
  async run(input, { embed, summarise }) {
    if (isCodeType(input.contentType) || isTableType(input.contentType)) {
      return { skipped: 'Code and tables have no summary.' };
    }
    const sentences = [...sentencesOf(input.text)];
    if (sentences.length === 0) return { skipped: 'There is no text.' };
    if (input.text.length <= SHORT.characters || sentences.length <= SHORT.sentences) {
      return extract(cutToSize(sentences));
    }
    const written = await summarise?.(input.text);
    if (written !== undefined) {
      return { output: { summary: written.summary, method: 'abstractive', sentences: [] } };
    }
    return extractCentral(input, sentences, embed);
  },
});

async function extractCentral(
  input: PluginInput,
  sentences: readonly Sentence[],
  embed: EmbedTexts | undefined,
): Promise<PluginOutcome<Output>> {
  const candidates = mostTelling(sentences.filter(isSentence), input.language);
  if (candidates.length === 0) return extract(cutToSize(sentences));
  const embedded = await embed?.(candidates.map(({ text }) => text));
  if (embedded === undefined) {
    const lead = candidates.sort((a, b) => a.start - b.start);
    return { ...extract(cutToSize(lead)), remark: 'The first sentences: no embedding model was ready.' };
  }
  const centre = input.vector?.model === embedded.model ? input.vector.values : meanOf(embedded.vectors);
  return extract(cutToSize(diverse(candidates, embedded.vectors, centre)));
}

/** Four words or more and an end, or ten words: not a heading, a page number or a row of a table. */
function isSentence({ text }: Sentence): boolean {
  let words = 0;
  let unspaced = 0;
  for (const word of wordsOf(text)) {
    words++;
    if (isUnspaced(word.text)) unspaced++;
  }
  return words >= 10 || (words >= 4 && /[.!?…。！？]["'”’»)\]]*$/.test(text)) || unspaced >= 6;
}

/** Sentences whose content words are the most frequent ones of the text; the first ones in any case. */
function mostTelling(sentences: Sentence[], language: string | null): Sentence[] {
  if (sentences.length <= MOST_CANDIDATES) return sentences;
  const stopWords = stopWordsOf(language);
  const contents = sentences.map(({ text }) =>
    [...wordsOf(text)].map((word) => word.text.toLowerCase()).filter((word) => !stopWords.has(word)),
  );
  const counts = new Map<string, number>();
  for (const word of contents.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
  const weights = contents.map((words) => {
    const sum = words.reduce((total, word) => total + Math.log(counts.get(word) ?? 1), 0);
    return words.length === 0 ? 0 : sum / Math.max(8, words.length);
  });
  return sentences
    .map((sentence, index) => ({
      sentence,
      weight: index < 10 ? Number.POSITIVE_INFINITY : (weights[index] ?? 0),
    }))
    .sort((a, b) => (a.weight === b.weight ? a.sentence.start - b.sentence.start : b.weight - a.weight))
    .slice(0, MOST_CANDIDATES)
    .map(({ sentence }) => sentence);
}

/** The best first. */
function diverse(
  sentences: readonly Sentence[],
  vectors: readonly ArrayLike<number>[],
  centre: ArrayLike<number>,
): Sentence[] {
  const left = sentences.map((sentence, index) => {
    const vector = vectors[index] ?? [];
    return { sentence, vector, relevance: cosine(vector, centre), redundancy: 0 };
  });
  const chosen: Sentence[] = [];
  const score = (entry: (typeof left)[number]) =>
    RELEVANCE * entry.relevance - (1 - RELEVANCE) * entry.redundancy;
  while (left.length > 0 && chosen.length < LONGEST_SUMMARY.sentences) {
    const best = left.reduce((a, b) => (score(b) > score(a) ? b : a));
    left.splice(left.indexOf(best), 1);
    if (best.redundancy > SAME) continue;
    chosen.push(best.sentence);
    for (const entry of left)
      entry.redundancy = Math.max(entry.redundancy, cosine(entry.vector, best.vector));
  }
  return chosen;
}

/** As many of the first as fit, at least one. */
function cutToSize(sentences: readonly Sentence[]): Sentence[] {
  const kept: Sentence[] = [];
  let characters = 0;
  for (const sentence of sentences) {
    characters += sentence.text.length;
    if (
      kept.length > 0 &&
      (characters > LONGEST_SUMMARY.characters || kept.length === LONGEST_SUMMARY.sentences)
    ) {
      break;
    }
    kept.push(sentence);
  }
  return kept;
}

/** In the order of the document. */
function extract(sentences: readonly Sentence[]): { output: Output } {
  const ordered = sentences.toSorted((a, b) => a.start - b.start);
  const summary = ordered.map(({ text }) => text.replace(/\s+/g, ' ')).join(' ');
  return {
    output: { summary, method: 'extractive', sentences: ordered.map(({ start, end }) => ({ start, end })) },
  };
}
