import type { FieldPrompt } from '../../../contracts/sidecar.ts';
import { datesIn } from '../text/dates.ts';
import { amountsIn, emailsIn, type Found, numbersIn, urlsIn } from '../text/recognise.ts';

/** A value that a field may have. */
export interface FieldCandidate {
  value: string;
  start: number;
  end: number;
  /** The line around it, for comparing with the field. */
  context: string;
  /** What it is called where it stands, `Key: value`; else the text before it tells. */
  key?: string;
  /** Log-odds for its form alone. */
  bonus: number;
}

const MOST_CANDIDATES = 2_000;
const CONTEXT = { before: 120, after: 60 } as const;
const LONGEST_VALUE = 200;
const LONGEST_KEY = 60;
/** A choice that is written out is hardly there by chance, unless it is a common word. */
const CHOICE_BONUS = 1.5;

/** Finds the candidates of each type once for a text. */
export function candidatesOf(
  text: string,
  language: string | null,
): (field: FieldPrompt) => readonly FieldCandidate[] {
  const known = new Map<string, readonly FieldCandidate[]>();
  const once = (type: string, find: () => readonly Found[]) => {
    const found =
      known.get(type) ??
      find()
        .slice(0, MOST_CANDIDATES)
        .flatMap((entry) => toCandidate(text, entry));
    known.set(type, found);
    return found;
  };
  return ({ type, choices = [] }) => {
    switch (type) {
      case 'date':
        return once(type, () => datesIn(text, language));
      case 'amount':
        return once(type, () => amountsIn(text));
      case 'email':
        return once(type, () => emailsIn(text));
      case 'url':
        return once(type, () => urlsIn(text));
      case 'number':
        return once(type, () => numbersIn(text));
      case 'choice':
        return choicesIn(text, choices);
      case 'text': {
        const pairs = known.get('text') ?? pairsIn(text);
        known.set('text', pairs);
        return pairs;
      }
    }
  };
}

/** What has no value may be read in two ways, and is no answer. */
function toCandidate(text: string, { start, end, value }: Found): FieldCandidate[] {
  return value === undefined ? [] : [{ value, start, end, context: contextOf(text, start, end), bonus: 0 }];
}

function contextOf(text: string, start: number, end: number): string {
  const before = text.slice(Math.max(0, start - CONTEXT.before), start);
  const after = text.slice(end, end + CONTEXT.after);
  // The line above belongs to it: tables have their headings there.
  const lines = before.split('\n').slice(-2).join('\n');
  const rest = after.split('\n', 1)[0] ?? '';
  return `${lines}${text.slice(start, Math.min(end, start + LONGEST_VALUE))}${rest}`.trim();
}

/** Whole words, whatever their case. */
function choicesIn(text: string, choices: readonly string[]): FieldCandidate[] {
  const lower = text.toLowerCase();
  // A text whose length changes with its case has other offsets then.
  if (lower.length !== text.length) return [];
  const found: FieldCandidate[] = [];
  for (const choice of choices) {
    const wanted = choice.trim().toLowerCase();
    if (wanted === '') continue;
    for (let at = lower.indexOf(wanted); at !== -1 && found.length < MOST_CANDIDATES; ) {
      const end = at + wanted.length;
      if (!isLetter(lower.charAt(at - 1)) && !isLetter(lower.charAt(end))) {
        found.push({ value: choice, start: at, end, context: contextOf(text, at, end), bonus: CHOICE_BONUS });
      }
      at = lower.indexOf(wanted, end);
    }
  }
  return found;
}

function isLetter(character: string): boolean {
  return /[\p{L}\p{N}]/u.test(character);
}

/** `Key: value` and `Key<tab>value`, one on a line; and `# value` headings by their own words. */
function pairsIn(text: string): FieldCandidate[] {
  const found: FieldCandidate[] = [];
  let lineStart = 0;
  for (const line of text.split('\n')) {
    const parting = partingOf(line);
    if (parting !== undefined) {
      const raw = line.slice(parting.valueAt, parting.valueAt + LONGEST_VALUE);
      const value = raw.trim();
      const start = lineStart + parting.valueAt + raw.length - raw.trimStart().length;
      if (value !== '') {
        found.push({
          value,
          start,
          end: start + value.length,
          context: line.slice(0, 400),
          key: parting.key,
          bonus: 0,
        });
      }
    }
    if (found.length === MOST_CANDIDATES) break;
    lineStart += line.length + 1;
  }
  return found;
}

function partingOf(line: string): { key: string; valueAt: number } | undefined {
  const head = line.slice(0, LONGEST_KEY + 1);
  const match = /[:：\t|=]/.exec(head);
  if (match === null || match.index === 0) return undefined;
  // The colon of a URL or of a time parts nothing.
  if (match[0] === ':' && /^(?:\/\/|\d)/.test(line.slice(match.index + 1))) return undefined;
  const key = head.slice(0, match.index);
  return /\p{L}/u.test(key) ? { key, valueAt: match.index + 1 } : undefined;
}
