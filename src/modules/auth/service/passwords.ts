import type { RateLimiter } from '../../../core/cache/rate-limiter.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import { type Caller, ownSession, type Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import { RESETS_PER_RECIPIENT } from '../limits.ts';
import type { AccountRepository, PasswordRepository, Passwords } from '../ports/accounts.ts';
import type { Emails } from './emails.ts';
import type { LinkTo } from './links.ts';
import type { OneTimeTokens } from './one-time-tokens.ts';
import type { CheckNewPassword } from './password-rules.ts';
import type { EffectivePolicyOf } from './policies.ts';
import type { ProvePassword } from './prove-password.ts';

/** OWASP ASVS 6.5.5. */
const RESET_SECONDS = 10 * 60;

export interface PasswordChangesDependencies {
  readonly repository: PasswordRepository;
  readonly accounts: Pick<AccountRepository, 'findUser' | 'findUserByEmail'>;
  readonly passwords: Passwords;
  readonly provePassword: ProvePassword;
  readonly checkNewPassword: CheckNewPassword;
  readonly effectivePolicy: EffectivePolicyOf;
  readonly oneTimeTokens: Pick<OneTimeTokens, 'find'>;
  readonly emails: Pick<Emails, 'prepare'>;
  readonly linkTo: LinkTo;
  readonly limiter: Pick<RateLimiter, 'consume'>;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
}

export interface PasswordChanges {
  /** Ends all other sessions. @throws AppError `wrong_password`, or one of the password rules */
  change(
    principal: Principal,
    input: { currentPassword: string; newPassword: string },
    caller: Caller,
  ): Promise<void>;
  /** Sends a link when the address has an account; the same work and no word about it when it has none. */
  requestReset(email: string, caller: Caller): Promise<void>;
  /**
   * Ends all sessions and opens none: who has a second factor is asked for it at the next login.
   * @throws AppError `invalid_token`, or one of the password rules, and then the token still works
   */
  reset(input: { token: string; newPassword: string }, caller: Caller): Promise<void>;
}

export function createPasswordChanges(dependencies: PasswordChangesDependencies): PasswordChanges {
  return {
    change: (principal, input, caller) => change(dependencies, principal, input, caller),
    requestReset: (email, caller) => requestReset(dependencies, email, caller),
    reset: (input, caller) => reset(dependencies, input, caller),
  };
}

async function change(
  dependencies: PasswordChangesDependencies,
  principal: Principal,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
  caller: Caller,
): Promise<void> {
  const { repository, accounts, passwords, provePassword, checkNewPassword, effectivePolicy, emails } =
    dependencies;
  const keptSessionId = ownSession(principal);
  if (keptSessionId === undefined)
    throw coreError('permission_denied', { detail: 'Programs do not change the password of a person.' });
  const user = await accounts.findUser(principal.userId);
  if (user === undefined) throw authError('user_not_found');
  const from = await provePassword(user, currentPassword, principal, caller);
  await checkNewPassword(newPassword, await effectivePolicy(user.id), user);
  const changed = await repository.change(
    {
      userId: user.id,
      from,
      to: await passwords.hash(newPassword),
      keptSessionId,
      notice:
        user.email === null
          ? undefined
          : await emails.prepare(user.email, {
              template: 'security-notice',
              what: 'The password of the account was changed.',
            }),
    },
    {
      ...auditedAs(principal, caller),
      action: 'password.change',
      object: { kind: 'user', id: user.id },
      result: 'success',
    },
  );
  if (!changed) throw authError('wrong_password', { detail: 'The password was changed a moment ago.' });
}

async function requestReset(
  dependencies: PasswordChangesDependencies,
  email: string,
  { address, requestId }: Caller,
): Promise<void> {
  const { repository, accounts, emails, linkTo, limiter, newSecret, hashSecret, now } = dependencies;
  const { allowed } = await limiter.consume(RESETS_PER_RECIPIENT, hashSecret(email.toLowerCase()));
  const user = await accounts.findUserByEmail(email);
  const secret = newSecret();
  const to = user?.email ?? email;
  await repository.requestReset(
    {
      userId: user?.id ?? null,
      token: {
        tokenHash: hashSecret(secret),
        data: { email: to },
        expiresAt: new Date(now().getTime() + RESET_SECONDS * 1000),
      },
      mail: await emails.prepare(to, { template: 'reset-password', link: linkTo('reset-password', secret) }),
      mails: allowed && user !== undefined,
    },
    {
      actor: { kind: 'anonymous' },
      action: 'password.reset-request',
      object: user && { kind: 'user', id: user.id },
      result: user ? 'success' : 'failure',
      reason: user ? null : 'user_not_found',
      address,
      requestId,
    },
  );
}

async function reset(
  dependencies: PasswordChangesDependencies,
  { token, newPassword }: { token: string; newPassword: string },
  { address, requestId }: Caller,
): Promise<void> {
  const { repository, accounts, passwords, checkNewPassword, effectivePolicy, oneTimeTokens, emails } =
    dependencies;
  const about = await oneTimeTokens.find('password-reset', token);
  const user = about?.userId ? await accounts.findUser(about.userId) : undefined;
  if (!user?.email) throw authError('invalid_token');
  await checkNewPassword(newPassword, await effectivePolicy(user.id), user);
  const notice = await emails.prepare(user.email, {
    template: 'security-notice',
    what: 'The password of the account was set anew by a link in an e-mail.',
  });
  const done = await repository.reset(
    {
      tokenHash: dependencies.hashSecret(token),
      passwordHash: await passwords.hash(newPassword),
      notice,
    },
    {
      actor: { kind: 'person', id: user.id },
      action: 'password.reset',
      object: { kind: 'user', id: user.id },
      result: 'success',
      address,
      requestId,
    },
  );
  if (!done) throw authError('invalid_token');
}
