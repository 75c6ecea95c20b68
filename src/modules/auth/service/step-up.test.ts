import { Redis } from '@upstash/redis';
import { sql } from 'drizzle-orm';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyring, keyringSchema } from '../../../core/security/keyring.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let host = 1;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const newAccount = () => {
  host += 1;
  return system.register({ address: `198.51.100.${host}` });
};
const stepUp = (account: TestAccount, json: unknown, token = account.accessToken) =>
  account.call('POST', '/v1/auth/step-up', { json, token });
const sessionOf = (accessToken: string): string =>
  JSON.parse(atob((accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).sid;
const uuid = (id: string) => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
const aSecond = () => new Promise((resolve) => setTimeout(resolve, 1_050));
/** As if the person had signed in so long ago. */
const age = (sessionId: string, hours: number) =>
  system.db.execute(sql`update auth.sessions set authenticated_at = authenticated_at - make_interval(hours => ${hours}),
    expires_at = expires_at - make_interval(hours => ${hours}) where id = ${uuid(sessionId)}::uuid`);
const endOf = async (sessionId: string) =>
  (
    await system.db.execute(
      sql`select expires_at::text as ends, authenticated_at > now() - interval '1 minute' as recent
        from auth.sessions where id = ${uuid(sessionId)}::uuid`,
    )
  ).rows[0];

test('a password opens a recent session in place of the old one, with the same end', async () => {
  const account = await newAccount();
  const oldId = sessionOf(account.accessToken);
  await age(oldId, 1);
  const before = await endOf(oldId);
  const answer = await stepUp(account, { password: account.password });
  expect(answer).toMatchObject({ status: 200, body: { user: { id: account.id }, tokenType: 'Bearer' } });
  const newId = sessionOf(answer.body.accessToken);
  expect(newId).not.toBe(oldId);
  expect(await endOf(newId)).toEqual({ ends: before?.ends, recent: true });
  await aSecond();
  expect((await account.call('GET', '/v1/auth/me')).status).toBe(401);
  const refresh = (refreshToken: string) =>
    account.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
  expect((await refresh(account.refreshToken)).status).toBe(401);
  expect((await refresh(answer.body.refreshToken)).status).toBe(200);
});

test('a wrong password, or a code of nobody, changes nothing', async () => {
  const account = await newAccount();
  for (const proof of [{ password: `${account.password} ` }, { code: '000000' }])
    expect(await stepUp(account, proof)).toMatchObject({ status: 403, body: { code: 'wrong_password' } });
  expect((await account.call('GET', '/v1/auth/me')).status).toBe(200);
  expect((await stepUp(account, { password: account.password })).status).toBe(200);
});

test.each([
  {},
  { password: 'x', code: '123456' },
  { password: '' },
  { code: '12345' },
  { code: 123456 },
  [],
  { pin: 1 },
])('the proof %j is not understood', async (proof) => {
  const account = await newAccount();
  expect((await stepUp(account, proof)).status).toBe(400);
});

test('guessing comes to an end, whatever the address, and even the right password has to wait', async () => {
  const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
  const account = await strict.register({ address: '192.0.2.200' });
  const statuses: number[] = [];
  for (let guess = 0; guess < 7; guess += 1) {
    const answer = await account.call('POST', '/v1/auth/step-up', {
      json: { password: `guess ${guess}` },
      address: `192.0.2.${guess}`,
    });
    statuses.push(answer.status);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429]);
  const right = await stepUp(account, { password: account.password });
  expect(right.status).toBe(429);
  expect(Number(right.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await account.call('GET', '/v1/auth/me')).status).toBe(200);
});

test('two at once open one session', async () => {
  const account = await newAccount();
  const answers = await Promise.all([1, 2, 3].map(() => stepUp(account, { password: account.password })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  const { rows } = await system.db.execute(
    sql`select 1 from auth.sessions where user_id = ${uuid(account.id)}::uuid and revoked_at is null`,
  );
  expect(rows).toHaveLength(1);
});

test('a grant to an OAuth client cannot', async () => {
  const account = await newAccount();
  const id = crypto.randomUUID();
  await system.db.execute(sql`insert into auth.oauth_clients (id, name, redirect_uris, grant_types, scopes)
    values (${id}::uuid, 'a program', '{}', '{}', '{}')`);
  await system.db.execute(
    sql`update auth.sessions set client_id = ${id}::uuid where id = ${uuid(sessionOf(account.accessToken))}::uuid`,
  );
  expect(await stepUp(account, { password: account.password })).toMatchObject({
    status: 403,
    body: { code: 'permission_denied' },
  });
});

test('it is kept who did it, and who failed, without the proof', async () => {
  const account = await newAccount();
  await stepUp(account, { password: 'a wrong one' });
  await stepUp(account, { password: account.password });
  const { rows } = await system.db.execute(sql`
    select result, reason, details, a::text as row from core.audit_events a
    where action = 'session.step-up' and actor_id = ${account.id} order by id`);
  expect(rows).toMatchObject([
    { result: 'failure', reason: 'wrong_password' },
    { result: 'success', details: { method: 'pwd', replaces: sessionOf(account.accessToken) } },
  ]);
  expect(JSON.stringify(rows)).not.toContain(account.password);
});

describe('where there is an authenticator app', () => {
  const secret = Secret.fromBase32('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP');
  const wrongCode = () => {
    const code = new TOTP({ secret }).generate();
    return `${(Number(code[0]) + 5) % 10}${code.slice(1)}`;
  };
  const enrol = async (account: TestAccount) => {
    const keyring = createKeyring(keyringSchema.parse(system.env.AUTH_ENCRYPTION_KEYS));
    const sealed = await keyring.seal(`totp ${account.id}`, secret.base32);
    await system.db.execute(sql`insert into auth.totp_credentials (user_id, sealed_secret, confirmed_at)
      values (${uuid(account.id)}::uuid, ${sealed}, now())`);
  };

  test('a session from before it takes more than the password', async () => {
    const account = await newAccount();
    await enrol(account);
    expect(await stepUp(account, { password: account.password })).toMatchObject({
      status: 403,
      body: { code: 'mfa_required' },
    });
    const proven = await stepUp(account, { code: new TOTP({ secret }).generate() });
    expect(proven.status).toBe(200);
    const token = proven.body.accessToken;
    expect((await stepUp(account, { password: account.password }, token)).status).toBe(200);
  });

  test('codes are guessed no more often in a day than in signing in', async () => {
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const account = await newAccount();
    await enrol(account);
    const day = Math.floor(Date.now() / 86_400_000);
    const front = { url: system.env.UPSTASH_REDIS_REST_URL ?? '', token: 'redis-token' };
    await new Redis(front).set(`rate:second-factor-day:${account.id}:${day}`, 50);
    const answer = await strict.call('POST', '/v1/auth/step-up', {
      json: { code: wrongCode() },
      token: account.accessToken,
    });
    expect(answer).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
  });
});
