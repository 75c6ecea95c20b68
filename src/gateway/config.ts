import { z } from 'zod';
import {
  cacheConfigSchema,
  commaListSchema,
  fetcherSchema,
  limitsConfigSchema,
  metricsConfigSchema,
  parseConfig,
  runtimeConfigSchema,
  tracesConfigSchema,
} from '../core/config/config.ts';
import { perEnvironment } from '../core/config/per-environment.ts';

export const gatewayConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  ...metricsConfigSchema.shape,
  ...tracesConfigSchema.shape,
  ...cacheConfigSchema.partial().shape,
  ...limitsConfigSchema.shape,
  AUTH: fetcherSchema,
  STORAGE: fetcherSchema,
  AI: fetcherSchema,
  /** Comma-separated list of origins that browsers may call from; empty: only the gateway's own. */
  CORS_ORIGINS: commaListSchema,
});

export const gatewayConfig = perEnvironment((env) => parseConfig('gateway', gatewayConfigSchema, env));
export type GatewayConfig = ReturnType<typeof gatewayConfig>;
