import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import { refuseOverLimit } from '../../../core/security/over-limit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { WRONG_PASSWORDS_PER_USER } from '../limits.ts';
import type { Passwords } from '../ports/accounts.ts';
import type { UserRecord } from '../ports/users.ts';

/**
 * A signed-in user proves to know their password; wrong ones are limited per user, and only tell the owner of the
 * session.
 *
 * @returns the hash that it matched
 * @throws AppError `wrong_password`, also when the account has none; `too_many_requests`
 */
export type ProvePassword = (
  user: UserRecord,
  password: string,
  principal: Principal,
  caller: Caller,
) => Promise<string>;

export function createProvePassword(dependencies: {
  readonly passwords: Pick<Passwords, 'verify'>;
  readonly limiter: Pick<RateLimiter, 'consume' | 'forget'>;
  readonly recordAudit: RecordAudit;
}): ProvePassword {
  const { passwords, limiter, recordAudit } = dependencies;
  return async (user, password, principal, caller) => {
    // Counted before the password is derived: of any number at once no more are tried than may be wrong.
    refuseOverLimit(await limiter.consume(WRONG_PASSWORDS_PER_USER, user.id));
    const { passwordHash } = user;
    if (!(await passwords.verify(password, passwordHash)) || passwordHash === null) {
      await recordAudit({
        ...auditedAs(principal, caller),
        action: 'password.prove',
        object: { kind: 'user', id: user.id },
        result: 'failure',
        reason: 'wrong_password',
      });
      throw authError(
        'wrong_password',
        passwordHash === null
          ? { detail: 'The account has no password yet; POST /v1/auth/password/forgot sets one.' }
          : {},
      );
    }
    await limiter.forget(WRONG_PASSWORDS_PER_USER, user.id);
    return passwordHash;
  };
}
