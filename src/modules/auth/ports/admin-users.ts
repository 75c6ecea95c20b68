import type { AuditEntry } from '../../../core/security/audit.ts';
import type { AdminUserChange, AdminUserDetail, AdminUsersQuery } from '../models/admin-users.ts';
import type { PreparedEmail } from './emails.ts';
import type { UserRecord } from './users.ts';

/** Who acts, with what they may do: nobody gives, takes or touches more than they have. */
export interface Administrator extends Pick<AuditEntry, 'actor' | 'address' | 'requestId'> {
  readonly userId: string;
  readonly role: string;
  readonly permissions: readonly string[];
}

export type ChangeOutcome =
  | 'changed'
  | 'not_found'
  | 'unknown_role'
  /** A service account's role is part of what it is. */
  | 'role_is_fixed'
  /** The user has, or would get, permissions that the administrator does not have; or the administrator lost theirs. */
  | 'denied'
  | 'last_admin';

export interface AdminUserRepository {
  /** Without deleted ones, the newest first. */
  listUsers(query: AdminUsersQuery & { readonly limit: number }): Promise<UserRecord[]>;
  findDetail(id: string): Promise<{ user: UserRecord; detail: AdminUserDetailRecord } | undefined>;
  /**
   * Changes the user, ends the sessions of one who is disabled by it, and writes an audit entry for each value that
   * became another, all at once. Of any number of concurrent calls at least one enabled administrator is left.
   */
  changeUser(id: string, change: AdminUserChange, by: Administrator): Promise<ChangeOutcome>;
  /** Whether the administrator has every permission that the user has. */
  standing(id: string, by: Administrator): Promise<'permitted' | 'denied' | 'not_found'>;
  /** Takes away authenticator, recovery codes and passkeys. */
  removeFactors(id: string, audit: AuditEntry, notice: PreparedEmail | undefined): Promise<void>;
  /** Everybody's sessions but one; @returns how many. */
  revokeAllSessions(by: Administrator, exceptSessionId: string): Promise<number>;
}

export type AdminUserDetailRecord = Pick<
  AdminUserDetail,
  'sessions' | 'apiKeys' | 'factors' | 'lastSignInAt'
>;
