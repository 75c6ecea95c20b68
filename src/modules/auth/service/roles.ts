import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import type { Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { notForScope, type Role, type RoleInput, type RoleScope } from '../models/roles.ts';
import type { RoleRepository } from '../ports/roles.ts';
import type { RequireInWorkspace } from './workspace-authority.ts';
import type { Asking } from './workspace-changes.ts';

/**
 * What a role permits is data. Built-in ones are fixed; custom ones of the deployment never permit more than whoever
 * makes or changes them may do, and of those of workspaces none permits what makes an owner.
 */
export interface Roles {
  list(): Promise<Role[]>;
  /** The roles that members of a workspace can have. */
  listOfWorkspace(workspaceId: string, principal: Principal): Promise<Role[]>;
  /** @throws AppError `built_in_role`, `permission_denied`, `invalid_request` */
  set(scope: RoleScope, name: string, input: RoleInput, asking: Asking): Promise<Role>;
  /** @throws AppError `role_not_found`, `built_in_role`, `role_in_use` */
  delete(scope: RoleScope, name: string, asking: Asking): Promise<void>;
}

export function createRoles(dependencies: {
  readonly repository: RoleRepository;
  readonly requireInWorkspace: RequireInWorkspace;
}): Roles {
  const { repository, requireInWorkspace } = dependencies;
  const within = (scope: RoleScope, { principal }: Asking) =>
    scope === 'deployment' ? [...principal.permissions] : null;
  const auditOf = (action: string, scope: RoleScope, name: string, { principal, caller }: Asking) => ({
    ...auditedAs(principal, caller),
    action,
    object: { kind: 'role', id: `${scope}/${name}` },
  });
  const refusal = (code: 'built_in_role' | 'role_not_found' | 'role_in_use' | 'permission_denied') =>
    code === 'permission_denied' ? tooMuch() : authError(code);

  return {
    list: () => repository.list(),

    async listOfWorkspace(workspaceId, principal) {
      await requireInWorkspace(principal, workspaceId, 'workspace:read');
      return repository.listOfWorkspaces();
    },

    async set(scope, name, { description, permissions: listed }, asking) {
      const permissions = [...new Set(listed)];
      refuseForeign(scope, permissions);
      const allowed = within(scope, asking);
      if (allowed && !permissions.every((permission) => allowed.some((held) => held === permission)))
        throw tooMuch();
      const audit = {
        ...auditOf('role.set', scope, name, asking),
        details: { permissions: permissions.join(' ') },
      };
      const done = await repository.set({ scope, name, description, permissions, within: allowed, audit });
      if (done.outcome !== 'done') throw refusal(done.outcome);
      return done.role;
    },

    async delete(scope, name, asking) {
      const audit = auditOf('role.delete', scope, name, asking);
      const outcome = await repository.delete(scope, name, within(scope, asking), audit);
      if (outcome !== 'done') throw refusal(outcome);
    },
  };
}

function refuseForeign(scope: RoleScope, permissions: readonly string[]): void {
  const foreign = notForScope(scope, permissions);
  if (foreign.length === 0) return;
  throw coreError('invalid_request', {
    detail: `A ${scope} role cannot have ${foreign.join(', ')}.`,
    errors: [{ field: 'permissions', message: `${foreign.join(', ')} is not for a role of this scope` }],
  });
}

function tooMuch() {
  return coreError('permission_denied', { detail: 'A role cannot permit more than you may do yourself.' });
}
