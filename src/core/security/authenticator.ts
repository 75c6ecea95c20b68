import type { Authorities } from '../database/authority.ts';
import { coreError } from '../http/app-error.ts';
import type { AccessTokenVerifier } from './access-token.ts';
import { API_KEY_PREFIX, isWellFormedApiKey } from './api-key.ts';
import type { Principal } from './principal.ts';
import { hashSecret } from './secret.ts';

/**
 * How long an isolate goes by what the database said last: the longest that a revoked session, a disabled user, a
 * changed role, a removed key or a retired signing key still works, whether Redis is up or down.
 */
export const AUTHORITY_MS = 1_000;

export interface Authenticator {
  /**
   * @param credential access token or API key
   * @throws AppError `unauthorized` or `token_expired`; DependencyError when keys or database cannot be reached.
   */
  authenticate(credential: string, address: string | null): Promise<Principal>;
}

export interface AuthenticatorOptions {
  readonly verifier: AccessTokenVerifier;
  readonly authorities: Authorities;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly cacheSize?: number;
}

interface Remembered {
  readonly principal: Principal;
  readonly until: number;
}

/** The signature of a token says who; the database says whether still, and what they may do. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { verifier, authorities, now, cacheSize = 1_000 } = options;
  const remembered = new Map<string, Remembered>();

  async function ask(credential: string, address: string | null): Promise<Principal> {
    if (credential.startsWith(API_KEY_PREFIX)) {
      const principal = isWellFormedApiKey(credential)
        ? await authorities.ofApiKey(hashSecret(credential), address)
        : undefined;
      if (principal === undefined) throw coreError('unauthorized', { detail: 'The API key is not valid.' });
      return principal;
    }
    const { userId, sessionId, keyId } = await verifier.verify(credential);
    const principal = await authorities.ofSession(sessionId, keyId, address);
    if (principal?.userId !== userId)
      throw coreError('unauthorized', { detail: 'The session has ended. Log in again.' });
    return principal;
  }

  return {
    async authenticate(credential, address) {
      const key = `${hashSecret(credential)} ${address ?? ''}`;
      const known = remembered.get(key);
      if (known && known.until > now()) {
        // The signature is checked anew (from its own cache), so that no token outlives its `exp` here.
        if (!credential.startsWith(API_KEY_PREFIX)) await verifier.verify(credential);
        return known.principal;
      }
      remembered.delete(key);
      const until = now() + AUTHORITY_MS;
      const principal = await ask(credential, address);
      if (remembered.size >= cacheSize) forgetOldest(remembered);
      remembered.set(key, { principal, until });
      return principal;
    },
  };
}

function forgetOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
