import { z } from '@hono/zod-openapi';
import { PERMISSIONS } from '../../../core/security/permissions.ts';
import { policySchema } from './policies.ts';
import { userIdSchema } from './users.ts';
import { groupIdSchema, workspaceIdSchema } from './workspaces.ts';

export const permissionsQuerySchema = z.object({
  /** Ask about this one only. */
  permission: z.enum(PERMISSIONS).optional(),
});

export const permissionAnswerSchema = z
  .object({ permission: z.enum(PERMISSIONS), allowed: z.boolean(), because: z.string() })
  .openapi('PermissionAnswer');
export type PermissionAnswer = z.infer<typeof permissionAnswerSchema>;

export const effectivePolicySchema = z.object({
  passwordMinLength: z.int(),
  sessionIdleSeconds: z.int(),
  sessionSeconds: z.int(),
  maxSessions: z.int(),
  requireMfa: z.boolean(),
  allowedEmailDomains: z.array(z.string()),
  loginFailures: z.int(),
});

/** Everything that decides what the caller may do, right now and with this credential. */
export const permissionsSchema = z
  .object({
    userId: userIdSchema,
    kind: z.enum(['person', 'service']),
    /** In the deployment. */
    role: z.string(),
    credential: z.object({
      kind: z.enum(['session', 'api-key']),
      id: z.string(),
      /** The program that the session was granted to. */
      clientId: z.string().nullable(),
    }),
    /** What the key or grant is limited to; null: whatever the role permits. */
    scopes: z.array(z.string()).nullable(),
    /** Why permissions of the role are withheld. */
    restriction: z.enum(['mfa_required', 'network_not_allowed']).nullable(),
    permissions: z.array(z.enum(PERMISSIONS)),
    /** Every other permission that there is, each with its reason. */
    missing: z.array(z.object({ permission: z.enum(PERMISSIONS), because: z.string() })),
    /** At most 200 of each; the lists of their own have all. */
    workspaces: z.array(
      z.object({
        id: workspaceIdSchema,
        name: z.string(),
        role: z.string(),
        permissions: z.array(z.string()),
      }),
    ),
    groups: z.array(z.object({ id: groupIdSchema, workspaceId: workspaceIdSchema, name: z.string() })),
    policies: z.object({
      /** Of the deployment (no workspace) and of the caller's workspaces. */
      binding: z.array(z.object({ workspaceId: workspaceIdSchema.nullable(), policy: policySchema })),
      /** All of them as one: the strictest of each. */
      effective: effectivePolicySchema,
    }),
    rule: z.string(),
  })
  .openapi('Permissions');
export type Permissions = z.infer<typeof permissionsSchema>;
