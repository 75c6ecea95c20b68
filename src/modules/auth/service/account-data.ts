import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { AccountExport } from '../models/accounts.ts';
import type { AccountDataRepository, AccountRepository } from '../ports/accounts.ts';
import type { Emails } from './emails.ts';
import type { ProvePassword } from './prove-password.ts';
import { toUser } from './users.ts';

export interface AccountData {
  /** @throws AppError `wrong_password`, `sole_owner` or `last_admin` */
  deleteAccount(
    principal: Principal,
    input: { password?: string | undefined },
    caller: Caller,
  ): Promise<void>;
  export(principal: Principal, caller: Caller): Promise<AccountExport>;
}

export function createAccountData(dependencies: {
  readonly repository: AccountDataRepository;
  readonly accounts: Pick<AccountRepository, 'findUser'>;
  readonly provePassword: ProvePassword;
  readonly emails: Pick<Emails, 'prepare'>;
  readonly recordAudit: RecordAudit;
  readonly now: () => Date;
}): AccountData {
  const { repository, accounts, provePassword, emails, recordAudit, now } = dependencies;
  const about = (principal: Principal, caller: Caller, action: string) => ({
    ...auditedAs(principal, caller),
    action,
    object: { kind: 'user', id: principal.userId },
    result: 'success' as const,
  });
  return {
    async deleteAccount(principal, { password }, caller) {
      const user = await accounts.findUser(principal.userId);
      if (user === undefined) throw authError('user_not_found');
      if (password !== undefined) await provePassword(user, password, principal, caller);
      const what = 'The account was deleted, with everything that was known about you.';
      const notice =
        user.email === null
          ? undefined
          : await emails.prepare(user.email, { template: 'security-notice', what });
      const entry = about(principal, caller, 'user.delete');
      const outcome = await repository.deleteAccount({ userId: user.id, notice }, entry);
      if (outcome === 'deleted') return;
      if (outcome === 'gone') throw authError('user_not_found');
      await recordAudit({ ...entry, result: 'denied', reason: outcome });
      throw authError(outcome, {
        detail:
          outcome === 'sole_owner'
            ? 'Make somebody else an owner of your workspaces first, or remove their members.'
            : 'Make somebody else an administrator first.',
      });
    },

    async export(principal, caller) {
      const user = await accounts.findUser(principal.userId);
      if (user === undefined) throw authError('user_not_found');
      const data = await repository.export(user.id);
      await recordAudit(about(principal, caller, 'user.export'));
      return { exportedAt: now().toISOString(), user: toUser(user), ...data };
    },
  };
}
