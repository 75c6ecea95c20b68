import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { roleNameSchema } from './roles.ts';
import { personNameSchema } from './sign-in.ts';
import { userIdSchema, userSchema } from './users.ts';

export const adminUsersQuerySchema = z.object({
  /** Part of the e-mail address or the name, in any case; every character stands for itself. */
  q: plainTextSchema.trim().min(1).max(100).optional(),
  role: roleNameSchema.optional(),
  status: z.enum(['active', 'disabled']).optional(),
  cursor: userIdSchema.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});
export type AdminUsersQuery = z.output<typeof adminUsersQuerySchema>;

/** A person or service account as administrators see them. */
export const adminUserSchema = userSchema
  .extend({
    /** Null: may sign in. */
    disabledAt: z.iso.datetime().nullable(),
  })
  .openapi('AdminUser');
export type AdminUser = z.infer<typeof adminUserSchema>;

export const adminUsersSchema = z
  .object({
    /** The newest first. */
    items: z.array(adminUserSchema),
    nextCursor: userIdSchema.nullable(),
  })
  .openapi('AdminUsers');
export type AdminUsers = z.infer<typeof adminUsersSchema>;

export const adminUserDetailSchema = adminUserSchema
  .extend({
    /** Live ones, grants to OAuth clients too. */
    sessions: z.int(),
    /** That are neither revoked nor expired. */
    apiKeys: z.int(),
    factors: z.object({
      password: z.boolean(),
      totp: z.boolean(),
      passkeys: z.int(),
      /** Unused ones. */
      recoveryCodes: z.int(),
      /** Ids of the providers that the person signs in with. */
      identityProviders: z.array(z.string()),
    }),
    lastSignInAt: z.iso.datetime().nullable(),
  })
  .openapi('AdminUserDetail');
export type AdminUserDetail = z.infer<typeof adminUserDetailSchema>;

export const adminUserChangeSchema = z
  .strictObject({
    /** A role of the deployment. */
    role: roleNameSchema,
    /** True ends the sessions too; API keys rest until it is false again. */
    disabled: z.boolean(),
    name: personNameSchema.nullable(),
  })
  .partial()
  .refine((change) => Object.values(change).some((value) => value !== undefined), 'must change something')
  .openapi('AdminUserChange');
export type AdminUserChange = z.infer<typeof adminUserChangeSchema>;

export const endedSessionsSchema = z
  .object({
    /** How many sessions were ended. */
    ended: z.int(),
  })
  .openapi('EndedSessions');

/** So that a slip does not sign out everybody. */
export const revokeAllSchema = z.strictObject({ confirm: z.literal(true) }).openapi('RevokeAllSessions');
