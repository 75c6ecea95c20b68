import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type {
  AdminUser,
  AdminUserChange,
  AdminUserDetail,
  AdminUsers,
  AdminUsersQuery,
} from '../models/admin-users.ts';
import type { Administrator, AdminUserRepository, ChangeOutcome } from '../ports/admin-users.ts';
import type { SessionRepository } from '../ports/sessions.ts';
import type { UserRecord } from '../ports/users.ts';
import type { Emails } from './emails.ts';
import { toUser } from './users.ts';

export interface AdminUserService {
  list(query: AdminUsersQuery): Promise<AdminUsers>;
  /** @throws AppError `user_not_found` */
  get(id: string): Promise<AdminUserDetail>;
  /** @throws AppError `user_not_found`, `last_admin`, `permission_denied`, `invalid_request` (no such role) */
  change(id: string, change: AdminUserChange, principal: Principal, caller: Caller): Promise<AdminUserDetail>;
  /** Ends all sessions of a user; @returns how many. */
  logout(id: string, principal: Principal, caller: Caller): Promise<number>;
  /** For people who lost their second factor and every recovery code. */
  removeFactors(id: string, principal: Principal, caller: Caller): Promise<void>;
  /** Ends everybody's sessions but the caller's; @returns how many. */
  logoutEverybody(principal: Principal, caller: Caller): Promise<number>;
}

export function createAdminUsers(dependencies: {
  readonly repository: AdminUserRepository;
  readonly sessions: Pick<SessionRepository, 'revokeSessionsOf'>;
  readonly emails: Emails;
  readonly recordAudit: RecordAudit;
}): AdminUserService {
  const { repository, sessions, emails, recordAudit } = dependencies;

  async function get(id: string): Promise<AdminUserDetail> {
    const found = await repository.findDetail(id);
    if (found === undefined) throw authError('user_not_found');
    return { ...toAdminUser(found.user), ...found.detail };
  }

  async function refuse(
    action: string,
    id: string,
    outcome: Exclude<ChangeOutcome, 'changed'>,
    principal: Principal,
    caller: Caller,
  ): Promise<never> {
    const error = refusalOf(outcome);
    await recordAudit({
      ...auditedAs(principal, caller),
      action,
      object: { kind: 'user', id },
      result: 'denied',
      reason: error.code,
    });
    throw error;
  }

  /** Nobody acts on an account that may do more than they may. */
  async function requireStanding(action: string, id: string, principal: Principal, caller: Caller) {
    const standing = await repository.standing(id, administratorOf(principal, caller));
    if (standing !== 'permitted') await refuse(action, id, standing, principal, caller);
  }

  return {
    async list(query) {
      const found = await repository.listUsers({ ...query, limit: query.limit + 1 });
      const items = found.slice(0, query.limit).map(toAdminUser);
      return { items, nextCursor: found.length > query.limit ? (items.at(-1)?.id ?? null) : null };
    },

    get,

    async change(id, change, principal, caller) {
      const outcome = await repository.changeUser(id, change, administratorOf(principal, caller));
      if (outcome !== 'changed') return refuse('user.change', id, outcome, principal, caller);
      return get(id);
    },

    async logout(id, principal, caller) {
      await requireStanding('user.logout', id, principal, caller);
      const ended = await sessions.revokeSessionsOf(
        id,
        'ended by an administrator',
        auditedAs(principal, caller),
        null,
      );
      await recordAudit({
        ...auditedAs(principal, caller),
        action: 'user.logout',
        object: { kind: 'user', id },
        result: 'success',
        details: { sessions: ended },
      });
      return ended;
    },

    async removeFactors(id, principal, caller) {
      await requireStanding('user.remove-factors', id, principal, caller);
      const { email, factors } = await get(id);
      const notice =
        email === null
          ? undefined
          : await emails.prepare(email, {
              template: 'security-notice',
              what: 'An administrator removed the second factors and passkeys of your account.',
            });
      const audit = {
        ...auditedAs(principal, caller),
        action: 'user.remove-factors',
        object: { kind: 'user', id },
        result: 'success' as const,
        details: { totp: factors.totp, passkeys: factors.passkeys, recoveryCodes: factors.recoveryCodes },
      };
      await repository.removeFactors(id, audit, notice);
    },

    async logoutEverybody(principal, caller) {
      const by = administratorOf(principal, caller);
      const ended = await repository.revokeAllSessions(by, principal.credential.id);
      await recordAudit({
        ...auditedAs(principal, caller),
        action: 'session.revoke-all',
        result: 'success',
        details: { sessions: ended },
      });
      return ended;
    },
  };
}

function administratorOf(principal: Principal, caller: Caller): Administrator {
  const { userId, role, permissions } = principal;
  return { ...auditedAs(principal, caller), userId, role, permissions: [...permissions] };
}

function refusalOf(outcome: Exclude<ChangeOutcome, 'changed'>) {
  switch (outcome) {
    case 'not_found':
      return authError('user_not_found');
    case 'last_admin':
      return authError('last_admin', { detail: 'Make somebody else an administrator first.' });
    case 'denied':
      return coreError('permission_denied', {
        detail: 'This takes every permission that the user has or gets.',
      });
    case 'unknown_role':
    case 'role_is_fixed': {
      const message =
        outcome === 'unknown_role' ? 'is no role of the deployment' : 'cannot change for a service account';
      return coreError('invalid_request', {
        detail: `The role ${message}.`,
        errors: [{ field: 'role', message }],
      });
    }
  }
}

function toAdminUser(user: UserRecord): AdminUser {
  return { ...toUser(user), disabledAt: user.disabledAt?.toISOString() ?? null };
}
