import { S3Error } from './errors.ts';
import type { Guard, StoredObject } from './store.ts';

interface Validators {
  etag: string;
  modifiedAt: number;
}

/** Where a header lives: plain on GET and HEAD, behind a prefix for the source of a copy. */
type HeaderSource = (
  name: 'if-match' | 'if-none-match' | 'if-modified-since' | 'if-unmodified-since',
) => string | undefined;

/** RFC 9110, section 13.2.2: what the preconditions of a read come to. */
export function evaluateRead(header: HeaderSource, object: Validators): 'ok' | 'not-modified' | 'failed' {
  // HTTP dates have whole seconds.
  const modified = Math.floor(object.modifiedAt / 1000) * 1000;
  const ifMatch = header('if-match');
  const ifUnmodifiedSince = Date.parse(header('if-unmodified-since') ?? '');
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, object.etag)) return 'failed';
  } else if (modified > ifUnmodifiedSince) return 'failed';
  const ifNoneMatch = header('if-none-match');
  const ifModifiedSince = Date.parse(header('if-modified-since') ?? '');
  if (ifNoneMatch !== undefined) return matchesEtag(ifNoneMatch, object.etag) ? 'not-modified' : 'ok';
  return modified <= ifModifiedSince ? 'not-modified' : 'ok';
}

/** The guard of a conditional write or delete: `If-None-Match: *` and `If-Match`. */
export function writeGuard(headers: ReadonlyMap<string, string>): Guard {
  const ifMatch = headers.get('if-match');
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error('NotImplemented', { message: 'If-None-Match on a write only supports *.' });
  }
  return (existing) => {
    if (ifNoneMatch !== undefined && existing) {
      throw new S3Error('PreconditionFailed', { details: { Condition: 'If-None-Match' } });
    }
    if (ifMatch === undefined) return;
    if (!existing) throw new S3Error('NoSuchKey');
    if (!matchesEtag(ifMatch, existing.etag)) {
      throw new S3Error('PreconditionFailed', { details: { Condition: 'If-Match' } });
    }
  };
}

export interface ByteRange {
  offset: number;
  length: number;
}

/**
 * The one range S3 serves; undefined means the whole object, also for ranges it ignores (several, or not in bytes).
 * Throws InvalidRange when no byte of it exists.
 */
export function parseRange(
  headers: ReadonlyMap<string, string>,
  object: StoredObject,
): ByteRange | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(headers.get('range') ?? '');
  if (!match || !ifRangeHolds(headers.get('if-range'), object)) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const { size } = object;
  const offset = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (offset >= end) {
    throw new S3Error('InvalidRange', {
      details: { RangeRequested: match[0], ActualObjectSize: `${size}` },
      headers: { 'content-range': `bytes */${size}` },
    });
  }
  return { offset, length: end - offset };
}

function ifRangeHolds(value: string | undefined, object: StoredObject): boolean {
  if (value === undefined) return true;
  if (value.startsWith('"')) return value === `"${object.etag}"`;
  return Math.floor(object.modifiedAt / 1000) * 1000 === Date.parse(value);
}

function matchesEtag(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => {
    const bare = candidate
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return bare === '*' || bare === etag;
  });
}
