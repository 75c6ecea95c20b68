import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  type GenerateKeyPairResult,
  generateKeyPair,
  type JWK,
  SignJWT,
} from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount, signIn } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { query } from './harness/database.ts';
import { newPrincipal } from './harness/principals.ts';
import { until } from './harness/until.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const DOORS = ['/v1/auth/me', '/v1/files', '/v1/search?q=anything'];

let account: Account;

beforeAll(async () => {
  account = await newAccount(api);
});

// S13 (S11, S12 and S14 are in auth-tokens.test.ts)
describe('a token that names its own key', () => {
  const hits: string[] = [];
  let stranger: GenerateKeyPairResult;
  let publicJwk: JWK;
  const server = createServer((request, response) => {
    hits.push(request.url ?? '');
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ keys: [{ ...publicJwk, kid: 'theirs', alg: 'EdDSA', use: 'sig' }] }));
  });
  let origin: string;

  beforeAll(async () => {
    stranger = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    publicJwk = await exportJWK(stranger.publicKey);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    origin = `http://127.0.0.1:${port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('is refused, and nobody asks where it points to', async () => {
    const good = account.tokens.accessToken;
    const header = decodeProtectedHeader(good);
    const sign = (changes: Record<string, unknown>) =>
      new SignJWT(decodeJwt(good))
        .setProtectedHeader({ ...header, alg: 'EdDSA', ...changes })
        .sign(stranger.privateKey);
    const forged = {
      jku: await sign({ jku: `${origin}/jwks.json`, kid: 'theirs' }),
      'jku, our kid': await sign({ jku: `${origin}/jwks.json` }),
      x5u: await sign({ x5u: `${origin}/chain.pem` }),
      jwk: await sign({ jwk: publicJwk }),
      'kid with an address': await sign({ kid: `${origin}/jwks.json` }),
      'kid with a path': await sign({ kid: '../../../../dev/null' }),
      'kid with SQL': await sign({ kid: "x' union select '{}'::jsonb --" }),
      'another issuer with keys': await new SignJWT({ ...decodeJwt(good), iss: origin })
        .setProtectedHeader({ ...header, alg: 'EdDSA' })
        .sign(stranger.privateKey),
    };
    for (const door of DOORS)
      for (const [fault, token] of Object.entries(forged))
        expect(refusal(await api.as(token).call('GET', door)), `${fault} at ${door}`).toBe(
          '401 unauthorized',
        );
    expect(hits).toEqual([]);
  });
});

const keyPageSchema = z.object({
  items: z.array(
    z.strictObject({
      id: z.string(),
      state: z.enum(['pending', 'signing', 'retiring', 'retired', 'revoked']),
      createdAt: z.string(),
      signsFrom: z.string(),
      retiresAt: z.string().nullable(),
      revokedAt: z.string().nullable(),
    }),
  ),
  nextCursor: z.null(),
});
const publicKeysSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string().length(43),
        kid: z.string(),
        alg: z.literal('EdDSA'),
        use: z.literal('sig'),
      }),
    )
    .min(1),
});

// S22
describe('the signing keys', () => {
  let admin: Client;
  const published = async () => {
    const { keys } = bodyOf(await api.call('GET', '/.well-known/jwks.json'), 200, publicKeysSchema);
    return keys.map(({ kid }) => kid);
  };
  const rotate = async () => {
    const page = bodyOf(await admin.call('POST', '/v1/admin/signing-keys/rotate'), 200, keyPageSchema);
    const made = page.items.find(({ state }) => state === 'pending');
    if (made === undefined) throw new Error('no key is pending after a rotation');
    return made.id;
  };
  const change = (id: string, what: string) =>
    query(installation, `update auth.signing_keys set ${what} where id = $1`, [id]);
  /** A token of this key: what was pending for ten minutes signs within a second or two. */
  const tokenOf = (kid: string) =>
    until(
      async () => (await signIn(api, account)).accessToken,
      (token) => decodeProtectedHeader(token).kid === kid,
      { withinMs: 10_000, everyMs: 300, what: 'the new key to sign' },
    );
  const openAll = async (token: string) => {
    for (const door of DOORS) expect((await api.as(token).call('GET', door)).status, door).toBe(200);
  };
  const refuseAll = async (token: string) => {
    for (const door of DOORS)
      await until(
        async () => refusal(await api.as(token).call('GET', door)),
        (answer) => answer === '401 unauthorized',
        { withinMs: 10_000, everyMs: 50, what: `${door} to refuse a key that is over` },
      );
  };

  let first: string;
  let second: string;

  beforeAll(async () => {
    admin = api.as((await newPrincipal(installation, { role: 'admin' })).token);
    first = account.tokens.accessToken;
  });

  it('are rotated without a token becoming invalid: both are published and accepted', async () => {
    const kid = await rotate();
    const both = [kid, decodeProtectedHeader(first).kid ?? ''];
    await until(published, (kids) => both.every((one) => kids.includes(one)), {
      withinMs: 10_000,
      what: 'both keys to be published',
    });
    expect(decodeProtectedHeader((await signIn(api, account)).accessToken).kid).not.toBe(kid);
    await change(kid, "signs_from = now() - interval '1 second'");
    second = await tokenOf(kid);
    await openAll(second);
    await openAll(first);
  });

  it('that have retired are neither published nor accepted', async () => {
    const kid = decodeProtectedHeader(second).kid ?? '';
    const next = await rotate();
    await change(next, "signs_from = now() - interval '1 second'");
    const third = await tokenOf(next);
    await change(kid, "retires_at = now() - interval '1 second'");
    await refuseAll(second);
    await until(published, (kids) => !kids.includes(kid), {
      withinMs: 10_000,
      what: 'the retired key to leave the key set',
    });
    await openAll(third);
    await openAll(first);
  });

  it('that got out are refused at once, and people go on with their refresh tokens', async () => {
    const tokens = await signIn(api, account);
    const kid = decodeProtectedHeader(tokens.accessToken).kid ?? '';
    // The first one signs for the other tests of this installation.
    expect(kid).not.toBe(decodeProtectedHeader(first).kid);
    expect((await admin.call('POST', `/v1/admin/signing-keys/${kid}/revoke`)).status).toBe(204);
    await refuseAll(tokens.accessToken);
    const next = await until(
      async () => {
        const json = { refreshToken: tokens.refreshToken };
        const answer = await api.call('POST', '/v1/auth/refresh', { json });
        return String(JSON.parse(new TextDecoder().decode(answer.bytes)).accessToken);
      },
      (token) => decodeProtectedHeader(token).kid !== kid,
      { withinMs: 10_000, everyMs: 300, what: 'another key to sign' },
    );
    await until(
      async () =>
        Promise.all(DOORS.map(async (door) => (await api.as(next).call('GET', door)).status)).then(String),
      (statuses) => statuses === '200,200,200',
      { withinMs: 10_000, everyMs: 100, what: 'tokens of the other key to be accepted everywhere' },
    );
    await openAll(first);
  });

  it('are listed for administrators without anything private', async () => {
    const answer = await admin.call('GET', '/v1/admin/signing-keys');
    const { items } = bodyOf(answer, 200, keyPageSchema);
    expect(items.length).toBeGreaterThanOrEqual(3);
    const member = await account.api.call('GET', '/v1/admin/signing-keys');
    expect(refusal(member)).toBe('403 permission_denied');
    const rows = await query(installation, 'select public_key, sealed_key from auth.signing_keys');
    for (const { public_key, sealed_key } of rows) {
      expect(JSON.stringify(public_key)).not.toContain('"d"');
      expect(String(sealed_key)).toMatch(/^v1\./);
    }
  });
});
