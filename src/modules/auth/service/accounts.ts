import { auditedAs, type RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { SignInOutcome } from '../models/sign-in.ts';
import type { User } from '../models/users.ts';
import type { AccountRepository, Passwords } from '../ports/accounts.ts';
import type { UserRecord } from '../ports/users.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Register } from './registration.ts';
import type { RegistrationMode } from './registration-mode.ts';
import type { FinishSignIn } from './sign-in.ts';
import { toUser } from './users.ts';

export interface AccountsDependencies {
  readonly repository: Pick<
    AccountRepository,
    'findUserByEmail' | 'findUser' | 'updateName' | 'replacePasswordHash'
  >;
  readonly register: Register;
  readonly passwords: Passwords;
  readonly finishSignIn: FinishSignIn;
  readonly loginThrottle: LoginThrottle;
  readonly recordAudit: RecordAudit;
  /** While it is `confirmed`, nobody signs in by password before their address is verified. */
  readonly registrationMode: () => Promise<RegistrationMode>;
}

export interface Accounts {
  readonly register: Register;
  /** @throws AppError `invalid_credentials`; after a right password also `email_not_verified`, `account_disabled` */
  login(input: { email: string; password: string }, caller: Caller): Promise<SignInOutcome>;
  /** The first half of `login`: whose password it is, before anything is opened. Throttled and audited the same. */
  verifyPassword(input: { email: string; password: string }, caller: Caller): Promise<UserRecord>;
  me(principal: Principal): Promise<User>;
  updateProfile(principal: Principal, profile: { name: string | null }, caller: Caller): Promise<User>;
}

export function createAccounts(dependencies: AccountsDependencies): Accounts {
  const { repository, register, passwords, finishSignIn, loginThrottle } = dependencies;
  const verifyPassword: Accounts['verifyPassword'] = async ({ email, password }, caller) => {
    const attempt = await loginThrottle.admit(email, caller);
    const user = await repository.findUserByEmail(email);
    const matches = await passwords.verify(password, user?.passwordHash);
    if (user === undefined || !matches) throw await refusal(dependencies, user, caller);
    await attempt.succeeded();
    if (user.emailVerifiedAt === null && (await dependencies.registrationMode()) === 'confirmed')
      throw await refusal(dependencies, user, caller, 'email_not_verified');
    await renewHash(dependencies, user, password);
    return user;
  };

  return {
    register,

    verifyPassword,
    login: async (input, caller) => finishSignIn(await verifyPassword(input, caller), ['pwd'], caller),

    async me({ userId }) {
      return found(await repository.findUser(userId));
    },

    async updateProfile(principal, { name }, caller) {
      const { userId } = principal;
      return found(
        await repository.updateName(userId, name, {
          ...auditedAs(principal, caller),
          action: 'user.update',
          object: { kind: 'user', id: userId },
          result: 'success',
        }),
      );
    },
  };
}

function found(user: UserRecord | undefined): User {
  if (user === undefined) throw authError('user_not_found');
  return toUser(user);
}

/** A failed sign-in is an entry, with the account if there is one. */
async function refusal(
  { recordAudit }: AccountsDependencies,
  user: UserRecord | undefined,
  { address, requestId }: Caller,
  code: 'invalid_credentials' | 'email_not_verified' = 'invalid_credentials',
) {
  await recordAudit({
    actor: { kind: 'anonymous', id: user?.id ?? null },
    action: 'session.open',
    result: 'failure',
    reason: code,
    address,
    requestId,
  });
  return authError(
    code,
    code === 'email_not_verified'
      ? { detail: 'Follow the link in the e-mail; registering again sends a new one.' }
      : {},
  );
}

/** The one moment at which a password is known whose hash has parameters of yesterday. */
async function renewHash(
  { repository, passwords }: AccountsDependencies,
  { id, passwordHash }: UserRecord,
  password: string,
): Promise<void> {
  if (passwordHash === null || !passwords.isOutdated(passwordHash)) return;
  await repository.replacePasswordHash(id, passwordHash, await passwords.hash(password));
}
