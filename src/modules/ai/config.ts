import { z } from 'zod';
import {
  accessTokenConfigSchema,
  cacheConfigSchema,
  databaseConfigSchema,
  fetcherSchema,
  limitsConfigSchema,
  runtimeConfigSchema,
  serviceTokenConfigSchema,
} from '../../core/config/config.ts';
import { queueSchema } from '../../core/events/wake-up.ts';
import { providerListSchema } from './models/providers.ts';

export const aiConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...cacheConfigSchema.shape,
  ...limitsConfigSchema.shape,
  ...accessTokenConfigSchema.shape,
  ...serviceTokenConfigSchema.shape,
  AUTH: fetcherSchema,
  STORAGE: fetcherSchema,
  SIDECAR_URL: z.url(),
  EVENTS: queueSchema,
  AI_PROVIDERS: providerListSchema,
  /** A search waits this long for the vector of its query before it answers by keyword. */
  QUERY_EMBEDDING_TIMEOUT_MS: z.coerce.number().int().positive().default(2_000),
  /** A search that asked for re-ranking waits this long for the ranking model before it keeps its own order. */
  RERANK_TIMEOUT_MS: z.coerce.number().int().positive().default(3_000),
});
