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

interface Answer {
  readonly principal: Principal;
  /** Of the credential itself, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface Remembered {
  readonly principal: Principal;
  readonly until: number;
}

/** The signature of a token says who; the database says whether still, and what they may do. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { verifier, authorities, now, cacheSize = 1_000 } = options;
  const remembered = new Map<string, Remembered>();

  async function ask(credential: string, address: string | null): Promise<Answer> {
    if (credential.startsWith(API_KEY_PREFIX)) {
      const principal = isWellFormedApiKey(credential)
        ? await authorities.ofApiKey(hashSecret(credential), address)
        : undefined;
      if (principal === undefined) throw coreError('unauthorized', { detail: 'The API key is not valid.' });
      return { principal, expiresAt: Number.POSITIVE_INFINITY };
    }
    const { userId, sessionId, keyId, expiresAt } = await verifier.verify(credential);
    const principal = await authorities.ofSession(sessionId, keyId, address);
    if (principal?.userId !== userId)
      throw coreError('unauthorized', { detail: 'The session has ended. Log in again.' });
    return { principal, expiresAt };
  }

  return {
    async authenticate(credential, address) {
      const key = `${hashSecret(credential)} ${address ?? ''}`;
      const known = remembered.get(key);
      if (known && known.until > now()) return known.principal;
      remembered.delete(key);
      const askedAt = now();
      const { principal, expiresAt } = await ask(credential, address);
      const until = Math.min(askedAt + AUTHORITY_MS, expiresAt);
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
