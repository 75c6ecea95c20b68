import type { StoredVersion } from '../ports/files.ts';

/** Strong: the same bytes have the same one, for ever (RFC 9110 8.8.3). */
export function etagOf({ object }: StoredVersion): string {
  return `"${object.etag}"`;
}

/** RFC 9110 13.1.1: `*` or a list of entity tags, compared strongly. */
export function matchesEtag(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((candidate) => candidate.trim() === etag);
}
