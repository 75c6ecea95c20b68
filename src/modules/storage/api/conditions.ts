import { parseRange } from '../../../core/objects/range.ts';
import { matchesEtag } from '../service/entity-tags.ts';

/** What a GET would answer with, as far as its conditions go. */
export interface Selected {
  /** Strong, with its quotes. */
  readonly etag: string;
  readonly modifiedAt: Date;
  /** Nothing else was current in the second of `modifiedAt`: only then does a date tell contents apart. */
  readonly soleInItsSecond: boolean;
  /** Bytes. */
  readonly size: number;
}

/** `end` is exclusive. */
export type Verdict =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly start: number; readonly end: number };

/**
 * Conditions and Range of a GET or HEAD in the order of RFC 9110, section 13.2.2. What is not valid is as if it had not
 * been sent. Several ranges are answered with the whole, which 14.2 allows: nobody gets more bytes than the file has.
 */
export function evaluate(method: string, headers: Headers, selected: Selected): Verdict {
  const { etag } = selected;
  const modified = toSeconds(selected.modifiedAt.getTime());
  const date = (name: string) => httpDate(headers.get(name));

  const ifMatch = headers.get('if-match');
  if (ifMatch !== null) {
    if (!matchesEtag(ifMatch, etag)) return { status: 412 };
  } else if (modified > (date('if-unmodified-since') ?? Infinity)) return { status: 412 };

  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== null) {
    // Compared weakly (13.1.2): the same bytes under `W/` are the same.
    if (matchesEtag(ifNoneMatch.replaceAll('W/', ''), etag)) return { status: 304 };
  } else if (modified <= (date('if-modified-since') ?? -Infinity)) return { status: 304 };

  const range = headers.get('range');
  // Only GET has ranges (14.2).
  if (method !== 'GET' || range === null || !allowsRange(headers.get('if-range'), selected))
    return { status: 200 };
  return ofRange(range, selected.size);
}

/** RFC 9110 13.1.5: an entity tag compared strongly, or the exact date, if that is as good as one. */
function allowsRange(ifRange: string | null, { etag, modifiedAt, soleInItsSecond }: Selected): boolean {
  if (ifRange === null) return true;
  if (ifRange.includes('"')) return ifRange.trim() === etag;
  return soleInItsSecond && httpDate(ifRange) === toSeconds(modifiedAt.getTime());
}

function ofRange(header: string, size: number): Verdict {
  const wanted = parseRange(header.replace(/^\s*bytes=/i, 'bytes='), size);
  if (wanted === undefined) return { status: 200 };
  // The last bytes of nothing can be given (14.1.2), but not in a Content-Range.
  if (wanted === 'unsatisfiable') return { status: size === 0 && /=-0*[1-9]/.test(header) ? 200 : 416 };
  return { status: 206, ...wanted };
}

const toSeconds = (timeMs: number) => Math.floor(timeMs / 1_000);

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const TIME = '(\\d{2}):(\\d{2}):(\\d{2})';
/** IMF-fixdate, and the two forms that recipients have to know still (RFC 9110, section 5.6.7). */
const DATES = [
  new RegExp(`^\\w{3}, (?<day>\\d{2}) (?<month>\\w{3}) (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^\\w{6,9}, (?<day>\\d{2})-(?<month>\\w{3})-(?<year>\\d{2}) ${TIME} GMT$`),
  new RegExp(`^\\w{3} (?<month>\\w{3}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** Seconds since 1970; undefined for what is no HTTP-date. */
export function httpDate(value: string | null): number | undefined {
  if (value === null) return undefined;
  for (const form of DATES) {
    const { day, month = '', year = '' } = form.exec(value.trim())?.groups ?? {};
    const index = MONTHS.indexOf(month);
    const [, hours, minutes, seconds] = new RegExp(TIME).exec(value) ?? [];
    if (day === undefined || index < 0) continue;
    // Two digits: those that are not long past (no file here is older than 1970).
    const century = year.length === 4 ? 0 : Number(year) < 70 ? 2_000 : 1_900;
    const time = Date.UTC(
      century + Number(year),
      index,
      Number(day),
      Number(hours),
      Number(minutes),
      Number(seconds),
    );
    return Number.isNaN(time) ? undefined : toSeconds(time);
  }
  return undefined;
}
