import { auditedAs } from '../../../core/security/audit.ts';
import type { Principal } from '../../../core/security/principal.ts';
import type { Policy, StoredPolicy } from '../models/policies.ts';
import type { PolicyRepository, SetFrom } from '../ports/policies.ts';
import { type RequireInWorkspace, unlessRefused } from './workspace-authority.ts';
import { type Asking, changeOf } from './workspace-changes.ts';

/**
 * Setting what the deployment or a workspace asks of its people. Nobody shuts themselves out: allowed networks have to
 * include the one that they come from, and only who is signed in with a second factor may require one
 * (`would_lock_you_out`). Taking a policy away is always possible for those who may.
 */
export interface PolicyRules {
  get(): Promise<StoredPolicy>;
  set(policy: Policy, asking: Asking): Promise<StoredPolicy>;
  delete(asking: Asking): Promise<void>;
  /** For every member: it binds them. */
  getOfWorkspace(workspaceId: string, principal: Principal): Promise<StoredPolicy>;
  setOfWorkspace(workspaceId: string, policy: Policy, asking: Asking): Promise<StoredPolicy>;
  deleteOfWorkspace(workspaceId: string, asking: Asking): Promise<void>;
}

const NONE: StoredPolicy = { policy: {}, updatedAt: null, updatedBy: null };
/** As auth.authority_of_user counts them (RFC 8176 names). */
const SECOND_FACTORS = ['otp', 'hwk', 'rec'];

export function createPolicyRules(dependencies: {
  readonly repository: PolicyRepository;
  readonly requireInWorkspace: RequireInWorkspace;
}): PolicyRules {
  const { repository, requireInWorkspace } = dependencies;
  const ofDeployment = { kind: 'policy', id: 'deployment' };
  const ofWorkspace = (id: string) => ({ kind: 'policy', id });

  return {
    get: async () => (await repository.find(null)) ?? NONE,

    async set(policy, asking) {
      const { principal, caller } = asking;
      const stored = await repository.setForDeployment({
        policy,
        by: principal.userId,
        from: setFrom(asking),
        audit: {
          ...auditedAs(principal, caller),
          action: 'policy.set',
          object: ofDeployment,
          details: { policy: JSON.stringify(policy) },
        },
      });
      if (stored === 'would_lock_you_out') return unlessRefused({ refusal: stored });
      return stored;
    },

    async delete({ principal, caller }) {
      await repository.deleteForDeployment({
        ...auditedAs(principal, caller),
        action: 'policy.delete',
        object: ofDeployment,
        result: 'success',
      });
    },

    async getOfWorkspace(workspaceId, principal) {
      await requireInWorkspace(principal, workspaceId, 'workspace:read');
      return (await repository.find(workspaceId)) ?? NONE;
    },

    async setOfWorkspace(workspaceId, policy, asking) {
      const details = { policy: JSON.stringify(policy) };
      const change = changeOf(asking, workspaceId, 'policy.set', ofWorkspace(workspaceId), details);
      return unlessRefused(await repository.setForWorkspace({ ...change, policy, from: setFrom(asking) }));
    },

    async deleteOfWorkspace(workspaceId, asking) {
      const change = changeOf(asking, workspaceId, 'policy.delete', ofWorkspace(workspaceId));
      unlessRefused(await repository.deleteForWorkspace(change));
    },
  };
}

function setFrom({ principal, caller }: Asking): SetFrom {
  return {
    address: caller.address,
    hasSecondFactor: principal.methods.some((method) => SECOND_FACTORS.includes(method)),
  };
}
