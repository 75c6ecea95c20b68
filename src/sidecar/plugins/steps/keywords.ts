import type { z } from 'zod';
import type { keywordsOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin } from '../plugin.ts';
import { emailsIn, urlsIn } from '../text/recognise.ts';
import { sentencesOf } from '../text/sentences.ts';
import { hasStopWords, stopWordsOf } from '../text/stop-words.ts';
import { rounded } from '../text/vectors.ts';
import { isUnspaced, wordsOf } from '../text/words.ts';

/** A keyword is one to three words long. */
const MOST_WORDS = 3;
const MOST_KEYWORDS = 12;
/** In a language without a list, words this short are taken for function words. */
const SHORT_WORD = 3;
/** Words to either side that a word is seen together with. */
const WINDOW = 2;
/** Of HTML in Markdown; bounded, so that its time is linear. */
const TAG = /<\/?[a-z][^<>]{0,300}>/gi;

/** A word as it stands in a sentence. */
interface Token {
  text: string;
  key: string;
  start: number;
  end: number;
  content: boolean;
}

/** What is known of a word over the whole text. */
interface Term {
  count: number;
  capitals: number;
  sentences: number[];
  left: Set<string>;
  right: Set<string>;
  leftCount: number;
  rightCount: number;
}

interface Candidate {
  text: string;
  words: string[];
  count: number;
  first: number;
}

/** YAKE (Campos et al. 2020): statistics of the one document, no corpus and no dictionary but stop words. */
export default definePlugin<z.infer<typeof keywordsOutputSchema>>({
  manifest: {
    name: 'keywords',
    version: '1.0.0',
    description: 'Words and phrases that the document is about, the best first.',
    inputs: ['text'],
    outputs: ['keywords'],
    mediaTypes: ['*'],
    limits: { milliseconds: 20_000, characters: 300_000, outputBytes: 10_000 },
  },
  run({ text: written, language }) {
    const text = withoutAddresses(written);
    const sentences = [...sentencesOf(text)].map((sentence) => tokensOf(sentence, language));
    const terms = termsOf(sentences);
    const weights = weigh(terms, sentences.length);
    const scored = [...candidatesOf(text, sentences).values()].map((candidate) => ({
      candidate,
      score: scoreOf(candidate, weights),
    }));
    scored.sort((a, b) => a.score - b.score || a.candidate.first - b.candidate.first);
    const keywords = distinct(scored).map(({ candidate, score }) => ({
      text: candidate.text,
      score: rounded(1 / (1 + score)),
    }));
    return keywords.length === 0
      ? { skipped: 'There are no words to choose from.' }
      : { output: { keywords } };
  },
});

/** URLs, e-mail addresses and tags are no words of the document; spaces of their length keep all places. */
function withoutAddresses(text: string): string {
  const pieces: string[] = [];
  let at = 0;
  const addresses = [...urlsIn(text), ...emailsIn(text)].sort((a, b) => a.start - b.start);
  for (const { start, end } of addresses) {
    if (start < at) continue;
    pieces.push(text.slice(at, start), ' '.repeat(end - start));
    at = end;
  }
  pieces.push(text.slice(at));
  return pieces.join('').replace(TAG, (tag) => ' '.repeat(tag.length));
}

function tokensOf(sentence: { start: number; text: string }, language: string | null): Token[] {
  const stopWords = stopWordsOf(language);
  const known = hasStopWords(language);
  return [...wordsOf(sentence.text)].map((word) => {
    const key = word.text.toLowerCase();
    const shortest = isUnspaced(key) ? 2 : known ? 3 : SHORT_WORD + 1;
    const acronym = /^\p{Lu}{2,}$/u.test(word.text);
    const content =
      !stopWords.has(key) && (key.length >= shortest || acronym) && /\p{L}/u.test(key) && !/^\d/.test(key);
    return {
      text: word.text,
      key,
      start: sentence.start + word.start,
      end: sentence.start + word.end,
      content,
    };
  });
}

function termsOf(sentences: readonly Token[][]): Map<string, Term> {
  const terms = new Map<string, Term>();
  sentences.forEach((tokens, sentence) => {
    tokens.forEach((token, at) => {
      if (!token.content) return;
      const term = terms.get(token.key) ?? emptyTerm();
      terms.set(token.key, term);
      term.count++;
      // The first word of a sentence has its capital from there.
      if (at > 0 && /^\p{Lu}/u.test(token.text)) term.capitals++;
      if (term.sentences.at(-1) !== sentence) term.sentences.push(sentence);
      for (let away = 1; away <= WINDOW; away++) {
        const [before, after] = [tokens[at - away], tokens[at + away]];
        if (before !== undefined) {
          term.left.add(before.key);
          term.leftCount++;
        }
        if (after !== undefined) {
          term.right.add(after.key);
          term.rightCount++;
        }
      }
    });
  });
  return terms;
}

function emptyTerm(): Term {
  return {
    count: 0,
    capitals: 0,
    sentences: [],
    left: new Set(),
    right: new Set(),
    leftCount: 0,
    rightCount: 0,
  };
}

/** The smaller, the more a word says: section 3.2 of the paper. */
function weigh(terms: ReadonlyMap<string, Term>, sentences: number): Map<string, number> {
  const counts = [...terms.values()].map(({ count }) => count);
  const mean = counts.reduce((sum, count) => sum + count, 0) / Math.max(1, counts.length);
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / Math.max(1, counts.length);
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const weights = new Map<string, number>();
  for (const [key, term] of terms) {
    const casing = term.capitals / (1 + Math.log(term.count));
    const median = term.sentences[Math.floor(term.sentences.length / 2)] ?? 0;
    const position = Math.log(Math.log(3 + median));
    const frequency = term.count / (mean + Math.sqrt(variance));
    const left = term.leftCount === 0 ? 0 : term.left.size / term.leftCount;
    const right = term.rightCount === 0 ? 0 : term.right.size / term.rightCount;
    const relatedness = 1 + (left + right) * (term.count / most);
    const spread = term.sentences.length / sentences;
    weights.set(key, (relatedness * position) / (casing + frequency / relatedness + spread / relatedness));
  }
  return weights;
}

/** Neighbours with nothing but a space or a hyphen between them, content words at both ends. */
function candidatesOf(text: string, sentences: readonly Token[][]): Map<string, Candidate> {
  const candidates = new Map<string, Candidate>();
  for (const tokens of sentences) {
    for (let from = 0; from < tokens.length; from++) {
      if (!tokens[from]?.content) continue;
      for (let words = 1; words <= MOST_WORDS; words++) {
        const phrase = tokens.slice(from, from + words);
        const last = phrase.at(-1);
        if (phrase.length < words || last === undefined || !isJoined(text, phrase)) break;
        // Words without spaces need no joining by others: those of two and three are phrases already.
        if (!phrase.every(({ content }) => content)) break;
        add(candidates, text, phrase, last);
      }
    }
  }
  return candidates;
}

function isJoined(text: string, phrase: readonly Token[]): boolean {
  return phrase.every((token, at) => {
    const next = phrase[at + 1];
    return next === undefined || /^[ \u00a0]?$/.test(text.slice(token.end, next.start));
  });
}

function add(candidates: Map<string, Candidate>, text: string, phrase: readonly Token[], last: Token): void {
  const first = phrase[0]?.start ?? 0;
  const key = phrase.map((token) => token.key).join(' ');
  const known = candidates.get(key);
  if (known !== undefined) known.count++;
  else {
    const words = phrase.map((token) => token.key);
    candidates.set(key, { text: text.slice(first, last.end), words, count: 1, first });
  }
}

function scoreOf({ words, count }: Candidate, weights: ReadonlyMap<string, number>): number {
  const values = words.map((word) => weights.get(word) ?? 1);
  const product = values.reduce((a, b) => a * b, 1);
  const sum = values.reduce((a, b) => a + b, 0);
  // A phrase that stands there once is a chance neighbourhood as often as not.
  const chance = words.length > 1 && count === 1 ? 4 : 1;
  return (chance * product) / (count * (1 + sum));
}

/** No keyword is made of words that a better one has. */
function distinct<T extends { candidate: Candidate }>(scored: readonly T[]): T[] {
  const chosen: T[] = [];
  for (const entry of scored) {
    if (chosen.length === MOST_KEYWORDS) break;
    const { words } = entry.candidate;
    const covered = chosen.some(({ candidate }) => {
      const shared = words.filter((word) => candidate.words.some((other) => isSameWord(word, other)));
      return shared.length >= Math.min(words.length, candidate.words.length);
    });
    if (!covered) chosen.push(entry);
  }
  return chosen;
}

/** The same but for an ending of two letters: plural and case. */
function isSameWord(a: string, b: string): boolean {
  if (a === b) return true;
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= 4 && long.length - short.length <= 2 && long.startsWith(short);
}
