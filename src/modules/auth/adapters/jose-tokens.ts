import { type CryptoKey, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import { ACCESS_TOKEN_ALGORITHM, ACCESS_TOKEN_TYPE } from '../../../core/security/access-token.ts';
import type { Keyring } from '../../../core/security/keyring.ts';
import type { AccessTokens } from '../ports/sessions.ts';
import type { NewSigningKey, SigningKeyRecord, SigningKeyRepository } from '../ports/signing-keys.ts';

export interface TokenOptions {
  readonly repository: SigningKeyRepository;
  readonly keyring: Keyring;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
  readonly now: () => Date;
}

/**
 * An isolate goes by the keys it knows for this long. A new key is published much earlier than it signs; what the short
 * time is for is a key that got out (service/signing-keys.ts): as long as this, isolates still sign with it.
 */
const KEYS_MS = 1_000;
const privateKeySchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
});

/** EdDSA access tokens (RFC 9068 claims), signed with the newest key whose time has come. */
export function createJoseTokens(options: TokenOptions): AccessTokens {
  const { repository, keyring, issuer, audience, lifetimeSeconds, now } = options;
  let known: { keys: readonly SigningKeyRecord[]; until: number } = { keys: [], until: 0 };
  const opened = new Map<string, CryptoKey>();

  async function acceptedKeys(): Promise<readonly SigningKeyRecord[]> {
    if (known.until > now().getTime()) return known.keys;
    let keys = await repository.accepted();
    if (keys.length === 0) {
      await repository.insertFirst(await newSigningKey(keyring));
      keys = await repository.accepted();
    }
    known = { keys, until: now().getTime() + KEYS_MS };
    return keys;
  }

  async function privateKey({ id, sealedKey }: SigningKeyRecord): Promise<CryptoKey> {
    const ready = opened.get(id);
    if (ready) return ready;
    const jwk = privateKeySchema.parse(JSON.parse(await keyring.open(`signing-key ${id}`, sealedKey)));
    const key = await importJWK(jwk, ACCESS_TOKEN_ALGORITHM);
    if (key instanceof Uint8Array) throw new Error('the signing key is not asymmetric');
    opened.set(id, key);
    return key;
  }

  return {
    lifetimeSeconds,
    async publicKeys() {
      const keys = await acceptedKeys();
      return {
        keys: keys.map(({ id, publicKey: { kty, crv, x } }) => ({
          kty,
          crv,
          x,
          kid: id,
          alg: ACCESS_TOKEN_ALGORITHM,
          use: 'sig',
        })),
      };
    },
    async sign({ userId, sessionId, endsInSeconds }) {
      const issuedAt = Math.floor(now().getTime() / 1000);
      const expiresIn = Math.min(lifetimeSeconds, endsInSeconds);
      const keys = await acceptedKeys();
      const current = keys.find(({ signs }) => signs) ?? keys.at(-1);
      if (current === undefined) throw new Error('there is no signing key');
      const accessToken = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: ACCESS_TOKEN_ALGORITHM, typ: ACCESS_TOKEN_TYPE, kid: current.id })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setJti(crypto.randomUUID())
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + expiresIn)
        .sign(await privateKey(current));
      return { accessToken, expiresIn };
    },
  };
}

export async function newSigningKey(keyring: Keyring): Promise<NewSigningKey> {
  const { privateKey } = await generateKeyPair(ACCESS_TOKEN_ALGORITHM, { crv: 'Ed25519', extractable: true });
  const { kty = '', crv = '', x = '', d = '' } = await exportJWK(privateKey);
  const id = crypto.randomUUID();
  return {
    id,
    publicKey: { kty, crv, x },
    sealedKey: await keyring.seal(`signing-key ${id}`, JSON.stringify({ kty, crv, x, d })),
  };
}
