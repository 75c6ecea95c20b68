import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import {
  apiKeys,
  deviceCodes,
  emails,
  oauthClients,
  oneTimeTokens,
  policies,
  users,
} from '../../../core/database/schema/auth.ts';
import { emailsTo, newAddress, newPassword, tokenSentTo } from '../testing/test-emails.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const login = (email: string, password: string) =>
  system.call('POST', '/v1/auth/login', { json: { email, password } });
const refresh = (refreshToken: string) => system.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
const forgot = (email: string, on = system) =>
  on.call('POST', '/v1/auth/password/forgot', { json: { email } });
const reset = (token: string, password: string) =>
  system.call('POST', '/v1/auth/password/reset', { json: { token, newPassword: password } });
const change = (account: TestAccount, json: object) => account.call('POST', '/v1/auth/password', { json });
const hashOf = async ({ id }: TestAccount) =>
  (await system.db.select().from(users).where(eq(users.id, id)))[0]?.passwordHash;

async function resetTokenOf({ email }: TestAccount): Promise<string> {
  await forgot(email);
  return tokenSentTo(system, email, 'reset-password');
}

describe('changing the password', () => {
  test('ends all sessions but this one and tells the person', async () => {
    const account = await system.register();
    const elsewhere = await login(account.email, account.password);
    const next = newPassword();
    expect((await change(account, { currentPassword: account.password, newPassword: next })).status).toBe(
      204,
    );
    expect((await refresh(elsewhere.body.refreshToken)).body.code).toBe('invalid_refresh_token');
    expect((await refresh(account.refreshToken)).status).toBe(200);
    expect((await login(account.email, account.password)).status).toBe(401);
    expect((await login(account.email, next)).status).toBe(200);
    expect((await emailsTo(system, account.email)).at(-1)?.text).toContain('password');
  });

  test('wants the current password', async () => {
    const account = await system.register();
    const before = await hashOf(account);
    expect(await change(account, { currentPassword: 'wrong', newPassword: newPassword() })).toMatchObject({
      status: 403,
      body: { code: 'wrong_password' },
    });
    expect((await change(account, { newPassword: newPassword() })).body.code).toBe('invalid_request');
    expect(await hashOf(account)).toBe(before);
  });

  test('of two at once one wins', async () => {
    const account = await system.register();
    const wanted = [newPassword(), newPassword()];
    const answers = await Promise.all(
      wanted.map((next) => change(account, { currentPassword: account.password, newPassword: next })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 403]);
    const logins = await Promise.all(wanted.map((password) => login(account.email, password)));
    expect(logins.map(({ status }) => status)).toEqual(
      answers.map(({ status }) => (status === 204 ? 200 : 401)),
    );
  });

  test('is limited to five wrong tries, also at once, without harm to the session', async () => {
    const limited = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const account = await system.register();
    const tries = await Promise.all(
      Array.from({ length: 9 }, () =>
        limited.call('POST', '/v1/auth/password', {
          token: account.accessToken,
          json: { currentPassword: 'wrong', newPassword: newPassword() },
        }),
      ),
    );
    expect(tries.filter(({ body }) => body.code === 'wrong_password')).toHaveLength(5);
    expect(tries.filter(({ body }) => body.code === 'too_many_requests')).toHaveLength(4);
    expect((await account.call('GET', '/v1/auth/me')).status).toBe(200);
  });
});

describe('a forgotten password', () => {
  test('is set anew by the link: all sessions end, none begins, the address is proven', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    const next = newPassword();
    const answer = await reset(token, next);
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect((await refresh(account.refreshToken)).body.code).toBe('invalid_refresh_token');
    const again = await login(account.email, next);
    expect(again).toMatchObject({ status: 200, body: { user: { emailVerified: true } } });
    expect((await login(account.email, account.password)).status).toBe(401);
  });

  test('the link works once, of any number at once, and its loser changes nothing', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    const wanted = Array.from({ length: 5 }, newPassword);
    const answers = await Promise.all(wanted.map((password) => reset(token, password)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ body }) => body?.code === 'invalid_token')).toHaveLength(4);
    const winner = wanted[answers.findIndex(({ status }) => status === 204)] ?? '';
    expect((await login(account.email, winner)).status).toBe(200);
    expect((await reset(token, newPassword())).body.code).toBe('invalid_token');
  });

  test('two links at once: one works, and the other one ends with it', async () => {
    const account = await system.register();
    const tokens = [await resetTokenOf(account), await resetTokenOf(account)];
    const answers = await Promise.all(tokens.map((token) => reset(token, newPassword())));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 400]);
  });

  test('the link of one person does nothing to another', async () => {
    const [ann, ben] = await Promise.all([system.register(), system.register()]);
    const before = await hashOf(ben);
    expect((await reset(await resetTokenOf(ann), newPassword())).status).toBe(204);
    expect(await hashOf(ben)).toBe(before);
    expect((await refresh(ben.refreshToken)).status).toBe(200);
  });

  test('the link is worthless after ten minutes', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    const mine = eq(oneTimeTokens.userId, account.id);
    const [row] = await system.db
      .select({ seconds: sql<number>`extract(epoch from expires_at - created_at)::int` })
      .from(oneTimeTokens)
      .where(sql`${mine} and purpose = 'password-reset'`);
    expect(row?.seconds).toBeLessThanOrEqual(600);
    await system.db.update(oneTimeTokens).set({ expiresAt: sql`now() - interval '1 second'` }).where(mine);
    expect((await reset(token, newPassword())).body.code).toBe('invalid_token');
  });

  test('the link is worthless after the password was changed', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    await change(account, { currentPassword: account.password, newPassword: newPassword() });
    expect((await reset(token, newPassword())).body.code).toBe('invalid_token');
  });

  test('ends sign-ins and devices that wait for their last step', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    const expiresAt = new Date(Date.now() + 60_000);
    const [client, waiting] = [newId('cli'), { userId: account.id, expiresAt }];
    await system.db
      .insert(oauthClients)
      .values({ id: client, name: 'tool', redirectUris: [], grantTypes: [], scopes: [] });
    await system.db.insert(deviceCodes).values({
      ...{ ...waiting, clientId: client, deviceCodeHash: client, userCode: client.slice(-8) },
      ...{ scopes: [], status: 'approved', intervalSeconds: 5 },
    });
    await system.db
      .insert(oneTimeTokens)
      .values(['mfa-sign-in', 'oauth-code'].map((purpose) => ({ ...waiting, purpose, tokenHash: client })));
    expect((await reset(token, newPassword())).status).toBe(204);
    const [device] = await system.db.select().from(deviceCodes).where(eq(deviceCodes.clientId, client));
    expect(device?.status).toBe('denied');
    expect(await system.db.$count(oneTimeTokens, eq(oneTimeTokens.tokenHash, client))).toBe(0);
  });

  test('a password that is refused does not use the link up', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    expect(await reset(token, 'Password123')).toMatchObject({
      status: 422,
      body: { code: 'password_too_common' },
    });
    expect((await reset(token, newPassword())).status).toBe(204);
  });

  test('neither answer nor work tells whether an address has an account', async () => {
    const { email } = await system.register();
    const written = async () => {
      const [row] = (
        await system.db.execute(sql`select (select count(*) from auth.one_time_tokens) as tokens,
          (select count(*) from core.audit_events) as entries`)
      ).rows;
      return { tokens: Number(row?.tokens), entries: Number(row?.entries) };
    };
    const start = await written();
    const known = await forgot(email);
    const afterKnown = await written();
    const unknown = await forgot(newAddress());
    const afterUnknown = await written();
    expect(known).toMatchObject({ status: 202, body: { status: 'reset_sent' } });
    expect([unknown.status, unknown.body]).toEqual([known.status, known.body]);
    expect(afterKnown.tokens - start.tokens).toBe(1);
    expect(afterUnknown.tokens - afterKnown.tokens).toBe(1);
    expect(afterUnknown.entries - afterKnown.entries).toBe(afterKnown.entries - start.entries);
  });

  test('an unknown address gets no e-mail', async () => {
    const stranger = newAddress();
    const before = await system.db.$count(emails);
    await forgot(stranger);
    expect(await emailsTo(system, stranger)).toHaveLength(0);
    expect(await system.db.$count(emails)).toBe(before);
  });

  test('one address gets five e-mails an hour, whoever asks, and nobody is told', async () => {
    const limited = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const { email } = await system.register();
    for (let time = 1; time <= 7; time += 1)
      expect(
        (
          await limited.call('POST', '/v1/auth/password/forgot', {
            json: { email: time % 2 ? email : email.toUpperCase() },
            address: `198.51.100.${time}`,
          })
        ).status,
      ).toBe(202);
    // And the link to verify it, which is counted apart.
    expect(await emailsTo(system, email)).toHaveLength(5 + 1);
  });

  test('an account without a password gets one', async () => {
    const account = await system.register();
    await system.db.update(users).set({ passwordHash: null }).where(eq(users.id, account.id));
    const next = newPassword();
    expect(await change(account, { currentPassword: account.password, newPassword: next })).toMatchObject({
      status: 403,
      body: { code: 'wrong_password' },
    });
    expect((await reset(await resetTokenOf(account), next)).status).toBe(204);
    expect((await login(account.email, next)).status).toBe(200);
  });

  test.each([true, false])(
    'keys from before the address was proven end with it (proven: %s)',
    async (proven) => {
      const account = await system.register();
      if (proven)
        await system.db.update(users).set({ emailVerifiedAt: new Date() }).where(eq(users.id, account.id));
      const id = newId('key');
      await system.db.insert(apiKeys).values({
        ...{ id, userId: account.id, createdBy: account.id, name: 'n', prefix: 'acs_' },
        ...{ keyHash: crypto.randomUUID(), scopes: ['files:read'] },
      });
      await reset(await resetTokenOf(account), newPassword());
      const [key] = await system.db.select().from(apiKeys).where(eq(apiKeys.id, id));
      expect(key?.revokedAt === null).toBe(proven);
    },
  );

  test('neither token nor password stands in database or audit log', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    const next = newPassword();
    await reset(token, next);
    const { rows } = await system.db.execute(sql`
      select to_jsonb(t)::text as row from auth.one_time_tokens t union all select to_jsonb(u)::text from auth.users u
      union all select to_jsonb(a)::text from core.audit_events a union all select to_jsonb(e)::text from auth.emails e`);
    const dump = JSON.stringify(rows);
    expect(dump).toContain(account.id.slice(4));
    for (const secret of [token, next, account.password]) expect(dump).not.toContain(secret);
    for (const action of ['user.register', 'password.reset-request', 'password.reset'])
      expect(dump).toContain(action);
  });
});

describe('the policy', () => {
  test('of the deployment counts for change and reset too', async () => {
    const account = await system.register();
    const token = await resetTokenOf(account);
    await system.db.insert(policies).values({ policy: { passwordMinLength: 16 } });
    const short = 'x7-q 9Zk. 0pL!';
    const refused = { status: 422, body: { code: 'password_too_short' } };
    expect(await change(account, { currentPassword: account.password, newPassword: short })).toMatchObject(
      refused,
    );
    expect(await reset(token, short)).toMatchObject(refused);
    await system.db.delete(policies);
    expect((await reset(token, short)).status).toBe(204);
  });
});
