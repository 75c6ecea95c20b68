import { z } from 'zod';
import {
  accessTokenConfigSchema,
  cacheConfigSchema,
  databaseConfigSchema,
  fetcherSchema,
  runtimeConfigSchema,
  serviceTokenConfigSchema,
} from '../../core/config/config.ts';

export const aiConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...cacheConfigSchema.shape,
  ...accessTokenConfigSchema.shape,
  ...serviceTokenConfigSchema.shape,
  AUTH: fetcherSchema,
  STORAGE: fetcherSchema,
  SIDECAR_URL: z.url(),
  /** A search waits this long for the vector of its query before it answers by keyword. */
  QUERY_EMBEDDING_TIMEOUT_MS: z.coerce.number().int().positive().default(2_000),
});
