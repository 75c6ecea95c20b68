import { randomUUID } from 'node:crypto';
import { importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount, signIn } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from '../harness/client.ts';
import { callFrom } from '../harness/from-address.ts';
import { describeInstallation, type Installation } from '../harness/global-setup.ts';
import type { Answer } from '../harness/guarantees.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';
import { newPrincipal, type TestPrincipal } from '../harness/principals.ts';
import { runningProcess, serviceOf } from '../harness/services.ts';
import { until } from '../harness/until.ts';
import { roomInWindow } from '../harness/windows.ts';
import { newApiKeySchema, tokensSchema } from '../harness/wire.ts';

const DOORS = ['/v1/auth/me', '/v1/files', '/v1/search?q=anything'];
const RECOVERY_MS = 60_000;
const keySetSchema = z.object({ keys: z.array(z.looseObject({ kid: z.string() })).min(1) });

let system: TestStack;
let installation: Installation;
let api: Client;
let account: Account;

beforeAll(async () => {
  system = await startTestStack({ composition: 'split' });
  installation = await describeInstallation(system, 'split');
  api = createClient(installation.url);
  account = await newAccount(api);
});
afterAll(async () => {
  await system?.dispose();
});

const loginFrom = (from: string, password: string) =>
  callFrom(installation.url, from, 'POST', '/v1/auth/login', { json: { email: account.email, password } });
const atAll = (client: Client) =>
  Promise.all(DOORS.map(async (door) => refusal(await client.call('GET', door))));
const untilAll = (client: Client, expected: string) =>
  until(
    () => atAll(client),
    (answers) => answers.every((answer) => answer === expected),
    { withinMs: 20_000, everyMs: 50, what: `${expected} at all doors` },
  );

// F5
describe('while Redis is away', () => {
  let revoked: TestPrincipal;

  it('people sign in, sessions end, and limits hold; what ended stays so when Redis is back, empty', async () => {
    revoked = await newPrincipal(installation);
    const before = await runningProcess(system.stack, 'redis');
    // Hanging is worse than dead: every call would wait.
    process.kill(before, 'SIGSTOP');
    try {
      await signIn(api, account);
      const client = api.as(revoked.token);
      expect(await atAll(client)).toEqual(['200', '200', '200']);
      expect((await client.call('POST', '/v1/auth/logout')).status).toBe(204);
      await untilAll(client, '401 unauthorized');

      await roomInWindow(60, 40);
      const answers: Answer[] = [];
      for (let guess = 0; guess < 14; guess += 1)
        answers.push(await loginFrom('127.0.0.5', `guess number ${guess}`));
      expect(answers.filter(({ status }) => status === 401)).toHaveLength(5);
      expect(refusal(await loginFrom('127.0.0.5', account.password))).toBe('429 too_many_requests');
      bodyOf(await loginFrom('127.0.0.6', account.password), 200, tokensSchema);
    } finally {
      process.kill(before, 'SIGCONT');
      process.kill(before, 'SIGKILL');
    }
    await until(
      async () => serviceOf(system.stack, 'redis').pid(),
      (pid) => pid !== before,
      { withinMs: RECOVERY_MS, what: 'Redis to be back' },
    );
    for (let round = 0; round < 10; round += 1)
      expect(await atAll(api.as(revoked.token))).toEqual(Array(3).fill('401 unauthorized'));
    await signIn(api, account);
  });
});

// F23 (S14)
describe('a token from a machine whose clock is wrong', () => {
  const MINUTES_10 = 600;
  const DAYS_400 = 400 * 86_400;
  let sign: (times: { iat: number; nbf?: number; exp: number }) => Promise<string>;

  beforeAll(async () => {
    const [jwk] = keySetSchema.parse(JSON.parse(installation.signingKeys)).keys;
    if (jwk === undefined) throw new Error('the installation has no signing key');
    const { userId, sessionId } = await newPrincipal(installation);
    const key = await importJWK(jwk, 'EdDSA');
    sign = ({ iat, nbf, exp }) =>
      new SignJWT({ sid: sessionId, sub: userId, iat, ...(nbf === undefined ? {} : { nbf }), exp })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: jwk.kid })
        .setIssuer(installation.issuer)
        .setAudience(installation.audience)
        .sign(key);
  });

  it.each([
    ['10 minutes behind', -MINUTES_10, 300, '401 token_expired'],
    ['400 days behind', -DAYS_400, 300, '401 token_expired'],
    ['400 days ahead', DAYS_400, 300, '401 unauthorized'],
    ['right, with an end in 400 days', 0, DAYS_400, '401 unauthorized'],
    ['right', 0, 300, '200'],
    ['5 seconds ahead', 5, 300, '200'],
    ['5 seconds behind', -5, 300, '200'],
  ])('%s: refused unless the difference is one of seconds', async (_, shift, life, expected) => {
    const iat = Math.floor(Date.now() / 1000) + shift;
    const answers = await atAll(api.as(await sign({ iat, exp: iat + life })));
    expect(answers).toEqual(Array(3).fill(expected));
  });

  it('10 minutes ahead: refused when it says from when on it counts', async () => {
    const iat = Math.floor(Date.now() / 1000) + MINUTES_10;
    const token = await sign({ iat, nbf: iat, exp: iat + 300 });
    expect(await atAll(api.as(token))).toEqual(Array(3).fill('401 unauthorized'));
  });
});

describe('while the database is away', () => {
  it('every call says 503 and when to try again, and nobody gets in who must not', async () => {
    const good = await newPrincipal(installation);
    const ended = await newPrincipal(installation);
    const made = await api.as(good.token).call('POST', '/v1/auth/api-keys', {
      json: { name: 'key', scopes: ['files:read', 'account:read', 'search:read'] },
    });
    const { key } = bodyOf(made, 201, newApiKeySchema);
    await api.as(ended.token).call('POST', '/v1/auth/logout');
    await untilAll(api.as(ended.token), '401 unauthorized');

    const restart = await serviceOf(system.stack, 'postgres').crash();
    const { email, password, tokens } = account;
    const post = (path: string, json: object) => api.call('POST', path, { json });
    const welcome = {
      login: () => post('/v1/auth/login', { email, password }),
      register: () => post('/v1/auth/register', { email: `${randomUUID()}@example.com`, password }),
      refresh: () => post('/v1/auth/refresh', { refreshToken: tokens.refreshToken }),
      me: () => api.as(good.token).call('GET', '/v1/auth/me'),
      files: () => api.as(good.token).call('GET', '/v1/files'),
      'API key': () => api.as(key).call('GET', '/v1/files'),
    };
    const unwelcome = {
      'wrong password': () => post('/v1/auth/login', { email, password: `${password}!` }),
      'no refresh token': () => post('/v1/auth/refresh', { refreshToken: 'none of ours' }),
      'no reset token': () =>
        post('/v1/auth/password/reset', { token: 'none of ours', newPassword: randomUUID() }),
      'ended session': () => api.as(ended.token).call('GET', '/v1/files'),
      'no token': () => api.call('GET', '/v1/files'),
      'no API key': () => api.as(`acs_${'A'.repeat(51)}`).call('GET', '/v1/files'),
    };
    for (const [name, call] of Object.entries(welcome)) {
      const answer = await call();
      // A 503 without Retry-After fails in the client (harness/guarantees.ts).
      expect(refusal(answer), name).toBe('503 dependency_unavailable');
    }
    const back = restart();
    const seen = new Set<string>();
    await until(
      async () => {
        for (const [name, call] of Object.entries(unwelcome)) {
          const { status } = await call();
          if (![400, 401, 429, 503].includes(status)) seen.add(`${name}: ${status}`);
        }
        return (await welcome.me()).status;
      },
      (status) => status === 200,
      { withinMs: RECOVERY_MS, what: 'the database to be back' },
    );
    await back;
    expect([...seen]).toEqual([]);
    await until(
      async () => (await welcome.login()).status,
      (status) => status === 200,
      { withinMs: RECOVERY_MS, everyMs: 500, what: 'sign-ins to work again' },
    );
    expect(refusal(await unwelcome['ended session']())).toBe('401 unauthorized');
  });
});
