import { z } from '@hono/zod-openapi';
import { idPattern } from '../../../core/database/columns.ts';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { PERMISSIONS, type Permission } from '../../../core/security/permissions.ts';
import { pageQuerySchema, pageSchema } from './pages.ts';
import { networkSchema } from './policies.ts';

/** Live keys of one user. */
export const MAX_LIVE_KEYS = 100;
const DEFAULT_DAYS = 90;
const MAX_DAYS = 366;
const OVERLAP_SECONDS = 86_400;
const MAX_OVERLAP_SECONDS = 7 * 86_400;

/** A key stands for a program: it never manages the account behind it, and never makes other keys (ASVS 7.2.2). */
const NEVER: readonly Permission[] = ['account:write', 'keys:write'];
export const KEY_SCOPES = PERMISSIONS.filter((permission) => !NEVER.includes(permission));

export const apiKeyIdSchema = z.string().regex(idPattern('key'), 'must be the id of an API key, key_…');
export const apiKeyParamsSchema = z.object({ id: apiKeyIdSchema });
const nameSchema = plainTextSchema.trim().min(1).max(100);
const networksSchema = z.array(networkSchema).max(50);

export const createApiKeySchema = z
  .strictObject({
    name: nameSchema,
    /** Permissions that the caller has. What the key may do is never more than its user may at that moment. */
    scopes: z
      .array(z.enum(KEY_SCOPES))
      .min(1)
      .max(KEY_SCOPES.length)
      .transform((scopes) => [...new Set(scopes)]),
    expiresInDays: z.int().min(1).max(MAX_DAYS).default(DEFAULT_DAYS),
    /** CIDR; empty: from everywhere. */
    allowedNetworks: networksSchema.default([]),
  })
  .openapi('CreateApiKey');
export type CreateApiKey = z.output<typeof createApiKeySchema>;

export const updateApiKeySchema = z
  .strictObject({ name: nameSchema, allowedNetworks: networksSchema })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('UpdateApiKey');
export type UpdateApiKey = z.output<typeof updateApiKeySchema>;

export const rotateApiKeySchema = z
  .strictObject({
    /** How long the older key still works, unless it expires before. */
    overlapSeconds: z.int().min(0).max(MAX_OVERLAP_SECONDS).default(OVERLAP_SECONDS),
  })
  .openapi('RotateApiKey');

export const listApiKeysSchema = pageQuerySchema(apiKeyIdSchema).extend({
  /** Also those that were revoked or have expired. */
  all: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true'),
});
export type ListApiKeys = z.output<typeof listApiKeysSchema>;

export const apiKeySchema = z
  .object({
    id: apiKeyIdSchema,
    name: z.string(),
    /** The first characters of the key, to recognise it by. */
    prefix: z.string(),
    scopes: z.array(z.string()),
    allowedNetworks: z.array(z.string()),
    createdAt: z.iso.datetime(),
    expiresAt: z.iso.datetime().nullable(),
    /** To the minute. */
    lastUsedAt: z.iso.datetime().nullable(),
    lastUsedAddress: z.string().nullable(),
    /** The key that this one took the place of. */
    replaces: apiKeyIdSchema.nullable(),
    revokedAt: z.iso.datetime().nullable(),
  })
  .openapi('ApiKey');
export type ApiKey = z.infer<typeof apiKeySchema>;

export const newApiKeySchema = apiKeySchema
  .extend({
    /** Shown this once; we keep only its hash. */
    key: z.string(),
  })
  .openapi('NewApiKey');
export type NewApiKey = z.infer<typeof newApiKeySchema>;

export const apiKeyPageSchema = pageSchema(apiKeySchema).openapi('ApiKeyPage');
