import { S3Error } from './errors.ts';

/** The request target, decoded once; `canonicalPath` and `parameters` are what SigV4 is computed over. */
export interface Target {
  bucket: string;
  key: string;
  canonicalPath: string;
  parameters: readonly (readonly [name: string, value: string])[];
}

const MAX_KEY_BYTES = 1024;

/** Splits a path-style target `/bucket/key?query`. The key is kept byte for byte: no dot segments, no slash folding. */
export function parseTarget(url: string): Target {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  if (!path.startsWith('/')) throw new S3Error('InvalidURI');
  const slash = path.indexOf('/', 1);
  const bucket = percentDecode(slash < 0 ? path.slice(1) : path.slice(1, slash));
  const key = slash < 0 ? '' : percentDecode(path.slice(slash + 1));
  assertKey(key);
  return {
    bucket,
    key,
    // Clients differ in which characters they escape; AWS and we sign over one spelling of the decoded path.
    canonicalPath: percentDecode(path).split('/').map(percentEncode).join('/'),
    parameters: mark < 0 ? [] : parseQuery(url.slice(mark + 1)),
  };
}

/** Refuses keys S3 refuses, and NUL, which no XML listing could carry. */
export function assertKey(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError');
  if (key.includes('\0')) throw new S3Error('InvalidArgument', { message: 'A key cannot contain NUL.' });
}

/** RFC 3986 with only the unreserved characters left alone, as SigV4 asks. */
export function percentEncode(value: string): string {
  return encodeURIComponent(value).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Strict: a broken escape or bytes that are not UTF-8 are an InvalidURI. */
export function percentDecode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new S3Error('InvalidURI');
  }
}

function parseQuery(query: string): (readonly [string, string])[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const name = equals < 0 ? pair : pair.slice(0, equals);
      const value = equals < 0 ? '' : pair.slice(equals + 1);
      return [decodeParameter(name), decodeParameter(value)] as const;
    });
}

function decodeParameter(value: string): string {
  return percentDecode(value.replaceAll('+', ' '));
}
