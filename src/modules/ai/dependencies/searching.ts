import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { StorageClient } from '../../../contracts/storage.ts';
import type { Cache } from '../../../core/cache/cache.ts';
import type { Database } from '../../../core/database/client.ts';
import type { Logger } from '../../../core/telemetry/logger.ts';
import { createSeal } from '../adapters/signed-cursor.ts';
import type { Retriever } from '../ports/ask.ts';
import type { Embedder } from '../ports/inference.ts';
import type { QueryVector, Reranker } from '../ports/search.ts';
import { createSearchRepository } from '../repository/search-repository.ts';
import { createAnswerPages } from '../service/answer-pages.ts';
import { createRetriever } from '../service/retrieve.ts';
import { createSearchService, type SearchService } from '../service/search.ts';

export interface SearchingParts {
  readonly db: Database;
  readonly cache: Cache;
  readonly embedder: Embedder;
  readonly reranker: Reranker;
  readonly semanticSearchIsOn: (userId: string) => Promise<boolean>;
  readonly storage: StorageClient;
  /** Seals cursors. */
  readonly secret: string;
  readonly logger: Logger;
}

/** Search, and what answers questions by it. */
export interface Searching {
  readonly search: SearchService;
  readonly retriever: Retriever;
}

export function createSearching(parts: SearchingParts): Searching {
  const { db, cache, embedder, secret } = parts;
  const dependencies = {
    ...parts,
    repository: createSearchRepository(db),
    embedQuery: createQueryEmbedder(embedder, cache),
    pages: createAnswerPages({ cache, seal: createSeal(secret) }),
    newToken: () => crypto.randomUUID(),
  };
  return { search: createSearchService(dependencies), retriever: createRetriever(dependencies) };
}

const QUERY_VECTOR_SECONDS = 15 * 60;
const queryVectorSchema = z.object({ model: z.string(), provider: z.string(), values: z.array(z.number()) });

/** The vector of a query that somebody asked a moment ago comes from Redis (docs/redis-keys.md). */
function createQueryEmbedder(embedder: Embedder, cache: Cache) {
  return async (query: string, model?: string): Promise<QueryVector> => {
    const asked = createHash('sha256')
      .update(JSON.stringify([model ?? null, query]))
      .digest('base64url');
    const key = `ai:query-vector:${asked}`;
    const known = await cache.get(key);
    if (known !== undefined) {
      const parsed = queryVectorSchema.safeParse(JSON.parse(known));
      if (parsed.success) return parsed.data;
    }
    const embedded = await embedder.embed([query], { priority: 'interactive', model });
    const vector = { model: embedded.model, provider: embedded.provider, values: embedded.vectors[0] ?? [] };
    await cache.set(key, JSON.stringify(vector), QUERY_VECTOR_SECONDS);
    return vector;
  };
}
