import { z } from 'zod';
import { objectEncryptionSchema } from '../objects/encryption.ts';
import { keyringSchema } from '../security/keyring.ts';

/** Everything wrong with an environment, all at once, so that one restart is enough to fix it. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly component: string;
  readonly faults: readonly string[];

  constructor(component: string, faults: readonly string[]) {
    super(
      `${component} cannot start with this configuration:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
    );
    this.component = component;
    this.faults = faults;
  }
}

/**
 * Parses the environment (Worker bindings or process.env) at the door of a component.
 * @throws ConfigError naming every missing or malformed variable, never its value.
 */
export function parseConfig<Schema extends z.ZodType>(
  component: string,
  schema: Schema,
  env: unknown,
): z.infer<Schema> {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  throw new ConfigError(
    component,
    result.error.issues.map((issue) => `${issue.path.join('.') || '(environment)'}: ${issue.message}`),
  );
}

/** Entries separated by commas; nothing is an empty list. */
export const commaListSchema = z
  .string()
  .default('')
  .transform((list) =>
    list
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  );

/** What every module needs to know about where it runs. */
export const runtimeConfigSchema = z.object({
  ENVIRONMENT: z.enum(['local', 'test', 'dev', 'staging', 'production']).default('production'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export const databaseConfigSchema = z.object({
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }),
  /** Overrides the HTTP endpoint that the Neon driver derives from the host; for a Neon-compatible front. */
  DATABASE_FETCH_ENDPOINT: z.url().optional(),
});

export const cacheConfigSchema = z.object({
  UPSTASH_REDIS_REST_URL: z.url(),
  UPSTASH_REDIS_REST_TOKEN: z.string().min(1),
});

/** Of docs/limits.md, "Throttling". */
export const limitsConfigSchema = z.object({
  RATE_LIMIT_SCALE: z.coerce.number().positive().max(10_000).default(1),
});

/** Counts are added up, and shown at the gateway's `/metrics`, where this is set: the bearer token of the scraper. */
export const metricsConfigSchema = z.object({
  METRICS_TOKEN: z
    .string()
    .regex(/^[\w.~+/-]{16,}$/, 'needs at least 16 characters that a bearer token may have')
    .optional(),
});

/** Names and meanings are OpenTelemetry's (opentelemetry.io/docs/languages/sdk-configuration). */
export const tracesConfigSchema = z.object({
  /** Of a collector that speaks OTLP over HTTP; without it no spans are kept. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** `name=value` pairs, separated by commas: what the collector wants for credentials. */
  OTEL_EXPORTER_OTLP_HEADERS: commaListSchema.transform((pairs, context) => {
    const headers: Record<string, string> = {};
    for (const pair of pairs) {
      const [, name, value] = /^([\w-]+)=([\x20-\x7e]+)$/.exec(pair) ?? [];
      if (name === undefined || value === undefined)
        context.addIssue({ code: 'custom', message: 'needs pairs of name=value' });
      else headers[name] = value;
    }
    return headers;
  }),
  /** Share of the traces that are kept, 0 to 1. */
  OTEL_TRACES_SAMPLER_ARG: z.coerce.number().min(0).max(1).default(1),
});

export const objectsConfigSchema = z.object({
  S3_ENDPOINT: z.url(),
  S3_REGION: z.string().min(1).default('auto'),
  S3_BUCKET: z.string().min(3),
  S3_ACCESS_KEY_ID: z.string().min(1),
  S3_SECRET_ACCESS_KEY: z.string().min(1),
});

/** How objects are encrypted at rest (docs/decisions/0017); `vaultConfigRule` says what goes with what. */
export const vaultConfigSchema = z.object({
  OBJECT_ENCRYPTION: objectEncryptionSchema.default('none'),
  S3_KMS_KEY_ID: z.string().min(1).optional(),
  /** Seals the data keys of objects and other secrets of storage. */
  STORAGE_ENCRYPTION_KEYS: keyringSchema,
});

/** For `superRefine`: a way of encrypting without its key is a faulty environment, not a refusal of every upload. */
export function vaultConfigRule(
  config: z.infer<typeof vaultConfigSchema>,
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  if (config.OBJECT_ENCRYPTION !== 'sse-kms' || config.S3_KMS_KEY_ID !== undefined) return;
  context.addIssue({ code: 'custom', path: ['S3_KMS_KEY_ID'], message: 'is required by OBJECT_ENCRYPTION' });
}

export const accessTokenConfigSchema = z.object({
  AUTH_ISSUER: z.url(),
  AUTH_AUDIENCE: z.string().min(1).default('ai-cloud-storage'),
});

export const serviceTokenConfigSchema = z.object({
  /** Or several, separated by commas: the first one signs, all of them verify (docs/secrets.md). */
  SERVICE_TOKEN_SECRET: z
    .string()
    .refine(
      (text) => text.split(',').every((secret) => secret.trim().length >= 32),
      'needs at least 32 characters',
    ),
});

/** A service binding: another Worker, or a module in the same one, reached by `fetch(Request)`. */
export interface Fetcher {
  fetch(input: Request | string, init?: RequestInit): Promise<Response>;
}

export const fetcherSchema = z.custom<Fetcher>(
  (value) => typeof value === 'object' && value !== null && 'fetch' in value,
  'must be a service binding',
);
