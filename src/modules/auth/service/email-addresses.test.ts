import { eq, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { oneTimeTokens, policies, sessions, users } from '../../../core/database/schema/auth.ts';
import { emailsTo, newAddress, tokenSentTo } from '../testing/test-emails.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const post = (path: string, token: string) => system.call('POST', `/v1/auth/${path}`, { json: { token } });
const login = ({ password }: TestAccount, email: string) =>
  system.call('POST', '/v1/auth/login', { json: { email, password } });
const emailOf = async ({ id }: TestAccount) =>
  (await system.db.select().from(users).where(eq(users.id, id)))[0]?.email;
const expire = (purpose: string, { id }: TestAccount) =>
  system.db
    .update(oneTimeTokens)
    .set({ expiresAt: sql`now() - interval '1 second'` })
    .where(sql`${oneTimeTokens.purpose} = ${purpose} and ${eq(oneTimeTokens.userId, id)}`);

async function verified(): Promise<TestAccount> {
  const account = await system.register();
  await post('verify-email', await tokenSentTo(system, account.email, 'verify-email'));
  return account;
}

/** @returns the token that the new address got */
async function asksFor(account: TestAccount, newEmail: string): Promise<string> {
  const answer = await account.call('POST', '/v1/auth/email', { json: { newEmail } });
  expect(answer).toMatchObject({ status: 202, body: { status: 'verification_sent' } });
  return tokenSentTo(system, newEmail, 'change-email');
}

describe('the link that verifies an address', () => {
  test('works once, of any number at once', async () => {
    const account = await system.register();
    const token = await tokenSentTo(system, account.email, 'verify-email');
    const answers = await Promise.all(Array.from({ length: 8 }, () => post('verify-email', token)));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(answers.filter(({ body }) => body?.code === 'invalid_token')).toHaveLength(7);
  });

  test('is nothing after its time, for another purpose, or made up', async () => {
    const account = await system.register();
    const token = await tokenSentTo(system, account.email, 'verify-email');
    const newPassword = `unguessable ${crypto.randomUUID()}`;
    const reset = await system.call('POST', '/v1/auth/password/reset', { json: { token, newPassword } });
    expect(reset).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
    for (const path of ['email/confirm', 'email/undo'])
      expect((await post(path, token)).body.code).toBe('invalid_token');
    await expire('email-verification', account);
    for (const hostile of [token, 'x', "' or true --", '\0', '../../etc', '🎉'.repeat(50)])
      expect(await post('verify-email', hostile)).toMatchObject({
        status: 400,
        body: { code: 'invalid_token' },
      });
    expect((await account.call('GET', '/v1/auth/me')).body.emailVerified).toBe(false);
  });

  test('is sent again on request, a few times an hour, and not once the address is verified', async () => {
    const limited = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const account = await system.register();
    const send = () => limited.call('POST', '/v1/auth/verify-email/send', { token: account.accessToken });
    expect(await send()).toMatchObject({ status: 202, body: { status: 'verification_sent' } });
    expect(await emailsTo(limited, account.email)).toHaveLength(2);
    await post('verify-email', await tokenSentTo(limited, account.email, 'verify-email'));
    expect((await send()).status).toBe(202);
    expect(await emailsTo(limited, account.email)).toHaveLength(2);
    for (let time = 3; time <= 5; time += 1) expect((await send()).status).toBe(202);
    const refused = await send();
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('stands in the fragment, so that it reaches no log, and only its hash is in the database', async () => {
    const account = await system.register();
    const token = await tokenSentTo(system, account.email, 'verify-email');
    const rows = await system.db.select().from(oneTimeTokens).where(eq(oneTimeTokens.userId, account.id));
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(token);
    const [mail] = await emailsTo(system, account.email);
    expect(mail?.text).toContain(`https://api.test/account/verify-email#token=${token}`);
  });
});

describe('changing the address', () => {
  test('counts once the link at the new address was followed', async () => {
    const account = await verified();
    const newEmail = newAddress();
    const token = await asksFor(account, newEmail);
    expect((await login(account, newEmail)).status).toBe(401);
    expect((await post('email/confirm', token)).status).toBe(204);
    expect((await login(account, newEmail)).status).toBe(200);
    expect((await login(account, account.email)).status).toBe(401);
    expect((await account.call('GET', '/v1/auth/me')).body).toMatchObject({
      email: newEmail,
      emailVerified: true,
    });
    expect((await post('email/confirm', token)).body.code).toBe('invalid_token');
  });

  test('wants a recent proof of identity', async () => {
    const account = await verified();
    await system.db
      .update(sessions)
      .set({ authenticatedAt: sql`now() - interval '1 hour'` })
      .where(eq(sessions.userId, account.id));
    expect(await account.call('POST', '/v1/auth/email', { json: { newEmail: newAddress() } })).toMatchObject({
      status: 403,
      body: { code: 'reauth_required' },
    });
    expect(await system.call('POST', '/v1/auth/email', { json: { newEmail: newAddress() } })).toMatchObject({
      status: 401,
    });
  });

  test('does not tell whether the new address has an account, but tells its owner', async () => {
    const account = await verified();
    const other = await verified();
    const taken = await account.call('POST', '/v1/auth/email', {
      json: { newEmail: other.email.toUpperCase() },
    });
    const free = await account.call('POST', '/v1/auth/email', { json: { newEmail: newAddress() } });
    expect([taken.status, taken.body]).toEqual([free.status, free.body]);
    const mails = await emailsTo(system, other.email);
    expect(mails.at(-1)?.text).toContain('/account/forgot-password');
    expect(mails.at(-1)?.text).not.toContain('#token=');
  });

  test('of two users who ask for one address the first to follow the link gets it', async () => {
    const [ann, ben] = [await verified(), await verified()];
    const newEmail = newAddress();
    const tokens = [await asksFor(ann, newEmail), await asksFor(ben, newEmail)];
    const answers = await Promise.all(tokens.map((token) => post('email/confirm', token)));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('email_taken');
    expect([await emailOf(ann), await emailOf(ben)].filter((email) => email === newEmail)).toHaveLength(1);
    for (const token of tokens) expect((await post('email/confirm', token)).body.code).toBe('invalid_token');
  });

  test('a newer request makes the link of an older one worthless', async () => {
    const account = await verified();
    const older = await asksFor(account, newAddress());
    await asksFor(account, newAddress());
    expect((await post('email/confirm', older)).body.code).toBe('invalid_token');
    expect(await emailOf(account)).toBe(account.email);
  });

  test('links that went to the old address are worthless afterwards', async () => {
    const account = await verified();
    await system.call('POST', '/v1/auth/password/forgot', { json: { email: account.email } });
    const reset = await tokenSentTo(system, account.email, 'reset-password');
    await post('email/confirm', await asksFor(account, newAddress()));
    const json = { token: reset, newPassword: `unguessable ${crypto.randomUUID()}` };
    expect((await system.call('POST', '/v1/auth/password/reset', { json })).body.code).toBe('invalid_token');
  });

  test.each(['x', 'a@b', 'ann@exаmple.com', 'ann@example.com\r\nBcc: b@example.com', ''])(
    '%j is no address',
    async (newEmail) => {
      const account = await verified();
      expect((await account.call('POST', '/v1/auth/email', { json: { newEmail } })).body.code).toBe(
        'invalid_request',
      );
    },
  );

  describe('under a policy', () => {
    afterEach(() => system.db.delete(policies));
    test('only takes addresses of the domains that it names', async () => {
      const account = await verified();
      await system.db.insert(policies).values({ policy: { allowedEmailDomains: ['example.org'] } });
      const answer = await account.call('POST', '/v1/auth/email', { json: { newEmail: newAddress() } });
      expect(answer).toMatchObject({ status: 403, body: { code: 'email_domain_not_allowed' } });
    });
  });
});

describe('taking a change of address back', () => {
  test('restores the old address, ends all sessions, and works once', async () => {
    const account = await verified();
    const newEmail = newAddress();
    await post('email/confirm', await asksFor(account, newEmail));
    const undo = await tokenSentTo(system, account.email, 'undo-email');
    expect((await emailsTo(system, account.email)).at(-1)?.text).toContain(newEmail);
    expect((await post('email/undo', undo)).status).toBe(204);
    expect(await emailOf(account)).toBe(account.email);
    const refresh = await system.call('POST', '/v1/auth/refresh', {
      json: { refreshToken: account.refreshToken },
    });
    expect(refresh.body.code).toBe('invalid_refresh_token');
    expect((await login(account, account.email)).status).toBe(200);
    expect((await post('email/undo', undo)).body.code).toBe('invalid_token');
  });

  test('is not possible when the old address belongs to somebody else by now', async () => {
    const account = await verified();
    const newEmail = newAddress();
    await post('email/confirm', await asksFor(account, newEmail));
    const undo = await tokenSentTo(system, account.email, 'undo-email');
    await system.register({ email: account.email });
    expect(await post('email/undo', undo)).toMatchObject({ status: 409, body: { code: 'email_taken' } });
    expect(await emailOf(account)).toBe(newEmail);
  });

  test('the first address wins over later ones, whose links end with it', async () => {
    const account = await verified();
    const second = newAddress();
    await post('email/confirm', await asksFor(account, second));
    await post('email/confirm', await asksFor(account, newAddress()));
    const ofSecond = await tokenSentTo(system, second, 'undo-email');
    expect((await post('email/undo', await tokenSentTo(system, account.email, 'undo-email'))).status).toBe(
      204,
    );
    expect((await post('email/undo', ofSecond)).body.code).toBe('invalid_token');
    expect(await emailOf(account)).toBe(account.email);
  });

  test('an address that was never verified is told, and gets no way back', async () => {
    const account = await system.register();
    await post('email/confirm', await asksFor(account, newAddress()));
    const last = (await emailsTo(system, account.email)).at(-1);
    expect(last?.text).toContain('Another e-mail address was set');
    expect(last?.text).not.toContain('#token=');
  });
});
