import type { AuditEntry } from '../../../core/security/audit.ts';
import type { UserRecord } from './users.ts';

/** Lifetimes are seconds from now by the clock of the database, which is the only one that all isolates share. */
export interface NewSession {
  readonly id: string;
  readonly userId: string;
  /** As it was when the person proved who they are: a password set since then keeps the session from opening. */
  readonly passwordChangedAt: Date | null;
  readonly userAgent: string | null;
  readonly network: string | null;
  readonly place: string | null;
  readonly methods: string[];
  /** When the person proved who they are, if that was before now. */
  readonly authenticatedAt: Date | null;
  readonly clientId: string | null;
  readonly scopes: string[] | null;
  readonly idleSeconds: number;
  readonly sessionSeconds: number;
}

/** Who ended a session, for the audit log. */
export type Revoker = Pick<AuditEntry, 'actor' | 'address' | 'requestId'>;

export interface SessionRecord {
  readonly id: string;
  readonly userAgent: string | null;
  readonly network: string | null;
  readonly place: string | null;
  readonly methods: readonly string[];
  readonly clientId: string | null;
  readonly createdAt: Date;
  readonly lastUsedAt: Date;
  /** When it ends if it is not used again. */
  readonly expiresAt: Date;
}

/** What became of a refresh token that somebody sent. */
export type Spending =
  | {
      readonly outcome: 'spent';
      readonly user: UserRecord;
      readonly sessionId: string;
      readonly successorHash: string;
      /** The family has gone on since: the successor was exchanged too. */
      readonly successorSpent: boolean;
      /** Seconds until the session ends if it is not used again. */
      readonly endsInSeconds: number;
    }
  /** Used before, by somebody else or too long ago; the family is revoked. */
  | { readonly outcome: 'reused' }
  | { readonly outcome: 'invalid' };

export interface SpendingInput {
  readonly tokenHash: string;
  readonly successorHash: string;
  /** What one client has in common with itself from call to call. */
  readonly clientMark: string;
  readonly graceSeconds: number;
  /** The OAuth client that the grant is made out to; null: a session of the person's own. */
  readonly clientId: string | null;
  readonly network: string | null;
  readonly place: string | null;
  readonly revoker: Revoker;
}

export interface RefreshTokenRepository {
  /**
   * Spends a live token and stores its successor, in one step. The client that spent it may ask again within
   * `graceSeconds` and gets the same successor. A token that comes back otherwise ends its family.
   */
  spendRefreshToken(input: SpendingInput): Promise<Spending>;
}

/** The session in place of which another one is opened. */
export interface Replacement {
  readonly oldId: string;
  readonly newId: string;
  readonly userId: string;
  readonly userAgent: string | null;
  readonly network: string | null;
  readonly place: string | null;
  /** Added to those of the old session. */
  readonly method: string;
  readonly refreshTokenHash: string;
}

export interface SessionRepository {
  /**
   * Opens a session; of the user's own ones the longest unused give way beyond `maxSessions`. Of any number at once
   * never more than `maxSessions` stay.
   * @returns false, and nothing happened, when the password was set anew meanwhile, or the user disabled or deleted
   */
  insertSession(
    session: NewSession,
    refreshTokenHash: string,
    maxSessions: number,
    audit: AuditEntry,
  ): Promise<boolean>;
  /**
   * Opens a session with the client, idle time and end of the old one, and revokes that, in one step.
   * @returns seconds until the new one ends if it is not used again; undefined when the old one is over.
   */
  replaceSession(replacement: Replacement, audit: AuditEntry): Promise<number | undefined>;
  /** False when the user has no such live session. */
  revokeSession(userId: string, sessionId: string, reason: string, by: Revoker): Promise<boolean>;
  /** All of a user, grants to OAuth clients too, and what waits to become one; @returns how many. */
  revokeSessionsOf(
    userId: string,
    reason: string,
    by: Revoker,
    exceptSessionId: string | null,
  ): Promise<number>;
  /** Live ones, the newest first. */
  listSessions(userId: string, page: { before: string | undefined; limit: number }): Promise<SessionRecord[]>;
  findUserOfSession(sessionId: string): Promise<UserRecord | undefined>;
  /** Those that ended long ago, with their refresh tokens. */
  deleteEnded(): Promise<void>;
}

export interface SignedToken {
  readonly accessToken: string;
  /** Seconds. */
  readonly expiresIn: number;
}

export interface AccessTokens {
  readonly lifetimeSeconds: number;
  /** @param claims.endsInSeconds no token outlives its session */
  sign(claims: { userId: string; sessionId: string; endsInSeconds: number }): Promise<SignedToken>;
  /** The JSON Web Key Set for everyone to verify with. */
  publicKeys(): Promise<{ keys: readonly Readonly<Record<string, string>>[] }>;
}
