/**
 * Everything that a route can ask for; each route names one (core/http/authorize.ts) and a role is a list of them
 * (`auth.roles`). The scopes of API keys and OAuth clients are the same names.
 */
export const PERMISSIONS = [
  'account:read',
  'account:write',
  'keys:write',
  'files:read',
  'files:write',
  'search:read',
  'models:write',
  'workspaces:read',
  'workspaces:write',
  'users:read',
  'users:write',
  'roles:write',
  'policies:write',
  'audit:read',
  'configuration:write',
  'signing-keys:write',
  'providers:write',
  'clients:write',
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** What a member of a workspace can be allowed there (`auth.workspace_authority`); checked by the service. */
export const WORKSPACE_PERMISSIONS = [
  'workspace:read',
  'workspace:write',
  'workspace:delete',
  'ownership:transfer',
  'policy:write',
  'members:write',
  'groups:write',
  'invitations:write',
  'service-accounts:write',
  'audit:read',
  /** In the workspace's drive: a viewer, an editor, and whoever manages it, whatever grants say. */
  'files:read',
  'files:write',
  'files:manage',
] as const;
export type WorkspacePermission = (typeof WORKSPACE_PERMISSIONS)[number];
