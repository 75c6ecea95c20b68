import type { FieldPrompt } from '../../../contracts/sidecar.ts';
import { stopWordsOf } from '../text/stop-words.ts';
import { wordsOf } from '../text/words.ts';
import type { FieldCandidate } from './candidates.ts';

export interface Cues {
  name: string[];
  description: string[];
}

/** What stands before a value, on its line and on the one above it. */
const REACH = 80;
/** Words of the description say less than those of the name. */
const DESCRIPTION_SHARE = 0.5;

/** The words that would stand beside the value: of `invoice_number`, invoice and number. */
export function cuesOf({ name, description }: FieldPrompt): Cues {
  const named = wordsIn(name.replace(/[_-]+/g, ' ').replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2'));
  return { name: named, description: contentWords(description).filter((word) => !named.includes(word)) };
}

function wordsIn(text: string): string[] {
  const words = [...wordsOf(text.slice(0, 1_000))].map((word) => word.text.toLowerCase());
  return [...new Set(words)].filter((word) => word.length >= 2).slice(0, 20);
}

/** Of a name every word counts: `due` is a stop word, in Italian. */
function contentWords(text: string): string[] {
  const stopWords = stopWordsOf(null);
  return wordsIn(text).filter((word) => !stopWords.has(word));
}

/**
 * 0 to 1: how many words of the name, or less so of the description, stand before the candidate, the nearer the
 * better. The sentence goes on behind a value, but what belongs to the value is before it in nearly all documents.
 */
export function cueStrength(text: string, { start, key }: FieldCandidate, cues: Cues): number {
  const before = (key ?? text.slice(Math.max(0, start - REACH), start)).toLowerCase();
  const lineStart = key === undefined ? before.lastIndexOf('\n') + 1 : 0;
  const words = [...wordsOf(before)];
  const nearest = (cue: string) => {
    const at = words.findLast((word) => isLike(word.text, cue));
    if (at === undefined) return 0;
    const away = before.length - at.end;
    return (at.start >= lineStart ? 1 : 0.7) * (1 - away / (2 * REACH));
  };
  const strengthOf = (list: readonly string[]) =>
    list.length === 0 ? 0 : list.reduce((sum, cue) => sum + nearest(cue), 0) / list.length;
  const described = cues.description
    .map(nearest)
    .sort((a, b) => b - a)
    .slice(0, 2);
  const byDescription = described.reduce((sum, value) => sum + value, 0) / Math.max(1, described.length);
  return Math.min(1, Math.max(strengthOf(cues.name), DESCRIPTION_SHARE * byDescription));
}

/** The same, or one begins with the other: number and no, total and totals, date and dated. */
function isLike(word: string, cue: string): boolean {
  if (word === cue) return true;
  if (cue === 'number' && /^(?:no|nr|num)$/.test(word)) return true;
  const [short, long] = word.length < cue.length ? [word, cue] : [cue, word];
  return short.length >= 4 && long.length - short.length <= 3 && long.startsWith(short);
}
