import { z } from 'zod';
import {
  accessTokenConfigSchema,
  cacheConfigSchema,
  commaListSchema,
  databaseConfigSchema,
  fetcherSchema,
  limitsConfigSchema,
  objectsConfigSchema,
  runtimeConfigSchema,
  serviceTokenConfigSchema,
  vaultConfigRule,
  vaultConfigSchema,
} from '../../core/config/config.ts';
import { queueSchema } from '../../core/events/wake-up.ts';
import { keyringSchema } from '../../core/security/keyring.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const count = () => z.coerce.number().int().positive();

/** What the module is told (docs/environment.md). */
const variables = z.object({
  ...runtimeConfigSchema.shape,
  ...databaseConfigSchema.shape,
  ...cacheConfigSchema.shape,
  ...limitsConfigSchema.shape,
  ...objectsConfigSchema.shape,
  ...vaultConfigSchema.shape,
  /** Data keys of objects, secrets of webhooks, tickets of links. */
  STORAGE_ENCRYPTION_KEYS: keyringSchema,
  ...accessTokenConfigSchema.shape,
  ...serviceTokenConfigSchema.shape,
  AUTH: fetcherSchema,
  EVENTS: queueSchema,
  /** Previews, digests of what went straight to the store, malware. */
  SIDECAR_URL: z.url(),
  /** One request's body; Cloudflare's smaller plans allow 100 MB. */
  MAX_UPLOAD_BYTES: count().default(100 * MIB),
  /** Of a drive that has no limits of its own. */
  DRIVE_QUOTA_BYTES: count().default(100 * GIB),
  DRIVE_QUOTA_ENTRIES: count().default(1_000_000),
  /** Begun in parts and not finished: for so long it can be resumed. */
  UPLOAD_LIFETIME_SECONDS: count().default(7 * 24 * 3_600),
  /** For so long an object that nothing names is in quarantine. */
  ORPHAN_GRACE_SECONDS: z.coerce
    .number()
    .int()
    .min(0)
    .default(24 * 3_600),
  /** Every new object is read by the malware scanner of the sidecar; with `hold` nothing is handed out before that. */
  MALWARE_SCAN: z.enum(['hold', 'on', 'off']).default('off'),
  /** Of a drive that says nothing else; 0 keeps the trash for ever. */
  TRASH_DAYS: z.coerce.number().int().min(0).default(30),
  /** What follows writes (webhooks, the journal, deletions in the bucket) is done at most this often in an isolate. */
  AFTER_WRITES_MS: z.coerce.number().int().min(0).max(60_000).default(1_000),
  /** Answers about people's own drives are remembered in Redis (docs/decisions/0021). */
  ANSWER_CACHE: z.enum(['on', 'off']).default('on'),
  /** For so long the drives of people and workspaces that are gone are kept. */
  GONE_DRIVE_DAYS: z.coerce.number().int().min(0).default(30),
  /** Of events, so of the change feed, and of deliveries to webhooks. */
  OUTBOX_DAYS: count().default(90),
  /** Where names of webhooks are looked up: DNS over HTTPS, in JSON. */
  DNS_RESOLVER_URL: z.url().default('https://cloudflare-dns.com/dns-query'),
  /** `host:port` of webhooks that are taken whatever they are, with http too; for development. */
  WEBHOOK_ALLOWED_HOSTS: commaListSchema,
});
export const storageConfigSchema = variables.superRefine(vaultConfigRule);
export type StorageConfig = z.infer<typeof storageConfigSchema>;
