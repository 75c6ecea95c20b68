import { z } from '@hono/zod-openapi';
import { plainTextSchema } from '../../../core/http/plain-text.ts';
import { PERMISSIONS, WORKSPACE_PERMISSIONS } from '../../../core/security/permissions.ts';

export const ROLE_SCOPES = ['deployment', 'workspace'] as const;
export type RoleScope = (typeof ROLE_SCOPES)[number];

/** What makes an owner an owner; no other role of a workspace can have it. */
export const OWNERS_ALONE: readonly string[] = ['workspace:delete', 'ownership:transfer'];

export const roleNameSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be a name of lower-case letters, digits and hyphens');

export const roleParamsSchema = z.object({ scope: z.enum(ROLE_SCOPES), name: roleNameSchema });

const EVERY_PERMISSION = [...new Set([...PERMISSIONS, ...WORKSPACE_PERMISSIONS])] as const;
const permissionListSchema = z.array(z.enum(EVERY_PERMISSION)).max(EVERY_PERMISSION.length);

export const roleInputSchema = z
  .strictObject({
    description: plainTextSchema.trim().max(200).default(''),
    /** Of the catalogue of the role's scope. */
    permissions: permissionListSchema,
  })
  .openapi('RoleInput');
export type RoleInput = z.infer<typeof roleInputSchema>;

export const roleSchema = z
  .object({
    scope: z.enum(ROLE_SCOPES),
    name: z.string(),
    description: z.string(),
    permissions: z.array(z.string()),
    /** Comes with the product and cannot be changed. */
    builtIn: z.boolean(),
    updatedAt: z.iso.datetime(),
  })
  .openapi('Role');
export type Role = z.infer<typeof roleSchema>;
/** A deployment has few roles: the list is complete. */
export const rolesSchema = z.object({ items: z.array(roleSchema) }).openapi('Roles');

/** @returns the permissions that a custom role of this scope cannot have */
export function notForScope(scope: RoleScope, permissions: readonly string[]): string[] {
  const catalogue: readonly string[] =
    scope === 'deployment'
      ? PERMISSIONS
      : WORKSPACE_PERMISSIONS.filter((permission) => !OWNERS_ALONE.includes(permission));
  return permissions.filter((permission) => !catalogue.includes(permission));
}
