import { createHash } from 'node:crypto';
import { z } from 'zod';
import { createStorageClient } from '../../contracts/storage.ts';
import type { Cache } from '../../core/cache/cache.ts';
import { createUpstashCache } from '../../core/cache/upstash-cache.ts';
import { parseConfig } from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import { readFlags, workspacesOf } from '../../core/database/flags.ts';
import { createFlags } from '../../core/flags/flags.ts';
import type { Guard } from '../../core/http/authorize.ts';
import { createGuard } from '../../core/http/guard.ts';
import { createDependency } from '../../core/resilience/dependency.ts';
import { type ServiceName, signServiceToken } from '../../core/security/service-token.ts';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createInferenceEmbedder } from './adapters/inference-embedder.ts';
import { createSidecarReader } from './adapters/sidecar-reader.ts';
import { aiConfigSchema } from './config.ts';
import type { Embedder } from './ports/inference.ts';
import type { QueryVector } from './ports/search.ts';
import { createAnalysisRepository } from './repository/analysis-repository.ts';
import { createJobRepository } from './repository/job-repository.ts';
import { createSearchRepository } from './repository/search-repository.ts';
import { type AnalysisService, createAnalysisService } from './service/analysis.ts';
import { type AnalysisResults, createAnalysisResults } from './service/analysis-results.ts';
import { createSearchService, type SearchService } from './service/search.ts';

/** The use cases of the module, one per room, for handlers. */
export interface AiServices {
  readonly search: SearchService;
  readonly analyses: AnalysisResults;
}

/** What the queue's consumer and cron do. */
export interface AiBackground {
  readonly analysis: AnalysisService;
}

export interface AiDependencies {
  readonly services: (requestId: string) => AiServices;
  readonly background: (requestId: string) => AiBackground;
  readonly guard: Guard;
  readonly check: () => Promise<void>;
}

export function createAiDependencies(env: object): AiDependencies {
  const config = parseConfig('ai', aiConfigSchema, env);
  const logger = createLogger(config.LOG_LEVEL, { module: 'ai' });
  const db = createDatabase(config);
  const cache = createUpstashCache(config, logger);
  const flags = createFlags({
    load: () => readFlags(db),
    workspacesOf: (userId) => workspacesOf(db, userId),
    now: Date.now,
    logger,
  });
  const serviceToken = (to: ServiceName) =>
    signServiceToken(config.SERVICE_TOKEN_SECRET, 'ai', to, new Date());
  const sidecar = () => createDependency('sidecar', { timeoutMs: 10_000 });
  const embedder = createInferenceEmbedder({
    endpointUrl: new URL('/v1/models/feature-extraction', config.SIDECAR_URL).href,
    accessToken: () => serviceToken('sidecar'),
    guard: sidecar(),
    interactiveTimeoutMs: config.QUERY_EMBEDDING_TIMEOUT_MS,
  });
  const reader = createSidecarReader({
    sidecarUrl: config.SIDECAR_URL,
    serviceToken: () => serviceToken('sidecar'),
    guard: sidecar(),
  });
  const storage = (requestId: string) =>
    createStorageClient({ storage: config.STORAGE, serviceToken: () => serviceToken('storage'), requestId });
  return {
    services: (requestId) => ({
      search: createSearchService({
        repository: createSearchRepository(db),
        embedQuery: createQueryEmbedder(embedder, cache),
        semanticSearchIsOn: (userId) => flags.isOn('ai.semantic-search', { userId }),
        storage: storage(requestId),
        logger: logger.child({ requestId }),
      }),
      analyses: createAnalysisResults({ repository: createAnalysisRepository(db) }),
    }),
    background: (requestId) => ({
      analysis: createAnalysisService({
        jobs: createJobRepository(db),
        storage: storage(requestId),
        reader,
        embedder,
        newToken: () => crypto.randomUUID(),
        now: Date.now,
        logger: logger.child({ requestId }),
      }),
    }),
    guard: createGuard({ config, db, auth: config.AUTH }),
    check: async () => {
      await db.execute('select 1');
    },
  };
}

const QUERY_VECTOR_SECONDS = 15 * 60;
const queryVectorSchema = z.object({ model: z.string(), values: z.array(z.number()) });

/** The vector of a query that somebody asked a moment ago comes from Redis (docs/redis-keys.md). */
function createQueryEmbedder(embedder: Embedder, cache: Cache): (query: string) => Promise<QueryVector> {
  return async (query) => {
    const key = `ai:query-vector:${createHash('sha256').update(query).digest('base64url')}`;
    const known = await cache.get(key);
    if (known !== undefined) {
      const parsed = queryVectorSchema.safeParse(JSON.parse(known));
      if (parsed.success) return parsed.data;
    }
    const { model, vectors } = await embedder.embed([query], 'interactive');
    const vector = { model, values: vectors[0] ?? [] };
    await cache.set(key, JSON.stringify(vector), QUERY_VECTOR_SECONDS);
    return vector;
  };
}
