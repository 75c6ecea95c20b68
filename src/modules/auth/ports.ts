import type { Principal } from '../../core/security/access-token.ts';

export interface UserRecord {
  readonly id: string;
  readonly email: string;
  readonly name: string | null;
  readonly passwordHash: string;
  readonly disabledAt: Date | null;
  readonly createdAt: Date;
}

export interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly userAgent: string | null;
  readonly expiresAt: Date;
}

export interface NewRefreshToken {
  readonly tokenHash: string;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

export interface AuthRepository {
  /** The user with a first session, all or nothing; undefined when the address is taken. */
  insertUser(
    user: { id: string; email: string; name: string | null; passwordHash: string },
    session: NewSession,
    refreshToken: NewRefreshToken,
  ): Promise<UserRecord | undefined>;
  findUserByEmail(email: string): Promise<UserRecord | undefined>;
  /** The user of a session that is neither revoked nor over. */
  findUserOfSession(sessionId: string): Promise<UserRecord | undefined>;
  insertSession(session: NewSession, refreshToken: NewRefreshToken): Promise<void>;
  /** Spends a live token and stores its successor in one step; undefined when there was no live token. */
  spendRefreshToken(
    tokenHash: string,
    successor: { tokenHash: string; expiresAt: Date },
  ): Promise<{ user: UserRecord; sessionId: string } | undefined>;
  revokeSession(sessionId: string): Promise<void>;
  /** True when the token, spent or not, belonged to a session that was live until now. */
  revokeSessionOfToken(tokenHash: string): Promise<boolean>;
}

/** Hashing is slow by design. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** False without a hash too, after as long: the time of a refusal does not tell whether an account exists. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
}

export interface AccessTokens {
  readonly lifetimeSeconds: number;
  sign(principal: Principal, now: Date): Promise<string>;
  /** The JSON Web Key Set for everyone to verify with. */
  publicKeys(): { keys: readonly Readonly<Record<string, string>>[] };
}
