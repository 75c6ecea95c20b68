/**
 * Text of unknown encoding: a byte order mark decides; then zeros, which only UTF-16 has; then UTF-8 if nearly every
 * byte fits; then what the text says of itself; then a look at what East Asian encodings would make of it; else
 * windows-1252, which accepts anything.
 */
export function decodeText(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/** Whether the start of a file looks like text of some encoding, not like a binary format. */
export function looksLikeText(head: Uint8Array): boolean {
  const encoding = unicodeOf(head);
  if (encoding !== undefined) return true;
  let controls = 0;
  for (const byte of head) {
    if (byte === 0) return false;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b)
      controls++;
  }
  return controls <= head.length / 200;
}

const SAMPLE_BYTES = 65_536;
/** `charset=` of HTML, `encoding=` of XML, of which only the beginning counts. */
const DECLARED = /<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s{0,9}=\s{0,9}["']?([\w-]{2,30})/i;

function encodingOf(bytes: Uint8Array): string {
  const unicode = unicodeOf(bytes.subarray(0, SAMPLE_BYTES));
  if (unicode !== undefined) return unicode;
  if (isNearlyUtf8(bytes)) return 'utf-8';
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 1_024));
  return (
    knownLabel(DECLARED.exec(start)?.[1]) ?? eastAsianOf(bytes.subarray(0, SAMPLE_BYTES)) ?? 'windows-1252'
  );
}

function knownLabel(label: string | undefined): string | undefined {
  try {
    const { encoding } = new TextDecoder(label ?? 'utf-8');
    // It was not: that much is known.
    return encoding.startsWith('utf-') ? undefined : encoding;
  } catch {
    return undefined;
  }
}

/** UTF-16 with or without a byte order mark. */
function unicodeOf(head: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const pairs = head.length >> 1;
  let even = 0;
  let odd = 0;
  for (let at = 0; at < pairs * 2; at += 2) {
    if (head[at] === 0) even++;
    if (head[at + 1] === 0) odd++;
  }
  // Spaces and line ends have a zero byte in every script; a text has no zero in the other place.
  if (Math.max(even, odd) < Math.max(2, pairs / 200) || Math.min(even, odd) > pairs / 500) return undefined;
  const encoding = odd > even ? 'utf-16le' : 'utf-16be';
  const text = new TextDecoder(encoding).decode(head.subarray(0, pairs * 2));
  const written = text.match(/[\p{L}\p{M}\p{N}\p{P}\p{S}\s]/gu)?.length ?? 0;
  const damaged = text.match(/\uFFFD/g)?.length ?? 0;
  return written - damaged > 0.97 * text.length ? encoding : undefined;
}

/** All valid, but for a cut at the end; or so much of it that another encoding is out of the question. */
function isNearlyUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    const text = new TextDecoder().decode(bytes.subarray(0, SAMPLE_BYTES));
    const damaged = text.match(/\uFFFD/g)?.length ?? 0;
    const valid = text.match(/[\u0080-\uFFFC]/g)?.length ?? 0;
    return valid > 10 * damaged;
  }
}

/** Letters that texts of each encoding are full of, and the encodings in the order in which they can be told apart. */
const EAST_ASIAN: readonly (readonly [string, RegExp])[] = [
  ['shift_jis', /[\u3040-\u30FF]/g],
  ['euc-jp', /[\u3040-\u30FF]/g],
  ['euc-kr', /[\uAC00-\uD7A3]/g],
  // The characters that are a tenth of every Chinese text.
  ['gb18030', /[的一是不了在人有我他这中大来上国]/g],
  ['big5', /[的一是不了在人有我他這中大來上國]/g],
];

/** The encoding under which the text is well-formed, comes in runs of wide characters, and has the right ones. */
function eastAsianOf(sample: Uint8Array): string | undefined {
  for (const [encoding, frequent] of EAST_ASIAN) {
    const text = decodeStrictly(sample, encoding);
    const wide = text?.match(/[\u3000-\uFFEF]/g)?.length ?? 0;
    if (text === undefined || wide < 4) continue;
    const inRuns = (text.match(/[\u3000-\uFFEF]{2,}/g) ?? []).reduce((sum, run) => sum + run.length, 0);
    const share = (text.match(frequent)?.length ?? 0) / wide;
    const other = text.match(/[\u0080-\u2FFF]/g)?.length ?? 0;
    if (inRuns > wide * 0.7 && other < wide / 10 && share > (encoding === 'euc-kr' ? 0.6 : 0.04))
      return encoding;
  }
  return undefined;
}

function decodeStrictly(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
}
