import type { HardTerm, QueryTerms } from '../ports/search.ts';

const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
/** Written without spaces between words, or pictures: no dictionary cuts them, so they are looked for as they stand. */
const SPACELESS =
  /(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\u3005\u30FC\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}]|\u200D|\uFE0F)+/gu;
const VISIBLE_SPACELESS = /[\p{L}\p{Extended_Pictographic}\p{Regional_Indicator}]/u;
const NOT_WORD = /[^\p{L}\p{M}\p{N}]+/u;
const SHORTEST_PREFIX = 2;
const MOST_GRAMS = 64;

/**
 * Words, `"phrases"`, `prefix*`, `-word` and `-"phrase"`. There is no query that is wrong: a quote without its other
 * half and a sign without a word are not there. One pass; linear in the length of the query.
 */
export function parseQuery(query: string): QueryTerms {
  const words: string[] = [];
  const prefixes: string[] = [];
  const phrases: HardTerm[] = [];
  const excluded: HardTerm[] = [];
  for (const { text, isPhrase, isExcluded } of tokens(query)) {
    if (!isSearchable(text)) continue;
    const prefix = isPhrase || isExcluded ? undefined : prefixOf(text);
    if (isExcluded) excluded.push(hardTerm(text));
    else if (prefix !== undefined) {
      words.push(...prefix.before);
      prefixes.push(prefix.last);
    } else {
      words.push(text);
      if (isPhrase) phrases.push(hardTerm(text));
    }
  }
  const all = words.join(' ');
  return {
    words: all.replace(SPACELESS, ' ').trim(),
    prefixes: [...new Set(prefixes)],
    phrases,
    excluded,
    grams: gramsOf(all),
    meaning: [all, ...prefixes].join(' ').trim(),
  };
}

interface Token {
  readonly text: string;
  readonly isPhrase: boolean;
  readonly isExcluded: boolean;
}

function* tokens(query: string): Generator<Token> {
  const plain = query.toWellFormed().replace(/[\u201C-\u201F\u00AB\u00BB]/g, '"');
  for (const [, minus, phrase, word = ''] of plain.matchAll(/(?:(?<![^\s"])(-))?(?:"([^"]*)"|([^\s"]+))/g)) {
    if (phrase !== undefined) yield { text: phrase.trim(), isPhrase: true, isExcluded: minus !== undefined };
    else {
      const isExcluded = minus !== undefined && !word.startsWith('-');
      yield { text: word, isPhrase: false, isExcluded };
    }
  }
}

const isSearchable = (text: string): boolean =>
  LETTER_OR_DIGIT.test(text) || (text.match(SPACELESS) ?? []).some((run) => VISIBLE_SPACELESS.test(run));

const hardTerm = (text: string): HardTerm => ({ text, literal: text.search(SPACELESS) >= 0 });

/** `e-mail-addr*`: the last piece is open, those before it are words. */
function prefixOf(text: string): { before: string[]; last: string } | undefined {
  if (!text.endsWith('*') || text.search(SPACELESS) >= 0) return undefined;
  const pieces = text
    .toLowerCase()
    .split(NOT_WORD)
    .filter((piece) => piece !== '');
  const last = pieces.pop();
  return last === undefined || last.length < SHORTEST_PREFIX ? undefined : { before: pieces, last };
}

/** Pairs of neighbouring characters of each run; a run of one character is itself. */
function gramsOf(text: string): string[] {
  const grams = new Set<string>();
  for (const run of text.match(SPACELESS) ?? []) {
    if (!VISIBLE_SPACELESS.test(run)) continue;
    const characters = [...run.toLowerCase()];
    if (characters.length < 3 || !LETTER_OR_DIGIT.test(run)) grams.add(characters.join(''));
    else
      for (let at = 0; at + 1 < characters.length; at += 1)
        grams.add(`${characters[at]}${characters[at + 1]}`);
  }
  return [...grams].slice(0, MOST_GRAMS);
}
