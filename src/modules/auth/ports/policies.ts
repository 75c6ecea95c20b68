import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Policy, StoredPolicy } from '../models/policies.ts';
import type { Decided, WorkspaceChange } from './workspace-decisions.ts';

/** A policy must not keep out whoever sets it: what the database compares with its rules. */
export interface SetFrom {
  readonly address: string | null;
  /** The session was signed in with a second factor. */
  readonly hasSecondFactor: boolean;
}

export interface PolicyRepository {
  /** The deployment's, and those of the user's workspaces; without a user the deployment's alone. */
  policiesFor(userId: string | null): Promise<Policy[]>;
  bindingPolicies(userId: string): Promise<{ workspaceId: string | null; policy: Policy }[]>;
  /** Of a workspace; null: of the deployment. */
  find(workspaceId: string | null): Promise<StoredPolicy | undefined>;
  setForDeployment(input: {
    readonly policy: Policy;
    readonly by: string;
    readonly from: SetFrom;
    readonly audit: Omit<AuditEntry, 'result' | 'reason'>;
  }): Promise<StoredPolicy | 'would_lock_you_out'>;
  deleteForDeployment(audit: AuditEntry): Promise<void>;
  setForWorkspace(
    change: WorkspaceChange & { policy: Policy; from: SetFrom },
  ): Promise<Decided<StoredPolicy>>;
  deleteForWorkspace(change: WorkspaceChange): Promise<Decided<null>>;
}
