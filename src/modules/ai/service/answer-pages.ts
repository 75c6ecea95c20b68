import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Cache } from '../../../core/cache/cache.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { answerHeadSchema, type SearchRequest } from '../models/search.ts';
import type { Seal } from '../ports/search.ts';
import type { Fused } from './fusion.ts';
import type { Ranking } from './ranking.ts';

const KEPT_SECONDS = 10 * 60;
/** Hexadecimal digits of a file id's random end; among the 100 files of an answer no two share them. */
const TAIL = 10;

const rankingSchema = z.object({
  query: z.string(),
  list: z.array(
    z.object({
      fileId: z.string(),
      versionId: z.string(),
      index: z.number(),
      score: z.number(),
      match: z.enum(['keyword', 'semantic', 'both', 'name']),
    }),
  ),
  head: answerHeadSchema,
});
const placeSchema = z.tuple([z.string(), z.int(), z.number(), z.string(), z.string()]);

/** Where a page ended. */
export interface Place {
  readonly answerId: string;
  readonly position: number;
  readonly score: number;
  readonly fileId: string;
  /** Tails of the ids of all files that were shown. */
  readonly shown: ReadonlySet<string>;
}

export interface AnswerPages {
  /** @throws AppError `invalid_request` for a cursor that is not ours, or of somebody else, or of another query. */
  placeOf(cursor: string, userId: string, request: SearchRequest): Place;
  cursorAt(place: Place, userId: string, request: SearchRequest): string;
  keep(userId: string, answerId: string, ranking: Ranking): Promise<void>;
  /** Undefined when it was forgotten. */
  recall(userId: string, answerId: string): Promise<Ranking | undefined>;
}

/** Answers are remembered for a while, so that their pages fit together whatever happens to the files (docs/redis-keys.md). */
export function createAnswerPages({
  cache,
  seal,
}: {
  readonly cache: Cache;
  readonly seal: Seal;
}): AnswerPages {
  const keyOf = (userId: string, answerId: string) => `ai:search:${userId}:${answerId}`;
  return {
    placeOf(cursor, userId, request) {
      const place = placeSchema.safeParse(jsonOf(seal.open(cursor, contextOf(userId, request))));
      if (!place.success) throw notACursor();
      const [answerId, position, score, fileId, shown] = place.data;
      return {
        answerId,
        position,
        score,
        fileId,
        shown: new Set(shown.match(new RegExp(`.{${TAIL}}`, 'g'))),
      };
    },
    cursorAt({ answerId, position, score, fileId, shown }, userId, request) {
      const place = JSON.stringify([answerId, position, score, fileId, [...shown].join('')]);
      return seal.close(place, contextOf(userId, request));
    },
    async keep(userId, answerId, ranking) {
      await cache.set(keyOf(userId, answerId), JSON.stringify(ranking), KEPT_SECONDS);
    },
    async recall(userId, answerId) {
      const kept = rankingSchema.safeParse(jsonOf(await cache.get(keyOf(userId, answerId))));
      return kept.success ? kept.data : undefined;
    },
  };
}

export const tailOf = (fileId: string): string => fileId.slice(-TAIL);

/** What of an answer that was made anew comes after a place: nothing that was shown, nothing that ranks above it. */
export function goOn(list: readonly Fused[], { score, fileId, shown }: Place): Fused[] {
  return list.filter(
    (hit) =>
      (hit.score < score || (hit.score === score && hit.fileId > fileId)) && !shown.has(tailOf(hit.fileId)),
  );
}

function contextOf(userId: string, { q, mode, filters, facets, rerank, freshness }: SearchRequest): string {
  const question = JSON.stringify([
    userId,
    q,
    mode,
    filters ?? {},
    facets ?? [],
    rerank ?? false,
    freshness ?? [],
  ]);
  return createHash('sha256').update(question).digest('base64url');
}

function jsonOf(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

const notACursor = () =>
  coreError('invalid_request', {
    detail: 'Check cursor in the query.',
    errors: [{ field: 'cursor', message: 'is not the nextCursor of this search' }],
  });
