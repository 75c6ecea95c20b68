import { z } from '@hono/zod-openapi';
import { fileIdSchema, timestampSchema } from '../../../contracts/storage.ts';
import { idPattern } from '../../../core/database/columns.ts';

export const userIdSchema = z.string().regex(idPattern('usr'), 'must be a user id, usr_…');
const grantIdSchema = z.string().regex(idPattern('grt'), 'must be a grant id, grt_…');
export const pageSizeSchema = z.coerce.number().int().min(1).max(200).default(50);

export const grantedRoleSchema = z.enum(['none', 'viewer', 'commenter', 'editor', 'manager']);
export const principalKindSchema = z.enum(['user', 'group', 'workspace']);
export type PrincipalKind = z.infer<typeof principalKindSchema>;

/** In the future, and within what a date can hold. */
export const expirySchema = timestampSchema
  .transform((text) => new Date(text))
  .refine((date) => date.getTime() > Date.now(), 'must be in the future');

/** A group, or a workspace, only of those that the caller belongs to. */
export const granteeSchema = z.union([
  z.strictObject({ kind: z.literal('user'), email: z.email().max(254) }),
  z.strictObject({ kind: z.literal('user'), id: userIdSchema }),
  z.strictObject({
    kind: z.literal('group'),
    id: z.string().regex(idPattern('grp'), 'must be a group id, grp_…'),
  }),
  z.strictObject({
    kind: z.literal('workspace'),
    id: z.string().regex(idPattern('wsp'), 'must be a workspace id, wsp_…'),
  }),
]);
export type Grantee = z.infer<typeof granteeSchema>;

export const createGrantSchema = z
  .strictObject({
    principal: granteeSchema,
    role: grantedRoleSchema,
    expiresAt: expirySchema.nullable().optional(),
  })
  .openapi('CreateFileGrant');

export const updateGrantSchema = z
  .strictObject({ role: grantedRoleSchema.optional(), expiresAt: expirySchema.nullable().optional() })
  .refine(
    (change) => change.role !== undefined || change.expiresAt !== undefined,
    'must change role or expiresAt',
  )
  .openapi('UpdateFileGrant');

export const grantParamsSchema = z.object({ id: fileIdSchema, grantId: grantIdSchema });
export const grantsQuerySchema = z.object({ cursor: grantIdSchema.optional(), limit: pageSizeSchema });

/** Name and address are null when whoever it was is gone. */
export const principalSchema = z
  .object({
    kind: principalKindSchema,
    id: z.string(),
    name: z.string().nullable(),
    email: z.string().nullable(),
  })
  .openapi('SharePrincipal');
export type SharePrincipal = z.infer<typeof principalSchema>;

export const grantSchema = z
  .object({
    id: grantIdSchema,
    /** Where it was given; null for a folder above that the caller does not get to see. */
    fileId: fileIdSchema.nullable(),
    /** From a folder above. */
    inherited: z.boolean(),
    principal: principalSchema,
    /** `none` takes away what would come from above. */
    role: grantedRoleSchema,
    grantedBy: userIdSchema,
    expiresAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .openapi('FileGrant');
export type Grant = z.infer<typeof grantSchema>;
export type GrantedRole = Grant['role'];

export const grantPageSchema = z.object({ items: z.array(grantSchema), nextCursor: z.string().nullable() });

export const accessQuerySchema = z.object({
  /** Explains one person; others than oneself only to managers. */
  userId: userIdSchema.optional(),
  cursor: z
    .string()
    .regex(/^(usr|grp|wsp)_[0-9a-f]{32}$/, 'must be a cursor')
    .optional(),
  limit: pageSizeSchema,
});

export const accessRuleSchema = z
  .object({
    kind: z.enum(['drive_owner', 'workspace_role', 'grant']),
    /** The role in the workspace that has the drive. */
    workspaceRole: z.string().nullable(),
    grantId: grantIdSchema.nullable(),
    /** Where the grant was given; null as in a grant. */
    fileId: fileIdSchema.nullable(),
    inherited: z.boolean(),
  })
  .openapi('AccessRule');

export const accessSchema = z
  .object({
    principal: principalSchema,
    role: grantedRoleSchema,
    /** Null: there is none, and so no right. */
    rule: accessRuleSchema.nullable(),
  })
  .openapi('FileAccess');
export type Access = z.infer<typeof accessSchema>;

export const accessPageSchema = z.object({ items: z.array(accessSchema), nextCursor: z.string().nullable() });

export const sharedQuerySchema = z.object({ cursor: fileIdSchema.optional(), limit: pageSizeSchema });
