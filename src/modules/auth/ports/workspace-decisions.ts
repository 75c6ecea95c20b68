import type { AuditEntry } from '../../../core/security/audit.ts';
import type { WorkspacePermission } from '../../../core/security/permissions.ts';

/** Why something did not happen in a workspace; the code of the refusal. */
export type WorkspaceRefusal =
  | 'workspace_not_found'
  | 'permission_denied'
  | 'member_not_found'
  | 'group_not_found'
  | 'invitation_not_found'
  | 'role_not_found'
  | 'last_owner'
  | 'group_name_taken'
  | 'already_member'
  | 'email_domain_not_allowed'
  | 'would_lock_you_out'
  | 'service_account_not_found'
  | 'too_many_service_accounts'
  | 'api_key_not_found'
  | 'api_key_not_live'
  | 'too_many_api_keys';

/** A change that was decided, made and written into the audit log in one transaction, or refused. */
export type Decided<Value> =
  | { readonly refusal: null; readonly value: Value }
  | { readonly refusal: WorkspaceRefusal };

/** Who changes what; the entry gets its result from the decision. */
export interface WorkspaceChange {
  readonly workspaceId: string;
  readonly actorId: string;
  readonly audit: Omit<AuditEntry, 'result' | 'reason' | 'workspaceId'>;
}

/** What a member may do in a workspace. */
export interface WorkspaceAuthority {
  readonly role: string;
  readonly permissions: ReadonlySet<WorkspacePermission>;
}

export interface WorkspaceAuthorities {
  /** Undefined for everybody who is not a member, and for workspaces that are deleted or never were. */
  authorityIn(userId: string, workspaceId: string): Promise<WorkspaceAuthority | undefined>;
}
