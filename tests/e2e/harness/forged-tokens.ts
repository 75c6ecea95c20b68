import { createPublicKey } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, generateKeyPair, importJWK, SignJWT } from 'jose';
import { z } from 'zod';
import type { Installation } from './global-setup.ts';

const keySetSchema = z.object({
  keys: z.array(z.looseObject({ kid: z.string(), x: z.string() })).min(1),
});

/** Tokens that must not open anything, by what is wrong with them. Each differs from a good one in one respect. */
export async function forgedTokens(
  good: string,
  installation: Installation,
): Promise<Record<string, string>> {
  const [jwk] = keySetSchema.parse(JSON.parse(installation.signingKeys)).keys;
  if (jwk === undefined) throw new Error('the installation has no signing key');
  const key = await importJWK(jwk, 'EdDSA');
  const header = { ...decodeProtectedHeader(good), alg: 'EdDSA', kid: jwk.kid };
  const claims = decodeJwt(good);
  const [head = '', payload = '', signature = ''] = good.split('.');
  const now = Math.floor(Date.now() / 1000);
  const sign = (changes: Record<string, unknown>, headerChanges: Record<string, unknown> = {}) =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ ...header, ...headerChanges }).sign(key);

  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk.x }, format: 'jwk' });
  const asSecret = (secret: Uint8Array) =>
    new SignJWT(claims).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret);
  const { privateKey: strange } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });

  return {
    'alg none': `${encode({ ...header, alg: 'none' })}.${payload}.`,
    'alg none, in capitals, signature kept': `${encode({ ...header, alg: 'NONE' })}.${payload}.${signature}`,
    'HS256 with the public key (PEM)': await asSecret(
      new TextEncoder().encode(publicKey.export({ type: 'spki', format: 'pem' }).toString()),
    ),
    'HS256 with the public key (bytes)': await asSecret(Buffer.from(jwk.x, 'base64url')),
    'claims changed after signing': `${head}.${encode({ ...claims, sub: 'usr_00000000000000000000000000000000' })}.${signature}`,
    'header changed after signing': `${encode({ ...header, kid: 'other' })}.${payload}.${signature}`,
    'signature cut off': `${head}.${payload}.`,
    "a stranger's key under our key id": await new SignJWT(claims).setProtectedHeader(header).sign(strange),
    expired: await sign({ exp: now - 120, iat: now - 240, nbf: now - 240 }),
    'not valid yet': await sign({ nbf: now + 600 }),
    'another audience': await sign({ aud: 'someone-else' }),
    'another issuer': await sign({ iss: 'https://issuer.example' }),
    'typ JWT': await sign({}, { typ: 'JWT' }),
    'typ of a service token': await sign({}, { typ: 'svc+jwt' }),
    'expiry in milliseconds': await sign({ exp: (now + 300) * 1000 }),
    'expired a minute ago': await sign({ exp: now - 61, iat: now - 240, nbf: now - 240 }),
    'a key id with a path': await sign({}, { kid: '../../../dev/null' }),
    'a key id with SQL': await sign({}, { kid: "' or 1=1 --" }),
    'an unknown key id': await sign({}, { kid: crypto.randomUUID() }),
    'another session of nobody': await sign({ sid: `ses_${'0'.repeat(32)}` }),
    "a stranger's name": await sign({ sub: `usr_${'0'.repeat(32)}` }),
    'no session': await sign({ sid: undefined }),
    'no subject': await sign({ sub: undefined }),
    'no expiry': await sign({ exp: undefined }),
    'not a token': 'x.y.z',
  };
}

/** A token that is good in every respect, to show that the forgeries fail for what is wrong with them. */
export async function signedLikeOurs(good: string, installation: Installation): Promise<string> {
  const [jwk] = keySetSchema.parse(JSON.parse(installation.signingKeys)).keys;
  if (jwk === undefined) throw new Error('the installation has no signing key');
  const header = { ...decodeProtectedHeader(good), alg: 'EdDSA', kid: jwk.kid };
  return new SignJWT(decodeJwt(good)).setProtectedHeader(header).sign(await importJWK(jwk, 'EdDSA'));
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
