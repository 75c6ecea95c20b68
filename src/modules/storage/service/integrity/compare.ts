import type { ListedObject, ObjectStore } from '../../../../core/objects/object-store.ts';
import type { CheckedObject, IntegrityRepository } from '../../ports/integrity.ts';

/** One key: the row that names it, what lies there, or both. */
export interface Pair {
  readonly key: string;
  readonly object?: CheckedObject;
  readonly stored?: ListedObject;
}

export interface PairPage {
  readonly pairs: readonly Pair[];
  /** Both sides have been seen up to here; null at the end. */
  readonly next: string | null;
}

/**
 * Rows and bucket side by side, in the binary order of keys, from behind `after` on. Two pages are in memory, and only as
 * far as both of them reach.
 */
export async function pairsAfter(
  repository: Pick<IntegrityRepository, 'objects'>,
  store: Pick<ObjectStore, 'list'>,
  after: string,
  limit: number,
): Promise<PairPage> {
  // First the rows: what is committed meanwhile is in the bucket already.
  const rows = await repository.objects(after, limit);
  const listed = await store.list({ prefix: '', limit, ...(after === '' ? {} : { after }) });
  const ends = [rows.length < limit ? null : rows.at(-1)?.key, listed.next].filter(
    (end) => typeof end === 'string',
  );
  const next = ends.length === 0 ? null : ends.reduce((a, b) => (isBefore(a, b) ? a : b));
  const pairs = new Map<string, Pair>();
  for (const object of rows)
    if (isWithin(object.key, next)) pairs.set(object.key, { key: object.key, object });
  for (const stored of listed.objects)
    if (isWithin(stored.key, next))
      pairs.set(stored.key, { ...pairs.get(stored.key), key: stored.key, stored });
  return { pairs: [...pairs.values()].sort((a, b) => (isBefore(a.key, b.key) ? -1 : 1)), next };
}

/** Our own keys are ASCII; others are compared by the bytes of UTF-8, as S3 does. */
function isBefore(a: string, b: string): boolean {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return left.length < right.length;
}

function isWithin(key: string, end: string | null): boolean {
  return end === null || key === end || isBefore(key, end);
}
