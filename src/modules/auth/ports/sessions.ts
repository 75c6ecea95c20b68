import type { AuditEntry } from '../../../core/security/audit.ts';
import type { UserRecord } from './users.ts';

export interface NewSession {
  readonly id: string;
  readonly userId: string;
  readonly userAgent: string | null;
  readonly network: string | null;
  readonly place: string | null;
  readonly methods: string[];
  readonly clientId: string | null;
  readonly scopes: string[] | null;
  readonly idleSeconds: number;
  readonly expiresAt: Date;
}

export interface NewRefreshToken {
  readonly tokenHash: string;
  readonly sessionId: string;
  readonly expiresAt: Date;
}

/** What became of a refresh token that somebody sent. */
export type Spending =
  | {
      readonly outcome: 'spent';
      readonly user: UserRecord;
      readonly sessionId: string;
      readonly successorHash: string;
    }
  /** Used before, by somebody else or too long ago; the family is revoked. */
  | { readonly outcome: 'reused'; readonly userId: string; readonly sessionId: string }
  | { readonly outcome: 'invalid' };

export interface SessionRepository {
  insertSession(session: NewSession, refreshToken: NewRefreshToken, audit: AuditEntry): Promise<void>;
  /**
   * Spends a live token and stores its successor, in one step. The client that spent it may ask again within
   * `graceSeconds` and gets the same successor.
   */
  spendRefreshToken(input: {
    tokenHash: string;
    successorHash: string;
    clientMark: string;
    graceSeconds: number;
  }): Promise<Spending>;
  revokeSession(sessionId: string, reason: string, audit: AuditEntry): Promise<boolean>;
  findUserOfSession(sessionId: string): Promise<UserRecord | undefined>;
}

export interface AccessTokens {
  readonly lifetimeSeconds: number;
  sign(claims: { userId: string; sessionId: string }): Promise<string>;
  /** The JSON Web Key Set for everyone to verify with. */
  publicKeys(): Promise<{ keys: readonly Readonly<Record<string, string>>[] }>;
}
