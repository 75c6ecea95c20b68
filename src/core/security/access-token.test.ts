import { base64url, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AccessTokenVerifier, createAccessTokenVerifier } from './access-token.ts';
import { signServiceToken, verifyServiceToken } from './service-token.ts';

const NOW = Date.UTC(2026, 0, 1);
const nowSeconds = NOW / 1000;
const keys = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
const stranger = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
const strangerJwk: JWK = { ...(await exportJWK(stranger.publicKey)), alg: 'EdDSA' };
const USER = `usr_${'0'.repeat(31)}1`;
const SESSION = `ses_${'0'.repeat(31)}1`;
const jwk: JWK = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'EdDSA', use: 'sig' };

let time: number;
let fetches: number;
let answerKeys: () => Response | Promise<Response>;
let verifier: AccessTokenVerifier;

const createVerifier = (cacheSize = 1_000) =>
  createAccessTokenVerifier({
    issuer: 'https://issuer.test',
    audience: 'acs',
    auth: {
      fetch: async () => {
        fetches += 1;
        return answerKeys();
      },
    },
    now: () => time,
    cacheSize,
  });

beforeEach(() => {
  time = NOW;
  fetches = 0;
  answerKeys = () => Response.json({ keys: [jwk] });
  verifier = createVerifier();
});

interface Changes {
  readonly header?: object;
  readonly claims?: object;
  readonly key?: Parameters<SignJWT['sign']>[0];
}

function sign({ header = {}, claims = {}, key = keys.privateKey }: Changes = {}): Promise<string> {
  return new SignJWT({
    sub: USER,
    sid: SESSION,
    iss: 'https://issuer.test',
    aud: 'acs',
    iat: nowSeconds,
    nbf: nowSeconds,
    exp: nowSeconds + 300,
    ...claims,
  })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1', ...header })
    .sign(key);
}

const codeOf = (token: string): Promise<unknown> =>
  verifier.verify(token).then(
    () => 'accepted',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  );

const encode = (value: unknown) => base64url.encode(JSON.stringify(value));

describe('an access token', () => {
  test('names its user, session and key', async () => {
    expect(await verifier.verify(await sign())).toEqual({
      userId: USER,
      sessionId: SESSION,
      keyId: 'k1',
      expiresAt: NOW + 300_000,
    });
  });

  test.each([
    ['another issuer', { claims: { iss: 'https://evil.test' } }],
    ['another audience', { claims: { aud: 'other' } }],
    ['no audience', { claims: { aud: undefined } }],
    ['no expiry', { claims: { exp: undefined } }],
    ['no session', { claims: { sid: undefined } }],
    ['no subject', { claims: { sub: undefined } }],
    ['a subject that is no text', { claims: { sub: 7 } }],
    ['a subject that is no user', { claims: { sub: SESSION } }],
    ['a session that is none', { claims: { sid: "' or 1=1 --" } }],
    ['an expiry in milliseconds', { claims: { exp: NOW + 300_000 } }],
    ['an expiry beyond every token of ours', { claims: { exp: nowSeconds + 2 * 86_400 } }],
    ['an expiry that is no number', { claims: { exp: 'tomorrow' } }],
    ['a start just beyond the tolerance', { claims: { nbf: nowSeconds + 31 } }],
    ['a start in milliseconds', { claims: { nbf: NOW } }],
    ['a time from which it holds that has not come', { claims: { nbf: nowSeconds + 120 } }],
    ['the type of another kind of token', { header: { typ: 'JWT' } }],
    ['no type', { header: { typ: undefined } }],
    ['the signature of a stranger', { key: stranger.privateKey }],
    ['a kid that does not exist', { header: { kid: 'k2' } }],
    ['a kid with a path in it', { header: { kid: '../../etc/passwd' } }],
    ['a kid with SQL in it', { header: { kid: "k1' or '1'='1" } }],
    ['a kid that is an address', { header: { kid: 'http://127.0.0.1:1/keys' } }],
    ['a key of its own', { header: { jwk: strangerJwk }, key: stranger.privateKey }],
    ['an address for its key', { header: { jku: 'http://127.0.0.1:1/keys' }, key: stranger.privateKey }],
    ['an address for its certificate', { header: { x5u: 'http://127.0.0.1:1/x' }, key: stranger.privateKey }],
    ['HS256 signed with the public key', { header: { alg: 'HS256' }, key: base64url.decode(jwk.x ?? '') }],
  ])('with %s is refused', async (_, changes) => {
    expect(await codeOf(await sign(changes))).toBe('unauthorized');
  });

  test.each(['none', 'None', 'nOnE'])('of alg %s is refused', async (alg) => {
    const [, payload] = (await sign()).split('.');
    expect(await codeOf(`${encode({ alg, typ: 'at+jwt', kid: 'k1' })}.${payload}.`)).toBe('unauthorized');
  });

  test.each([
    ['an empty signature', (token: string) => token.replace(/[^.]+$/, '')],
    ['no signature', (token: string) => token.replace(/\.[^.]+$/, '')],
    ['a changed payload', (token: string) => token.replace(/\.[^.]+\./, `.${encode({ sub: 'usr_2' })}.`)],
    ['nothing but dots', () => '..'],
    ['garbage', () => 'garbage'],
  ])('with %s is refused', async (_, change) => {
    expect(await codeOf(change(await sign()))).toBe('unauthorized');
  });

  test('is taken for its kid where several keys are published', async () => {
    const other = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    answerKeys = async () =>
      Response.json({
        keys: [{ ...(await exportJWK(other.publicKey)), kid: 'k2', alg: 'EdDSA', use: 'sig' }, jwk],
      });
    expect(await codeOf(await sign())).toBe('accepted');
    expect(await codeOf(await sign({ header: { kid: 'k2' }, key: other.privateKey }))).toBe('accepted');
    expect(await codeOf(await sign({ header: { kid: 'k2' } }))).toBe('unauthorized');
  });

  test('has no key fetched from anywhere but the auth module, whatever its header names', async () => {
    const calls: unknown[] = [];
    const fetch = globalThis.fetch;
    globalThis.fetch = async (input) => {
      calls.push(input);
      return new Response();
    };
    try {
      for (const name of ['jku', 'x5u', 'jwk', 'x5c', 'kid'])
        expect(
          await codeOf(
            await sign({
              header: { [name]: name === 'jwk' ? strangerJwk : 'http://127.0.0.1:1/' },
              key: stranger.privateKey,
            }),
          ),
        ).toBe('unauthorized');
    } finally {
      globalThis.fetch = fetch;
    }
    expect(calls).toEqual([]);
  });

  test('holds from nbf on, with half a minute of tolerance', async () => {
    expect(await codeOf(await sign({ claims: { nbf: nowSeconds + 29 } }))).toBe('accepted');
  });

  test('is refused as expired once exp and the tolerance are over', async () => {
    const token = await sign();
    time = NOW + 329_000;
    expect(await codeOf(token)).toBe('accepted');
    time = NOW + 331_000;
    expect(await codeOf(token)).toBe('token_expired');
  });
});

describe('a verified token', () => {
  test('is remembered, so that a key set that is gone does no harm before exp', async () => {
    const token = await sign();
    await verifier.verify(token);
    answerKeys = () => new Response('', { status: 500 });
    expect(await codeOf(token)).toBe('accepted');
    expect(fetches).toBe(1);
  });

  test('is not remembered past exp', async () => {
    const token = await sign();
    await verifier.verify(token);
    time = NOW + 331_000;
    expect(await codeOf(token)).toBe('token_expired');
  });

  test('makes room for newer ones when the cache is full', async () => {
    verifier = createVerifier(2);
    const tokens = await Promise.all([1, 2, 3].map((jti) => sign({ claims: { jti } })));
    for (const token of tokens) expect(await codeOf(token)).toBe('accepted');
    for (const token of tokens) expect(await codeOf(token)).toBe('accepted');
  });
});

describe('the key set', () => {
  test('of unknown kids is asked for once in a while only, and they stay a refusal', async () => {
    await verifier.verify(await sign());
    for (const kid of ['a', 'b', 'c', 'd'])
      expect(await codeOf(await sign({ header: { kid } }))).toBe('unauthorized');
    expect(fetches).toBeLessThanOrEqual(2);
  });

  test('with a new key is fetched for its first token, a second after the last time', async () => {
    await verifier.verify(await sign());
    const next = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const published = { ...(await exportJWK(next.publicKey)), kid: 'k2', alg: 'EdDSA', use: 'sig' };
    answerKeys = () => Response.json({ keys: [published, jwk] });
    const token = await sign({ header: { kid: 'k2' }, key: next.privateKey });
    // jose goes by the system's clock.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await codeOf(token)).toBe('accepted');
    expect(fetches).toBe(2);
  });

  test.each([
    ['answers 500', () => new Response('', { status: 500 })],
    ['answers 404', () => new Response('', { status: 404 })],
    ['is no JSON', () => new Response('<html>')],
    ['is no key set', () => Response.json({ error: 'x' })],
    ['cannot be reached', () => Promise.reject(new TypeError('network'))],
  ])('that %s is an outage, not a refusal', async (_, answer) => {
    answerKeys = answer;
    await expect(verifier.verify(await sign())).rejects.toMatchObject({ name: 'DependencyError' });
  });
});

describe('a service token', () => {
  const secret = 's'.repeat(32);
  const now = new Date(NOW);

  test('names the calling service to the one it was made out to', async () => {
    const token = await signServiceToken(secret, 'ai', 'storage', now);
    expect(await verifyServiceToken(secret, token, 'storage', now)).toBe('ai');
    expect(await verifyServiceToken(secret, token, 'sidecar', now)).toBeUndefined();
  });

  test('of another secret, or after a minute and the tolerance, is none', async () => {
    const token = await signServiceToken(secret, 'ai', 'storage', now);
    expect(await verifyServiceToken('t'.repeat(32), token, 'storage', now)).toBeUndefined();
    expect(await verifyServiceToken(secret, token, 'storage', new Date(NOW + 91_000))).toBeUndefined();
  });

  test('is taken under the old and the new secret while both are listed, and signed with the first', async () => {
    const next = 'n'.repeat(32);
    const [before, during, after] = await Promise.all(
      [secret, `${next},${secret}`, next].map((one) => signServiceToken(one, 'ai', 'storage', now)),
    );
    for (const token of [before, during])
      expect(await verifyServiceToken(`${secret}, ${next}`, token ?? '', 'storage', now)).toBe('ai');
    expect(await verifyServiceToken(next, during ?? '', 'storage', now)).toBe('ai');
    expect(await verifyServiceToken(secret, during ?? '', 'storage', now)).toBeUndefined();
    expect(await verifyServiceToken(secret, after ?? '', 'storage', now)).toBeUndefined();
  });

  test('is no access token, and an access token is no service token', async () => {
    expect(await codeOf(await signServiceToken(secret, 'ai', 'storage', now))).toBe('unauthorized');
    expect(await verifyServiceToken(secret, await sign(), 'storage', now)).toBeUndefined();
    const typed = await sign({ header: { alg: 'HS256' }, key: new TextEncoder().encode(secret) });
    expect(await verifyServiceToken(secret, typed, 'storage', now)).toBeUndefined();
  });
});
