import type { Context } from 'hono';
import type { WorkspacePermission } from '../../../core/security/permissions.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import type { AuthVariables } from './app.ts';

/** Who asks and from where, for use cases that write both into the audit log. */
export function askingOf(c: Pick<Context<{ Bindings: object; Variables: AuthVariables }>, 'get'>): {
  principal: Principal;
  caller: Caller;
} {
  return { principal: c.get('principal'), caller: c.get('caller') };
}

/** Declares on a route what the caller needs in the workspace besides; the service checks it (docs/permissions.md). */
export function inWorkspace(permission: WorkspacePermission): {
  'x-workspace-permission': WorkspacePermission;
} {
  return { 'x-workspace-permission': permission };
}
