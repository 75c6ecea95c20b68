import * as chrono from 'chrono-node';
import { type Found, withoutOverlaps } from './recognise.ts';

type Parser = Pick<chrono.Chrono, 'parse'>;

/** Languages whose month names are known. Strict: nothing that depends on today. */
const PARSERS: Readonly<Record<string, { strict: Parser }>> = {
  en: chrono.en,
  de: chrono.de,
  fr: chrono.fr,
  es: chrono.es,
  it: chrono.it,
  pt: chrono.pt,
  nl: chrono.nl,
  sv: chrono.sv,
  ru: chrono.ru,
  uk: chrono.uk,
  ja: chrono.ja,
  zh: chrono.zh,
};
/** Only what is not written is taken from it, and a date with anything not written is left out. */
const REFERENCE = new Date(Date.UTC(2000, 0, 1));
/** Characters that are looked at together, as the library's time may grow faster than its text. */
const PIECE = 500;
const OVERLAP = 60;
const NUMERIC = /(?<![\p{L}\p{N}./-])(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?![\p{L}\p{N}]|[./-]\d)/gu;

/** Dates with a year and a month; the value is `2024-03-05` or `2024-03`, none where day and month may be swapped. */
export function datesIn(text: string, language: string | null): Found[] {
  const found: Found[] = [];
  for (const [from, piece] of piecesOf(text)) {
    if (!/\p{Nd}/u.test(piece)) continue;
    const here = [...numericDates(piece, language)];
    for (const date of wordDates(piece, language)) {
      if (!here.some(({ start, end }) => date.start < end && start < date.end)) here.push(date);
    }
    for (const date of here) found.push({ ...date, start: date.start + from, end: date.end + from });
  }
  return withoutOverlaps(found);
}

/** Lines, and of long ones pieces that overlap by more than a date: sentences would end after `5.` of `5. März`. */
function* piecesOf(text: string): Generator<[number, string]> {
  let lineStart = 0;
  for (const line of text.split('\n')) {
    for (let at = 0; at === 0 || at + OVERLAP < line.length; at += PIECE - OVERLAP) {
      yield [lineStart + at, line.slice(at, at + PIECE)];
    }
    lineStart += line.length + 1;
  }
}

function* numericDates(text: string, language: string | null): Generator<Found> {
  for (const match of text.matchAll(NUMERIC)) {
    const [raw, first = '', separator, second = '', year = ''] = match;
    const [a, b] = [Number(first), Number(second)];
    // 3/4/2024 is in March or in April, where English is written.
    const monthFirst = b > 12;
    const ambiguous =
      separator !== '.' && a <= 12 && b <= 12 && a !== b && (language === 'en' || language === null);
    const value = monthFirst ? iso(Number(year), a, b) : iso(Number(year), b, a);
    if (value === undefined) continue;
    yield {
      start: match.index,
      end: match.index + raw.length,
      text: raw,
      ...(ambiguous ? {} : { value }),
    };
  }
}

function* wordDates(text: string, language: string | null): Generator<Found> {
  const { strict } = PARSERS[language ?? 'en'] ?? chrono.en;
  for (const { index, text: raw, start } of strict.parse(text, REFERENCE)) {
    if (!start.isCertain('year') || !start.isCertain('month')) continue;
    const [year, month, day] = [start.get('year'), start.get('month'), start.get('day')];
    const value = iso(year ?? 0, month ?? 0, start.isCertain('day') ? (day ?? 0) : undefined);
    if (value === undefined) continue;
    const before = /^(?:on|at|am|le|el|il|op)\s+/i.exec(raw)?.[0].length ?? 0;
    const date = raw.slice(before).trimEnd();
    yield { start: index + before, end: index + before + date.length, text: date, value };
  }
}

/** undefined for what is in no calendar. */
function iso(year: number, month: number, day: number | undefined): string | undefined {
  const date = new Date(Date.UTC(year, month - 1, day ?? 1));
  const exists =
    year >= 1000 && year < 3000 && date.getUTCMonth() === month - 1 && date.getUTCDate() === (day ?? 1);
  return exists ? date.toISOString().slice(0, day === undefined ? 7 : 10) : undefined;
}
