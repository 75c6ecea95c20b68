import type { z } from 'zod';
import type { fingerprintOutputSchema } from '../../../contracts/sidecar.ts';
import { definePlugin } from '../plugin.ts';
import { wordsOf } from '../text/words.ts';

const SHINGLE_WORDS = 3;
const FEWEST_WORDS = 8;

/**
 * Simhash (Charikar 2002) of the distinct shingles of three words, case and punctuation left out. Near-duplicates
 * differ in few bits, unrelated texts in about 32: of a page of 150 words 6 with one changed sentence and 9 with its
 * paragraphs in reverse, against 32 for another text. Longer texts differ in fewer.
 */
export default definePlugin<z.infer<typeof fingerprintOutputSchema>>({
  manifest: {
    name: 'fingerprint',
    version: '1.0.0',
    description: 'A 64-bit simhash of the words, for finding near-duplicates.',
    inputs: ['text'],
    outputs: ['simhash'],
    mediaTypes: ['*'],
    limits: { milliseconds: 10_000, characters: 1_000_000, outputBytes: 1_000 },
  },
  run({ text }) {
    const words: string[] = [];
    for (const word of wordsOf(text)) words.push(word.text.normalize('NFKC').toLowerCase());
    if (words.length < FEWEST_WORDS) return { skipped: `There are fewer than ${FEWEST_WORDS} words.` };
    return { output: { simhash: simhash(shinglesOf(words)) } };
  },
});

function shinglesOf(words: readonly string[]): Set<string> {
  const shingles = new Set<string>();
  for (let at = 0; at + SHINGLE_WORDS <= words.length; at++) {
    shingles.add(words.slice(at, at + SHINGLE_WORDS).join(' '));
  }
  return shingles;
}

/** 16 hex digits. */
function simhash(shingles: Iterable<string>): string {
  const votes = new Int32Array(64);
  for (const shingle of shingles) {
    const high = hash32(shingle, 0x9e3779b9);
    const low = hash32(shingle, 0x85ebca6b);
    for (let bit = 0; bit < 32; bit++) {
      votes[bit] = (votes[bit] ?? 0) + ((high >>> bit) & 1) * 2 - 1;
      votes[32 + bit] = (votes[32 + bit] ?? 0) + ((low >>> bit) & 1) * 2 - 1;
    }
  }
  return hexOf(votes.subarray(0, 32)) + hexOf(votes.subarray(32));
}

function hexOf(votes: Int32Array): string {
  let word = 0;
  votes.forEach((vote, bit) => {
    if (vote > 0) word |= 1 << bit;
  });
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** FNV-1a over UTF-16 code units with the finaliser of MurmurHash3, whose bits depend on all of the input. */
function hash32(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
