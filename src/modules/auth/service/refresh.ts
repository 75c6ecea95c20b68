import { coreError } from '../../../core/http/app-error.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { Caller } from '../../../core/security/principal.ts';
import { authError } from '../errors.ts';
import type { RefreshTokenRepository, Spending } from '../ports/sessions.ts';
import { networkOf } from './network.ts';

export interface RefreshDependencies {
  readonly refreshTokens: RefreshTokenRepository;
  readonly keyring: Keyring;
  readonly hashSecret: (secret: string) => string;
  readonly graceSeconds: number;
}

export interface Refreshed {
  readonly spending: Extract<Spending, { outcome: 'spent' }>;
  /** The newest refresh token of the family. */
  readonly successor: string;
}

/** No honest client refreshes more often than this within the grace. */
const MAX_HOPS = 20;

/**
 * Rotation of refresh tokens (RFC 9700 4.14.2; docs/decisions/0012). The successor of a token is computed, not drawn:
 * whoever asks again gets the same one, and no copy of it is kept. A straggler (a tab that was slow, an answer that
 * was lost) is led along to the newest token, so that it never takes home one that is already spent.
 */
export function createRefresh(dependencies: RefreshDependencies) {
  const { refreshTokens, keyring, hashSecret, graceSeconds } = dependencies;

  return async (refreshToken: string, caller: Caller, clientId: string | null): Promise<Refreshed> => {
    let token = refreshToken;
    for (let hop = 1; ; hop += 1) {
      const candidates = await keyring.macs('refresh-token', token);
      const spending = await refreshTokens.spendRefreshToken({
        tokenHash: hashSecret(token),
        successorHash: hashSecret(candidates[0] ?? ''),
        clientMark: hashSecret(caller.userAgent ?? ''),
        graceSeconds,
        clientId,
        network: networkOf(caller.address),
        place: caller.place,
        revoker: { actor: { kind: 'anonymous' }, address: caller.address, requestId: caller.requestId },
      });
      if (spending.outcome !== 'spent') throw authError('invalid_refresh_token', { detail: 'Log in again.' });
      const successor = candidates.find((candidate) => hashSecret(candidate) === spending.successorHash);
      if (successor === undefined) throw otherKeyring();
      if (!spending.successorSpent || hop === MAX_HOPS) return { spending, successor };
      token = successor;
    }
  };
}

/** An isolate with a newer keyring was asked first (docs/secrets.md); asked again, it will give the same answer. */
function otherKeyring() {
  return coreError('dependency_unavailable', {
    detail: 'Nothing was lost. Try again in a second.',
    retryAfterSeconds: 1,
    cause: new Error('the successor was computed with a key that is not in the keyring'),
  });
}
