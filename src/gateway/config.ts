import { z } from 'zod';
import { commaListSchema, fetcherSchema, parseConfig, runtimeConfigSchema } from '../core/config/config.ts';
import { perEnvironment } from '../core/config/per-environment.ts';

export const gatewayConfigSchema = z.object({
  ...runtimeConfigSchema.shape,
  AUTH: fetcherSchema,
  STORAGE: fetcherSchema,
  AI: fetcherSchema,
  /** Comma-separated list of origins that browsers may call from; empty: only the gateway's own. */
  CORS_ORIGINS: commaListSchema,
});

export const gatewayConfig = perEnvironment((env) => parseConfig('gateway', gatewayConfigSchema, env));
export type GatewayConfig = ReturnType<typeof gatewayConfig>;
