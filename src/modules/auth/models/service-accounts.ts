import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { apiKeyIdSchema } from './api-keys.ts';
import { pageSchema } from './pages.ts';
import { roleNameSchema } from './roles.ts';
import { userIdSchema } from './users.ts';
import { workspaceIdSchema } from './workspaces.ts';

/** Service accounts of one workspace. */
export const MAX_SERVICE_ACCOUNTS = 100;

const nameSchema = plainTextSchema.trim().min(1).max(100);

export const serviceAccountParamsSchema = z.object({ id: workspaceIdSchema, accountId: userIdSchema });
export const serviceAccountKeyParamsSchema = serviceAccountParamsSchema.extend({ keyId: apiKeyIdSchema });

export const createServiceAccountSchema = z
  .strictObject({
    name: nameSchema,
    /** In the workspace. */
    role: roleNameSchema
      .refine((role) => role !== 'owner' && role !== 'admin', 'no program runs a workspace')
      .default('member'),
  })
  .openapi('CreateServiceAccount');

export const updateServiceAccountSchema = z
  .strictObject({ name: nameSchema, disabled: z.boolean() })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must change something')
  .openapi('UpdateServiceAccount');

export const serviceAccountSchema = z
  .object({
    id: userIdSchema,
    name: z.string().nullable(),
    /** In the workspace; null when it was removed from the members. */
    role: z.string().nullable(),
    disabled: z.boolean(),
    createdBy: userIdSchema.nullable(),
    createdAt: z.iso.datetime(),
  })
  .openapi('ServiceAccount');
export type ServiceAccount = z.infer<typeof serviceAccountSchema>;
export const serviceAccountPageSchema = pageSchema(serviceAccountSchema).openapi('ServiceAccountPage');
