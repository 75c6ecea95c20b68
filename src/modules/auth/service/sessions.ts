import { auditedAs } from '../../../core/security/audit.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { Tokens } from '../models/sign-in.ts';
import type { AccessTokens, SessionRepository } from '../ports/sessions.ts';
import type { UserRecord } from '../ports/users.ts';
import { networkOf } from './network.ts';
import { toUser } from './users.ts';

export interface SessionsDependencies {
  readonly repository: SessionRepository;
  readonly accessTokens: AccessTokens;
  readonly keyring: Keyring;
  readonly newId: (prefix: 'ses') => string;
  readonly newSecret: () => string;
  readonly hashSecret: (secret: string) => string;
  readonly now: () => Date;
  /** Life of a session without use, and altogether. */
  readonly idleSeconds: number;
  readonly sessionSeconds: number;
  /** The client that spent a refresh token gets the same successor again for this long. */
  readonly graceSeconds: number;
}

export interface NewSessionOptions {
  /** RFC 8176 names. */
  readonly methods: readonly string[];
  /** Of a grant to an OAuth client, with what it may do. */
  readonly clientId?: string;
  readonly scopes?: readonly string[];
}

export interface Sessions {
  /** A new session of a user who has proven who they are. */
  open(user: UserRecord, options: NewSessionOptions, caller: Caller): Promise<Tokens>;
  refresh(refreshToken: string, caller: Caller): Promise<Tokens>;
  logout(principal: Principal, caller: Caller): Promise<void>;
}

export function createSessions(dependencies: SessionsDependencies): Sessions {
  const { repository, accessTokens, keyring, newId, newSecret, hashSecret, now } = dependencies;
  const inSeconds = (seconds: number) => new Date(now().getTime() + seconds * 1000);

  const tokens = async (user: UserRecord, sessionId: string, refreshToken: string): Promise<Tokens> => ({
    user: toUser(user),
    accessToken: await accessTokens.sign({ userId: user.id, sessionId }),
    refreshToken,
    expiresIn: accessTokens.lifetimeSeconds,
  });

  return {
    async open(user, { methods, clientId, scopes }, caller) {
      const refreshToken = newSecret();
      const id = newId('ses');
      const { idleSeconds, sessionSeconds } = dependencies;
      await repository.insertSession(
        {
          id,
          userId: user.id,
          userAgent: caller.userAgent,
          network: networkOf(caller.address),
          place: caller.place,
          methods: [...methods],
          clientId: clientId ?? null,
          scopes: scopes ? [...scopes] : null,
          idleSeconds,
          expiresAt: inSeconds(sessionSeconds),
        },
        { tokenHash: hashSecret(refreshToken), sessionId: id, expiresAt: inSeconds(idleSeconds) },
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
      return tokens(user, id, refreshToken);
    },

    async refresh(refreshToken, caller) {
      // The successor is computed, not drawn: whoever asks again gets the same one, and no copy of it is kept.
      const candidates = await keyring.macs('refresh-token', refreshToken);
      const spending = await repository.spendRefreshToken({
        tokenHash: hashSecret(refreshToken),
        successorHash: hashSecret(candidates[0] ?? ''),
        clientMark: hashSecret(caller.userAgent ?? ''),
        graceSeconds: dependencies.graceSeconds,
      });
      if (spending.outcome === 'spent') {
        const successor = candidates.find((candidate) => hashSecret(candidate) === spending.successorHash);
        if (successor !== undefined) return tokens(spending.user, spending.sessionId, successor);
      }
      throw authError('invalid_refresh_token', { detail: 'Log in again.' });
    },

    async logout(principal, caller) {
      await repository.revokeSession(principal.credential.id, 'logout', {
        ...auditedAs(principal, caller),
        action: 'session.revoke',
        object: { kind: 'session', id: principal.credential.id },
        result: 'success',
        details: { reason: 'logout' },
      });
    },
  };
}
