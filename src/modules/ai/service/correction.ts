import type { LikeWord, QueryTerms } from '../ports/search.ts';

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
const SHORTEST = 4;
const MOST_WORDS = 8;
/** Letters of a sample that are looked at. */
const SAMPLE = 4_000;

/** Words of the query that a slip of the hand may have spoilt. */
export function doubtfulWords({ words, phrases }: QueryTerms): string[] {
  const fixed = new Set(phrases.flatMap(({ text }) => text.toLowerCase().match(WORD) ?? []));
  const all = (words.toLowerCase().match(WORD) ?? []).filter(
    (word) => word.length >= SHORTEST && word.length <= 40 && !fixed.has(word),
  );
  return [...new Set(all)].slice(0, MOST_WORDS);
}

/** The query with each doubtful word replaced by the nearest that the caller's files have; undefined where none is near. */
export function correct(query: string, found: ReadonlyMap<string, readonly LikeWord[]>): string | undefined {
  let changed = false;
  const corrected = query.replace(WORD, (word) => {
    const better = nearest(word.toLowerCase(), found.get(word.toLowerCase()) ?? []);
    if (better === undefined) return word;
    changed = true;
    return better;
  });
  return changed ? corrected : undefined;
}

/** Lexemes are stems: what is shown is the word of a text that has it. */
function nearest(word: string, choices: readonly LikeWord[]): string | undefined {
  const most = word.length >= 8 ? 2 : 1;
  let best: { word: string; distance: number } | undefined;
  for (const { sample } of choices) {
    for (const candidate of new Set(sample.slice(0, SAMPLE).toLowerCase().match(WORD) ?? [])) {
      if (Math.abs(candidate.length - word.length) > most) continue;
      const distance = slips(word, candidate);
      if (distance > 0 && distance <= most && distance < (best?.distance ?? Infinity))
        best = { word: candidate, distance };
    }
  }
  return best?.word;
}

/** Optimal string alignment (Boytsov 2011): letters put in, left out, changed, or two neighbours exchanged. */
export function slips(a: string, b: string): number {
  let [before, above]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [before, above] = [above, row];
  }
  return above[b.length] ?? 0;
}
