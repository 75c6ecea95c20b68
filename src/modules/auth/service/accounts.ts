import type { RecordAudit } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { SignInOutcome, Tokens } from '../models/sign-in.ts';
import type { User } from '../models/users.ts';
import type { AccountRepository, Passwords } from '../ports/accounts.ts';
import type { Sessions } from './sessions.ts';
import type { FinishSignIn } from './sign-in.ts';
import { toUser } from './users.ts';

export interface AccountsDependencies {
  readonly repository: AccountRepository;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly finishSignIn: FinishSignIn;
  readonly recordAudit: RecordAudit;
  readonly newId: (prefix: 'usr') => string;
}

export interface Accounts {
  register(
    input: { email: string; password: string; name?: string | undefined },
    caller: Caller,
  ): Promise<Tokens>;
  login(input: { email: string; password: string }, caller: Caller): Promise<SignInOutcome>;
  me(principal: Principal): Promise<User>;
}

export function createAccounts(dependencies: AccountsDependencies): Accounts {
  const { repository, passwords, sessions, finishSignIn, recordAudit, newId } = dependencies;
  return {
    async register({ email, password, name }, caller) {
      const passwordHash = await passwords.hash(password);
      const id = newId('usr');
      const user = await repository.insertUser(
        { id, email, name: name ?? null, passwordHash },
        {
          actor: { kind: 'person', id },
          action: 'user.register',
          object: { kind: 'user', id },
          result: 'success',
          address: caller.address,
          requestId: caller.requestId,
        },
      );
      if (user === undefined)
        throw authError('email_taken', { detail: 'Log in instead, or use another address.' });
      return sessions.open(user, { methods: ['pwd'] }, caller);
    },

    async login({ email, password }, caller) {
      const user = await repository.findUserByEmail(email);
      const matches = await passwords.verify(password, user?.passwordHash);
      if (user === undefined || !matches) {
        await recordAudit({
          actor: { kind: 'anonymous', id: user?.id ?? null },
          action: 'session.open',
          result: 'failure',
          reason: 'invalid_credentials',
          address: caller.address,
          requestId: caller.requestId,
        });
        throw authError('invalid_credentials');
      }
      return finishSignIn(user, ['pwd'], caller);
    },

    async me({ userId }) {
      const user = await repository.findUser(userId);
      if (user === undefined) throw authError('user_not_found');
      return toUser(user);
    },
  };
}
