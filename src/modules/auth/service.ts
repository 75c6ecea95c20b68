import type { Principal } from '../../core/security/access-token.ts';
import { authError } from './errors.ts';
import type { Tokens, User } from './models.ts';
import type { AccessTokens, AuthRepository, Passwords, UserRecord } from './ports.ts';

export interface AuthServiceDependencies {
  readonly repository: AuthRepository;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  readonly newId: (prefix: 'usr' | 'ses') => string;
  /** 256 bits of randomness, base64url. */
  readonly newSecret: () => string;
  /** SHA-256, base64url. */
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
  /** Idle lifetime of a refresh token and absolute lifetime of a session. */
  readonly refreshSeconds: number;
  readonly sessionSeconds: number;
  readonly onRefreshReuse: (requestId: string) => void;
}

export interface AuthService {
  register(
    input: { email: string; password: string; name?: string | undefined },
    userAgent: string | null,
  ): Promise<Tokens>;
  login(input: { email: string; password: string }, userAgent: string | null): Promise<Tokens>;
  refresh(refreshToken: string, requestId: string): Promise<Tokens>;
  logout(principal: Principal): Promise<void>;
  me(principal: Principal): Promise<User | undefined>;
  publicKeys(): { keys: readonly Readonly<Record<string, string>>[] };
}

export function createAuthService(dependencies: AuthServiceDependencies): AuthService {
  const { repository, passwords, accessTokens, newId, newSecret, hashSecret, now } = dependencies;
  const inSeconds = (seconds: number) => new Date(now().getTime() + seconds * 1000);

  const newSession = (userId: string, userAgent: string | null) => {
    const refreshToken = newSecret();
    const id = newId('ses');
    return {
      refreshToken,
      session: {
        id,
        userId,
        userAgent: userAgent?.slice(0, 300) ?? null,
        expiresAt: inSeconds(dependencies.sessionSeconds),
      },
      stored: {
        tokenHash: hashSecret(refreshToken),
        sessionId: id,
        expiresAt: inSeconds(dependencies.refreshSeconds),
      },
    };
  };

  const tokens = async (user: UserRecord, sessionId: string, refreshToken: string): Promise<Tokens> => ({
    user: toUser(user),
    accessToken: await accessTokens.sign({ userId: user.id, sessionId }, now()),
    refreshToken,
    tokenType: 'Bearer',
    expiresIn: accessTokens.lifetimeSeconds,
  });

  return {
    async register({ email, password, name }, userAgent) {
      const passwordHash = await passwords.hash(password);
      const id = newId('usr');
      const { session, stored, refreshToken } = newSession(id, userAgent);
      const user = await repository.insertUser(
        { id, email, name: name ?? null, passwordHash },
        session,
        stored,
      );
      if (user === undefined)
        throw authError('email_taken', { detail: 'Log in instead, or use another address.' });
      return tokens(user, session.id, refreshToken);
    },

    async login({ email, password }, userAgent) {
      const user = await repository.findUserByEmail(email);
      const matches = await passwords.verify(password, user?.passwordHash);
      if (user === undefined || !matches) throw authError('invalid_credentials');
      if (user.disabledAt) throw authError('account_disabled');
      const { session, stored, refreshToken } = newSession(user.id, userAgent);
      await repository.insertSession(session, stored);
      return tokens(user, session.id, refreshToken);
    },

    async refresh(refreshToken, requestId) {
      const successor = newSecret();
      const spent = await repository.spendRefreshToken(hashSecret(refreshToken), {
        tokenHash: hashSecret(successor),
        expiresAt: inSeconds(dependencies.refreshSeconds),
      });
      if (spent && !spent.user.disabledAt) return tokens(spent.user, spent.sessionId, successor);
      // A spent token that comes back is a stolen one, or its thief came first: the whole family ends (RFC 9700 4.14).
      if (await repository.revokeSessionOfToken(hashSecret(refreshToken)))
        dependencies.onRefreshReuse(requestId);
      throw authError('invalid_refresh_token', { detail: 'Log in again.' });
    },

    logout: ({ sessionId }) => repository.revokeSession(sessionId),

    async me({ sessionId }) {
      const user = await repository.findUserOfSession(sessionId);
      return user && toUser(user);
    },

    publicKeys: () => accessTokens.publicKeys(),
  };
}

function toUser({ id, email, name, createdAt }: UserRecord): User {
  return { id, email, name, createdAt: createdAt.toISOString() };
}
