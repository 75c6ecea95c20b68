/**
 * The one range of a `Range` header on a representation of `size` bytes (RFC 9110, section 14.1.2), `end` exclusive;
 * undefined when it is to be ignored: several ranges, another unit, or not a range at all.
 */
export function parseRange(
  header: string,
  size: number,
): { readonly start: number; readonly end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header.trim()) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'unsatisfiable';
}

/** 416 for a representation of `size` bytes, in our words: not every store says the size. */
export function unsatisfiable(size: number): Response {
  const headers = { 'accept-ranges': 'bytes', 'content-range': `bytes */${size}` };
  return new Response(null, { status: 416, headers });
}
