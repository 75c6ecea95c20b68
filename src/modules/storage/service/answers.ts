import type { Cache } from '../../../core/cache/cache.ts';
import { sha256Hex } from '../../../core/objects/digest.ts';
import type { StampRepository } from '../ports/answers.ts';

/** An answer about the caller's own drive, as JSON. */
export interface RememberedAnswer {
  readonly json: string;
  /** Weak: the same state of the drive, not the same bytes. Undefined for what is not remembered. */
  readonly etag?: string;
  readonly cache: 'hit' | 'miss' | 'none' | 'unchanged';
}

export interface AnswerQuestion {
  readonly userId: string;
  /** The entry it is about; null for the root of the caller's own drive, undefined for what is not remembered. */
  readonly fileId: string | null | undefined;
  /** Everything that decides what is answered: path and query. */
  readonly question: string;
  readonly ifNoneMatch?: string | undefined;
}

export interface AnswersDependencies {
  readonly stamps: StampRepository;
  readonly cache: Cache;
}

export type Answers = ReturnType<typeof createAnswers>;

const KEPT_SECONDS = 600;

/**
 * Remembers answers about people's own drives. The right is the drive being theirs, and the generation of the drive is
 * read from the database for every single answer, so a change makes every older answer unreachable in the moment it
 * commits; what Redis keeps longer is never found again. What others share is never remembered: rights to it can
 * change without the drive changing (docs/decisions/0021).
 */
export function createAnswers({ stamps, cache }: AnswersDependencies) {
  const stampOf = async (userId: string, fileId: string | null | undefined) => {
    if (fileId === undefined) return undefined;
    return fileId === null ? stamps.ofDrive(userId) : stamps.ofFile(userId, fileId);
  };
  const counts = { hits: 0, misses: 0, unchanged: 0 };
  return {
    /** Of this isolate, since it began. */
    counts: () => ({ ...counts }),

    async answer(about: AnswerQuestion, compute: () => Promise<unknown>): Promise<RememberedAnswer> {
      const { userId, fileId, question, ifNoneMatch } = about;
      const generation = await stampOf(userId, fileId);
      if (generation === undefined) return { json: JSON.stringify(await compute()), cache: 'none' };
      const asked = (await sha256Hex(new TextEncoder().encode(question))).slice(0, 32);
      const etag = `W/"${generation}.${asked}"`;
      if (ifNoneMatch !== undefined && includesTag(ifNoneMatch, etag)) {
        counts.unchanged += 1;
        return { json: '', etag, cache: 'unchanged' };
      }
      const key = `storage:answer:${userId}:${generation}:${asked}`;
      const known = await cache.get(key);
      if (known !== undefined) {
        counts.hits += 1;
        return { json: known, etag, cache: 'hit' };
      }
      counts.misses += 1;
      // What is computed is of this generation or of a later one: under this key it can be too new, never too old.
      const json = JSON.stringify(await compute());
      await cache.set(key, json, KEPT_SECONDS);
      return { json, etag, cache: 'miss' };
    },
  };
}

/** RFC 9110 13.1.2: weak comparison; `*` asks for anything at all and is left to those who answer. */
function includesTag(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => candidate.trim().replace(/^(?!W\/)/, 'W/') === etag);
}
