import { createHash } from 'node:crypto';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../local/testing/database.ts';
import { createJoseTokens } from './adapters/jose-tokens.ts';
import { createAuthRepository } from './repository.ts';
import { type AuthService, createAuthService } from './service.ts';

let database: TestDatabase;
let auth: AuthService;
let derived: number;
const reported: string[] = [];
let secrets = 0;

beforeAll(async () => {
  database = await startTestDatabase();
  auth = await createService(3_600, 7_200);
}, 120_000);

afterAll(() => database.close());

async function createService(refreshSeconds: number, sessionSeconds: number): Promise<AuthService> {
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { x = '', d = '' } = await exportJWK(pair.privateKey);
  derived = 0;
  return createAuthService({
    repository: createAuthRepository(database.db),
    // The real one has its own tests and takes a quarter of a second a time.
    passwords: {
      hash: async (password) => `plain:${password}`,
      verify: async (password, hash) => {
        derived += 1;
        return hash === `plain:${password}`;
      },
    },
    accessTokens: createJoseTokens({
      keys: { keys: [{ kty: 'OKP', crv: 'Ed25519', x, d, kid: 'k1' }] },
      issuer: 'https://issuer.test',
      audience: 'acs',
      lifetimeSeconds: 300,
    }),
    newId,
    newSecret: () => `secret-${++secrets}`,
    hashSecret: (secret) => createHash('sha256').update(secret).digest('base64url'),
    now: () => new Date(),
    refreshSeconds,
    sessionSeconds,
    onRefreshReuse: (requestId) => reported.push(requestId),
  });
}

let people = 0;
const register = (name = `p${++people}`) =>
  auth.register({ email: `${name}@example.com`, password: 'correct horse', name }, 'test');

test('a new account is signed in, with a token that the published keys verify', async () => {
  const tokens = await register();
  const keys = createLocalJWKSet({ keys: auth.publicKeys().keys.map((key) => ({ ...key, kty: 'OKP' })) });
  const { payload, protectedHeader } = await jwtVerify(tokens.accessToken, keys);
  expect(protectedHeader).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt', kid: 'k1' });
  expect(payload).toMatchObject({ sub: tokens.user.id, iss: 'https://issuer.test', aud: 'acs' });
  expect(tokens).toMatchObject({ tokenType: 'Bearer', expiresIn: 300 });
});

test('only the public halves of the keys are published', () => {
  expect(Object.keys(auth.publicKeys().keys[0] ?? {}).toSorted()).toEqual([
    'alg',
    'crv',
    'kid',
    'kty',
    'use',
    'x',
  ]);
});

test('an address is taken whatever its case, and of many at once one gets it', async () => {
  await register('taken');
  await expect(register('TAKEN')).rejects.toMatchObject({ code: 'email_taken' });
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => register('wanted')));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a wrong password and an unknown address are refused alike, after the same work', async () => {
  await register('known');
  derived = 0;
  const wrong = await auth.login({ email: 'known@example.com', password: 'x' }, null).catch((error) => error);
  const unknown = await auth
    .login({ email: 'nobody@example.com', password: 'x' }, null)
    .catch((error) => error);
  expect([wrong.code, unknown.code]).toEqual(['invalid_credentials', 'invalid_credentials']);
  expect(wrong.message).toBe(unknown.message);
  expect(derived).toBe(2);
});

test('a password is compared exactly', async () => {
  await register('exact');
  for (const password of ['Correct horse', 'correct horse ', 'correct hors'])
    await expect(auth.login({ email: 'exact@example.com', password }, null)).rejects.toMatchObject({
      code: 'invalid_credentials',
    });
});

test('a disabled account cannot log in or refresh', async () => {
  const { user, refreshToken } = await register('disabled');
  await database.db.execute(`update auth.users set disabled_at = now() where email = '${user.email}'`);
  await expect(auth.login({ email: user.email, password: 'correct horse' }, null)).rejects.toMatchObject({
    code: 'account_disabled',
  });
  await expect(auth.refresh(refreshToken, 'r')).rejects.toMatchObject({ code: 'invalid_refresh_token' });
});

test('a refresh token gives a new pair once; used again it ends the whole family', async () => {
  const { refreshToken } = await register();
  const second = await auth.refresh(refreshToken, 'first');
  expect(second.refreshToken).not.toBe(refreshToken);
  await expect(auth.refresh(refreshToken, 'stolen')).rejects.toMatchObject({ code: 'invalid_refresh_token' });
  await expect(auth.refresh(second.refreshToken, 'late')).rejects.toMatchObject({
    code: 'invalid_refresh_token',
  });
  expect(reported).toContain('stolen');
});

test('of many concurrent uses of a refresh token at most one succeeds, and never two tokens live', async () => {
  const { refreshToken } = await register();
  const uses = await Promise.allSettled(Array.from({ length: 10 }, () => auth.refresh(refreshToken, 'many')));
  const successors = uses.flatMap((use) => (use.status === 'fulfilled' ? [use.value.refreshToken] : []));
  expect(successors.length).toBeLessThanOrEqual(1);
  for (const successor of successors)
    await expect(auth.refresh(successor, 'after')).rejects.toMatchObject({ code: 'invalid_refresh_token' });
});

test('another device is not touched by the end of a family', async () => {
  const { refreshToken, user } = await register('devices');
  const other = await auth.login({ email: user.email, password: 'correct horse' }, null);
  await auth.refresh(refreshToken, 'r');
  await auth.refresh(refreshToken, 'r').catch(() => undefined);
  expect((await auth.refresh(other.refreshToken, 'r')).user.id).toBe(user.id);
});

test('after logging out neither the session nor its refresh token is good for anything', async () => {
  const { accessToken, refreshToken, user } = await register();
  const claims: { sid: string } = JSON.parse(atob(accessToken.split('.')[1] ?? ''));
  const principal = { userId: user.id, sessionId: claims.sid };
  expect(await auth.me(principal)).toEqual(user);
  await auth.logout(principal);
  expect(await auth.me(principal)).toBeUndefined();
  await expect(auth.refresh(refreshToken, 'r')).rejects.toMatchObject({ code: 'invalid_refresh_token' });
});

test.each([
  ['idle for too long', -1, 7_200],
  ['of a session that is over', 3_600, -1],
])('a refresh token %s is refused', async (_, refreshSeconds, sessionSeconds) => {
  const usual = auth;
  auth = await createService(refreshSeconds, sessionSeconds);
  const { refreshToken } = await register();
  await expect(auth.refresh(refreshToken, 'r')).rejects.toMatchObject({ code: 'invalid_refresh_token' });
  auth = usual;
});

test('no token and no password stands in the database', async () => {
  const { refreshToken } = await register();
  const dump = await database.db.execute('select token_hash from auth.refresh_tokens');
  expect(JSON.stringify(dump.rows)).not.toContain(refreshToken);
});
