import { auditedAs } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { Session, SessionPage } from '../models/sessions.ts';
import type { Tokens } from '../models/sign-in.ts';
import type {
  AccessTokens,
  RefreshTokenRepository,
  Revoker,
  SessionRecord,
  SessionRepository,
} from '../ports/sessions.ts';
import type { UserRecord } from '../ports/users.ts';
import { networkOf } from './network.ts';
import type { EffectivePolicyOf } from './policies.ts';
import { createRefresh } from './refresh.ts';
import { toUser } from './users.ts';

export interface SessionsDependencies {
  readonly repository: SessionRepository;
  readonly refreshTokens: RefreshTokenRepository;
  readonly accessTokens: AccessTokens;
  readonly keyring: Keyring;
  readonly effectivePolicy: EffectivePolicyOf;
  /** What people call the device that sends this `User-Agent`: `Firefox on Linux`. */
  readonly deviceOf: (userAgent: string) => string | null;
  readonly newId: (prefix: 'ses') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  /** The client that spent a refresh token gets the same successor again for this long. */
  readonly graceSeconds: number;
}

export interface NewSessionOptions {
  /** RFC 8176 names. */
  readonly methods: readonly string[];
  /** When the person proved who they are, if that was before now (a device that waited for its person). */
  readonly authenticatedAt?: Date;
  /** Of a grant to an OAuth client, with what it may do. */
  readonly clientId?: string;
  readonly scopes?: readonly string[];
}

export interface Sessions {
  /**
   * A new session of a user who has proven who they are.
   * @throws AppError `invalid_credentials` when their password was set anew since `user` was read, or they are disabled
   */
  open(user: UserRecord, options: NewSessionOptions, caller: Caller): Promise<Tokens>;
  /**
   * Exchanges a refresh token for a new pair.
   * @param clientId the OAuth client that asks and that the grant has to be made out to; absent: nobody but the person
   * @throws AppError `invalid_refresh_token`
   */
  refresh(refreshToken: string, caller: Caller, clientId?: string): Promise<Tokens>;
  logout(principal: Principal, caller: Caller): Promise<void>;
  list(principal: Principal, page: { cursor?: string | undefined; limit: number }): Promise<SessionPage>;
  /** @throws AppError `session_not_found` for what is over, or somebody else's */
  revoke(sessionId: string, principal: Principal, caller: Caller): Promise<void>;
  revokeOthers(principal: Principal, caller: Caller): Promise<void>;
  /**
   * Every session of a user and every grant to an OAuth client; for changes of password, disabling, and the like.
   * @returns how many
   */
  revokeAllOf(
    userId: string,
    reason: string,
    options?: { readonly except?: string | undefined; readonly by?: Revoker },
  ): Promise<number>;
}

export function createSessions(dependencies: SessionsDependencies): Sessions {
  const { repository, newId, newSecret, hashSecret, effectivePolicy } = dependencies;
  const hand = createTokenHand(dependencies.accessTokens);
  const refresh = createRefresh(dependencies);

  return {
    async open(user, { methods, authenticatedAt, clientId, scopes }, caller) {
      const refreshToken = newSecret();
      const id = newId('ses');
      const { sessionIdleSeconds, sessionSeconds, maxSessions } = await effectivePolicy(user.id);
      const opened = await repository.insertSession(
        {
          id,
          userId: user.id,
          passwordChangedAt: user.passwordChangedAt,
          userAgent: caller.userAgent,
          network: networkOf(caller.address),
          place: caller.place,
          methods: [...methods],
          authenticatedAt: authenticatedAt ?? null,
          clientId: clientId ?? null,
          scopes: scopes ? [...scopes] : null,
          idleSeconds: sessionIdleSeconds,
          sessionSeconds,
        },
        hashSecret(refreshToken),
        maxSessions,
        {
          actor: { kind: user.kind, id: user.id, credentialId: id },
          action: 'session.open',
          object: { kind: 'session', id },
          result: 'success',
          address: caller.address,
          requestId: caller.requestId,
          details: { methods: methods.join(' '), client: clientId ?? null },
        },
      );
      if (!opened) throw authError('invalid_credentials', { detail: 'Sign in again.' });
      return hand(user, id, refreshToken, Math.min(sessionIdleSeconds, sessionSeconds));
    },

    async refresh(refreshToken, caller, clientId) {
      const { spending, successor } = await refresh(refreshToken, caller, clientId ?? null);
      return hand(spending.user, spending.sessionId, successor, spending.endsInSeconds);
    },

    async logout(principal, caller) {
      const { credential, userId } = principal;
      await repository.revokeSession(userId, credential.id, 'logout', auditedAs(principal, caller));
    },

    async list({ userId, credential }, { cursor, limit }) {
      const records = await repository.listSessions(userId, { before: cursor, limit: limit + 1 });
      const items = records.slice(0, limit);
      return {
        items: items.map((record) => toSession(record, credential.id, dependencies.deviceOf)),
        nextCursor: records.length > limit ? (items.at(-1)?.id ?? null) : null,
      };
    },

    async revoke(sessionId, principal, caller) {
      const by = auditedAs(principal, caller);
      if (!(await repository.revokeSession(principal.userId, sessionId, 'revoked by its user', by)))
        throw authError('session_not_found');
    },

    async revokeOthers(principal, caller) {
      const by = auditedAs(principal, caller);
      await repository.revokeSessionsOf(
        principal.userId,
        'revoked by its user',
        by,
        sessionOf(principal.credential),
      );
    },

    revokeAllOf: (userId, reason, { except, by = SYSTEM } = {}) =>
      repository.revokeSessionsOf(userId, reason, by, except ?? null),
  };
}

const SYSTEM: Revoker = { actor: { kind: 'system' } };

const sessionOf = (credential: Principal['credential']): string | null =>
  credential.kind === 'session' ? credential.id : null;

/** Signs what a client gets for a session that lasts `endsInSeconds` more. */
export type TokenHand = (
  user: UserRecord,
  sessionId: string,
  refreshToken: string,
  endsInSeconds: number,
) => Promise<Tokens>;

export function createTokenHand(accessTokens: AccessTokens): TokenHand {
  return async (user, sessionId, refreshToken, endsInSeconds) => ({
    user: toUser(user),
    ...(await accessTokens.sign({ userId: user.id, sessionId, endsInSeconds })),
    refreshToken,
    refreshExpiresIn: endsInSeconds,
  });
}

function toSession(
  record: SessionRecord,
  currentId: string,
  deviceOf: (userAgent: string) => string | null,
): Session {
  const { id, userAgent, network, place, methods, clientId, createdAt, lastUsedAt, expiresAt } = record;
  return {
    id,
    current: id === currentId,
    device: userAgent === null ? null : deviceOf(userAgent),
    userAgent,
    place,
    network,
    methods: [...methods],
    client: clientId,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}
