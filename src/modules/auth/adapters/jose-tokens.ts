import { importJWK, SignJWT } from 'jose';
import { ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE } from '../../../core/security/access-token.ts';
import type { SigningKeys } from '../models.ts';
import type { AccessTokens } from '../ports.ts';

export interface TokenOptions {
  readonly keys: SigningKeys;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

/** EdDSA access tokens (RFC 9068 claims), signed with the first key of the set; all public halves are published. */
export function createJoseTokens({ keys, issuer, audience, lifetimeSeconds }: TokenOptions): AccessTokens {
  const [current] = keys.keys;
  if (current === undefined) throw new Error('there is no signing key');
  const publicKeys = keys.keys.map(({ kty, crv, x, kid }) => ({
    kty,
    crv,
    x,
    kid,
    alg: ACCESS_TOKEN_ALGORITHM,
    use: 'sig',
  }));
  const signingKey = importJWK(current, ACCESS_TOKEN_ALGORITHM);
  return {
    lifetimeSeconds,
    publicKeys: () => ({ keys: publicKeys }),
    async sign({ userId, sessionId }, now) {
      const issuedAt = Math.floor(now.getTime() / 1000);
      return new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid: current.kid })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(crypto.randomUUID())
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + lifetimeSeconds)
        .sign(await signingKey);
    },
  };
}
