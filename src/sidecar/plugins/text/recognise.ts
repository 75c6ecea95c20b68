/** Something of a known form in a text. */
export interface Found {
  start: number;
  end: number;
  text: string;
  /** Normalised; undefined when the form allows two readings. */
  value?: string;
}

/** Every expression here has bounded repetitions behind a literal or a boundary: linear in any text. */

const LOCAL = /[A-Za-z0-9._%+-]/;
const DOMAIN = /[A-Za-z0-9.-]/;
const LONGEST_LOCAL = 64;
const LONGEST_DOMAIN = 253;

/** Addresses as in RFC 5321 without quotes, lower-case as value. */
export function emailsIn(text: string): Found[] {
  const found: Found[] = [];
  for (let at = text.indexOf('@'); at !== -1; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (start > 0 && at - start < LONGEST_LOCAL && LOCAL.test(text.charAt(start - 1))) start--;
    let end = at + 1;
    while (end < text.length && end - at <= LONGEST_DOMAIN && DOMAIN.test(text.charAt(end))) end++;
    while (start < at && '.-'.includes(text.charAt(start))) start++;
    while (end > at + 1 && '.-'.includes(text.charAt(end - 1))) end--;
    const address = text.slice(start, end);
    if (start < at && isDomain(text.slice(at + 1, end))) {
      found.push({ start, end, text: address, value: address.toLowerCase() });
    }
  }
  return found;
}

function isDomain(domain: string): boolean {
  const parts = domain.split('.');
  return (
    parts.length >= 2 &&
    parts.every((part) => part !== '' && part.length <= 63) &&
    /^[A-Za-z]{2,}$/.test(parts.at(-1) ?? '')
  );
}

const URL_FORM = /\b(?:https?:\/\/|www\.)[^\s<>"'`{}|\\^]{3,2000}/gi;

export function urlsIn(text: string): Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(URL_FORM)) {
    const raw = withoutTail(match[0]);
    const address = URL.parse(/^www\./i.test(raw) ? `https://${raw}` : raw);
    if (address === null || !address.hostname.includes('.')) continue;
    found.push({ start: match.index, end: match.index + raw.length, text: raw, value: address.href });
  }
  return found;
}

/** Punctuation at the end belongs to the sentence, and a bracket that was not opened inside. */
function withoutTail(url: string): string {
  let end = url.length;
  while (end > 0) {
    const last = url.charAt(end - 1);
    const closes = last === ')' && !url.slice(0, end).includes('(');
    if (!closes && !'.,;:!?]*_'.includes(last)) break;
    end--;
  }
  return url.slice(0, end);
}

const PHONE =
  /(?<![\p{L}\p{N}.,/_-])(?:\+|00|\(?0|\()\(?\d[\d ()./\u00a0-]{5,20}\d(?![\p{L}\p{N}]|[.,/-]\d)/gu;

/** Numbers that begin like a phone number; the value is digits, with the + if it was there. */
export function phonesIn(text: string): Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(PHONE)) {
    const [raw] = match;
    const digits = raw.replace(/\D/g, '');
    if (digits.length < 7 || digits.length > 15 || /^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}$/.test(raw)) continue;
    const value = raw.startsWith('+') ? `+${digits}` : digits;
    found.push({ start: match.index, end: match.index + raw.length, text: raw, value });
  }
  return found;
}

const DIGITS = String.raw`(?:\d{1,3}(?:[.,'’\u00a0 ]\d{3}){1,5}|\d{1,15})(?:[.,]\d{1,4})?`;
const NUMBER = new RegExp(
  String.raw`(?<![\p{L}\p{N}_]|\d[.,:/-])[-−]?${DIGITS}(?![\p{L}\p{N}_]|[:/-]\d|[.,]\d)`,
  'gu',
);

/** Numbers in either notation, decimal notation with a point as value. */
export function numbersIn(text: string): Found[] {
  const found: Found[] = [];
  for (const match of text.matchAll(NUMBER)) {
    const [raw] = match;
    found.push({ start: match.index, end: match.index + raw.length, text: raw, value: toDecimal(raw) });
  }
  return found;
}

/** `1.234,5` and `1,234.5` are 1234.5; a single separator before three digits parts thousands. */
export function toDecimal(raw: string): string {
  const sign = /^[-−]/.test(raw) ? '-' : '';
  const digits = raw.replace(/[-−'’\u00a0 ]/g, '');
  const last = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  if (last === -1) return sign + digits;
  const separator = digits.charAt(last);
  const other = separator === '.' ? ',' : '.';
  const decimals = digits.length - last - 1;
  const repeated = digits.indexOf(separator) !== last;
  const isThousands = repeated || (decimals === 3 && !digits.includes(other) && !digits.startsWith('0'));
  const whole = digits.slice(0, last).replace(/[.,]/g, '');
  return sign + (isThousands ? digits.replace(/[.,]/g, '') : `${whole}.${digits.slice(last + 1)}`);
}

const SYMBOLS: Readonly<Record<string, string>> = {
  '€': 'EUR',
  euro: 'EUR',
  euros: 'EUR',
  $: 'USD',
  us$: 'USD',
  dollar: 'USD',
  dollars: 'USD',
  '£': 'GBP',
  pounds: 'GBP',
  '¥': 'JPY',
  '₹': 'INR',
  '₽': 'RUB',
  '₩': 'KRW',
  fr: 'CHF',
  sfr: 'CHF',
  元: 'CNY',
  円: 'JPY',
};
const CODES =
  'EUR|USD|GBP|CHF|JPY|CNY|INR|RUB|KRW|SEK|NOK|DKK|PLN|CZK|HUF|AUD|CAD|NZD|BRL|MXN|ZAR|TRY|SGD|HKD';
const BEFORE = new RegExp(
  String.raw`(?<![\p{L}\p{N}])(US\$|${CODES}|SFr|[$€£¥₹₽₩])[ \u00a0]?([-−]?${DIGITS})(?!\d)`,
  'giu',
);
const AFTER = new RegExp(
  String.raw`(?<![\p{L}\p{N}]|\d[.,])([-−]?${DIGITS})[ \u00a0]?(${CODES}|euros?|dollars?|pounds|SFr|[€£$¥₹₽₩元円])(?![\p{L}\p{N}])`,
  'giu',
);

/** Amounts of money; the value is the ISO 4217 code and the decimal, `EUR 12.50`. `$` and `¥` are USD and JPY. */
export function amountsIn(text: string): Found[] {
  const found: Found[] = [];
  const add = (match: RegExpExecArray, currency: string, digits: string) => {
    const code = SYMBOLS[currency.toLowerCase()] ?? currency.toUpperCase();
    const value = `${code} ${toDecimal(digits)}`;
    found.push({ start: match.index, end: match.index + match[0].length, text: match[0], value });
  };
  for (const match of text.matchAll(BEFORE)) add(match, match[1] ?? '', match[2] ?? '');
  for (const match of text.matchAll(AFTER)) add(match, match[2] ?? '', match[1] ?? '');
  return withoutOverlaps(found);
}

/** By place; of two that overlap the one that begins first, then the longer one. */
export function withoutOverlaps<T extends { start: number; end: number }>(found: readonly T[]): T[] {
  const ordered = found.toSorted((a, b) => a.start - b.start || b.end - a.end);
  let end = 0;
  return ordered.filter((entry) => {
    if (entry.start < end) return false;
    end = entry.end;
    return true;
  });
}
