import nlp from 'compromise/three';
import type { Found } from './recognise.ts';
import { sentencesOf } from './sentences.ts';

export type NameType = 'person' | 'place' | 'organisation';
export type FoundName = Found & { type: NameType };

/** The library's time and memory grow with every sentence: names are looked for in this much. */
const MOST_CHARACTERS = 200_000;
const LONGEST_NAME = 80;
/** What the library takes its time for is no sentence. */
const LONGEST_WORD = /\S{80}/;

/** Names in English text, by compromise. Of people those with two parts, and such parts by themselves. */
export function namesIn(text: string): FoundName[] {
  const found: FoundName[] = [];
  for (const sentence of sentencesOf(text.slice(0, MOST_CHARACTERS))) {
    if (!/\p{Lu}/u.test(sentence.text) || LONGEST_WORD.test(sentence.text)) continue;
    for (const name of namesOf(sentence.text)) {
      found.push({ ...name, start: name.start + sentence.start, end: name.end + sentence.start });
    }
  }
  return withoutStrangers(found);
}

function namesOf(sentence: string): FoundName[] {
  const document = nlp(sentence);
  const views: [NameType, unknown][] = [
    ['person', document.people().json({ offset: true })],
    ['organisation', document.organizations().json({ offset: true })],
    ['place', document.places().json({ offset: true })],
  ];
  return views.flatMap(([type, json]) =>
    (Array.isArray(json) ? json : []).flatMap((entry) => toName(type, entry, sentence)),
  );
}

function toName(type: NameType, entry: unknown, sentence: string): FoundName[] {
  if (typeof entry !== 'object' || entry === null || !('text' in entry) || typeof entry.text !== 'string')
    return [];
  const name = entry.text
    .trim()
    .replace(/(?:['’]s)?[,;:!?)"”’\]]*$/u, '')
    .replace(/^["“‘([]+/u, '');
  if (name.length < 2 || name.length > LONGEST_NAME || !/^\p{Lu}/u.test(name) || /\n/.test(name)) return [];
  // Its offset is that of the words before it is trimmed; the name is at or right behind it.
  const start = sentence.indexOf(name, Math.max(0, offsetOf(entry) - 2));
  if (start === -1) return [];
  // The last full stop is the sentence's; one inside of it (Ltd., J.) is the name's.
  const isLast = start + name.length === sentence.trimEnd().length;
  const text = isLast ? name.replace(/\.$/u, '') : name;
  return [{ type, text, start, end: start + text.length }];
}

function offsetOf(entry: object): number {
  const offset: unknown = 'offset' in entry ? entry.offset : undefined;
  if (typeof offset !== 'object' || offset === null || !('start' in offset)) return 0;
  return typeof offset.start === 'number' ? offset.start : 0;
}

/** A first name alone is a word as often as a name, unless somebody of that name was written out. */
function withoutStrangers(names: readonly FoundName[]): FoundName[] {
  const parts = new Set(
    names.flatMap(({ type, text }) => (type === 'person' && / /.test(text) ? text.split(' ') : [])),
  );
  return names.filter(({ type, text }) => type !== 'person' || / /.test(text) || parts.has(text));
}
