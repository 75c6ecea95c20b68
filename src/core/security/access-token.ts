import { createHash } from 'node:crypto';
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import type { Fetcher } from '../config/config.ts';
import { idPattern } from '../database/columns.ts';
import { coreError } from '../http/app-error.ts';
import { DependencyError } from '../resilience/dependency.ts';
import { callSibling } from '../resilience/sibling.ts';

/** `typ` of access tokens (RFC 9068); keeps every other kind of token out (RFC 8725 3.11). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';
export const ACCESS_TOKEN_ALGORITHM = 'EdDSA';

/** What an access token says by itself; what its bearer may do is asked of the database (authenticator.ts). */
export interface AccessTokenClaims {
  readonly userId: string;
  readonly sessionId: string;
  /** The key that signed it. */
  readonly keyId: string;
  /** `exp`, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

export interface AccessTokenVerifier {
  /** @throws AppError `unauthorized` or `token_expired`; DependencyError when no key could be fetched. */
  verify(token: string): Promise<AccessTokenClaims>;
}

export interface VerifierOptions {
  readonly issuer: string;
  readonly audience: string;
  /** Where `/.well-known/jwks.json` is answered: the auth module. */
  readonly auth: Fetcher;
  readonly now: () => number;
  readonly cacheSize?: number;
}

const CLOCK_TOLERANCE_SECONDS = 30;
/** A key set is good for this long: new keys are in it ten minutes before they sign. */
const KEY_SET_MS = 60_000;
/**
 * An unknown `kid` has the key set fetched anew, this often at most. Short, because in an emergency a key signs at once:
 * until an isolate may ask again, it refuses good tokens. A flood of made-up kids costs one call a second.
 */
const KEY_SET_COOLDOWN_MS = 1_000;
/** No token of ours lives longer; an `exp` beyond it was written in milliseconds, or by somebody else. */
const LONGEST_LIFETIME_SECONDS = 86_400;
/** The key set is at fault, not the token. ERR_JOSE_GENERIC is an answer that is no JSON, or no 200. */
const KEY_SET_FAULTS = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

/** Verifies EdDSA access tokens against the auth module's JWKS; verified tokens are remembered by hash until `exp`. */
export function createAccessTokenVerifier(options: VerifierOptions): AccessTokenVerifier {
  const { cacheSize = 1_000 } = options;
  const verified = new Map<string, AccessTokenClaims>();
  const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', 'http://auth'), {
    [customFetch]: () => callSibling('auth', options.auth, '/.well-known/jwks.json'),
    cooldownDuration: KEY_SET_COOLDOWN_MS,
    cacheMaxAge: KEY_SET_MS,
  });

  async function check(token: string): Promise<AccessTokenClaims> {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: [ACCESS_TOKEN_ALGORITHM],
      typ: ACCESS_TOKEN_TYPE,
      issuer: options.issuer,
      audience: options.audience,
      requiredClaims: ['sub', 'sid', 'exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(options.now()),
    });
    const { sub, sid, exp } = payload;
    const { kid } = protectedHeader;
    if (!isId('usr', sub) || !isId('ses', sid) || exp === undefined || kid === undefined)
      throw coreError('unauthorized');
    if (exp * 1000 > options.now() + (LONGEST_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1000)
      throw coreError('unauthorized', { detail: 'The access token is not valid.' });
    return { userId: sub, sessionId: sid, keyId: kid, expiresAt: exp * 1000 };
  }

  return {
    async verify(token) {
      const hash = createHash('sha256').update(token).digest('base64url');
      const known = verified.get(hash);
      if (known && known.expiresAt > options.now()) return known;
      const fresh = await check(token).catch((error: unknown) => Promise.reject(asRefusal(error)));
      if (verified.size >= cacheSize) evictOldest(verified);
      verified.set(hash, fresh);
      return fresh;
    },
  };
}

function isId(prefix: 'usr' | 'ses', value: unknown): value is string {
  return typeof value === 'string' && idPattern(prefix).test(value);
}

function asRefusal(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) {
    return coreError('token_expired', { detail: 'Get a new one with POST /v1/auth/refresh.', cause: error });
  }
  if (error instanceof errors.JOSEError && KEY_SET_FAULTS.has(error.code)) {
    return new DependencyError('auth', 'there is no usable key set', error);
  }
  if (error instanceof errors.JOSEError) {
    return coreError('unauthorized', { detail: 'The access token is not valid.', cause: error });
  }
  return error;
}

function evictOldest(map: Map<string, unknown>): void {
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
