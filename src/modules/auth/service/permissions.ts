import { PERMISSIONS, type Permission } from '../../../core/security/permissions.ts';
import type { Principal } from '../../../core/security/principal.ts';
import type { PermissionAnswer, Permissions } from '../models/permissions.ts';
import type { EffectivePolicy } from '../models/policies.ts';
import type { PermissionFacts, PermissionRepository } from '../ports/permissions.ts';
import type { PolicyRepository } from '../ports/policies.ts';
import { strictest } from './policies.ts';

const LISTED = 200;
const RULE = 'Whatever is not in `permissions`, or in the `permissions` of a workspace, is denied.';

/** Says what the caller may do and why, as the authorisation of this very request saw it. */
export interface ExplainPermissions {
  all(principal: Principal): Promise<Permissions>;
  one(permission: Permission, principal: Principal): Promise<PermissionAnswer>;
}

export function createExplainPermissions(dependencies: {
  readonly repository: PermissionRepository;
  readonly policies: Pick<PolicyRepository, 'bindingPolicies'>;
  /** What the deployment's configuration asks without any policy. */
  readonly defaults: EffectivePolicy;
}): ExplainPermissions {
  const { repository, policies, defaults } = dependencies;
  const factsOf = ({ userId, credential }: Principal) => repository.factsOf(userId, credential, LISTED);
  return {
    async all(principal) {
      const { userId, kind, role, credential, restriction, permissions } = principal;
      const [facts, binding] = await Promise.all([factsOf(principal), policies.bindingPolicies(userId)]);
      const effective = strictest(
        defaults,
        binding.map(({ policy }) => policy),
      );
      return {
        userId,
        kind,
        role,
        credential: { clientId: null, ...credential },
        scopes: facts.scopes && [...facts.scopes],
        restriction,
        permissions: PERMISSIONS.filter((permission) => permissions.has(permission)),
        missing: PERMISSIONS.filter((permission) => !permissions.has(permission)).map((permission) => ({
          permission,
          because: becauseOf(permission, principal, facts),
        })),
        workspaces: [...facts.workspaces],
        groups: [...facts.groups],
        policies: {
          binding,
          effective: { ...effective, allowedEmailDomains: [...effective.allowedEmailDomains] },
        },
        rule: RULE,
      };
    },

    async one(permission, principal) {
      const because = becauseOf(permission, principal, await factsOf(principal));
      return { permission, allowed: principal.permissions.has(permission), because };
    },
  };
}

function becauseOf(permission: Permission, principal: Principal, facts: PermissionFacts): string {
  const { permissions, role, credential, restriction } = principal;
  if (permissions.has(permission)) return `The role ${role} permits it.`;
  if (!facts.rolePermissions.includes(permission)) return `The role ${role} does not permit it.`;
  if (facts.scopes && !facts.scopes.includes(permission))
    return `The ${credential.kind === 'api-key' ? 'API key' : 'program'} was not given this scope.`;
  if (restriction === 'mfa_required')
    return 'A policy requires a second factor, and the session was signed in without one.';
  if (restriction === 'network_not_allowed') return 'A policy or the key does not allow this network.';
  return 'It was not permitted a moment ago; ask again.';
}
