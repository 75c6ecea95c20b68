import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount, newEmail, signIn } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, faultyFields, refusal } from './harness/client.ts';
import { query, tablesWith } from './harness/database.ts';
import { emailsTo, tokenSentTo } from './harness/mail.ts';
import { newPrincipal } from './harness/principals.ts';
import { until } from './harness/until.ts';
import { userSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const byToken = (path: string, token: string) => api.call('POST', path, { json: { token } });
const me = async (client: Client) => bodyOf(await client.call('GET', '/v1/auth/me'), 200, userSchema);
const refusedSoon = (client: Client) =>
  until(
    async () => refusal(await client.call('GET', '/v1/auth/me')),
    (answer) => answer === '401 unauthorized',
    { withinMs: 10_000, everyMs: 50, what: 'the session to end' },
  );

let account: Account;

beforeAll(async () => {
  account = await newAccount(api);
});

describe('an address', () => {
  const change = (client: Client, newEmail: string) =>
    client.call('POST', '/v1/auth/email', { json: { newEmail } });

  it('is verified by the link that was sent there, once', async () => {
    expect((await me(account.api)).emailVerified).toBe(false);
    expect((await account.api.call('POST', '/v1/auth/verify-email/send')).status).toBe(202);
    const token = await tokenSentTo(installation, account.email, 'verify-email');
    expect(await tablesWith(installation, token)).toEqual([]);
    expect(refusal(await byToken('/v1/auth/verify-email', `${token.slice(1)}A`))).toBe('400 invalid_token');
    expect((await byToken('/v1/auth/verify-email', token)).status).toBe(204);
    expect((await me(account.api)).emailVerified).toBe(true);
    expect(refusal(await byToken('/v1/auth/verify-email', token))).toBe('400 invalid_token');
  });

  it('is changed by the link at the new one, and taken back by the link at the old one', async () => {
    const old = account.email;
    const next = newEmail();
    expect((await change(account.api, next)).status).toBe(202);
    expect((await me(account.api)).email).toBe(old);
    const confirm = await tokenSentTo(installation, next, 'change-email');
    expect((await byToken('/v1/auth/email/confirm', confirm)).status).toBe(204);
    const { password } = account;
    const tokens = await signIn(api, { email: next, password });
    expect(tokens.user).toMatchObject({ email: next, emailVerified: true });
    expect(refusal(await byToken('/v1/auth/email/confirm', confirm))).toBe('400 invalid_token');

    const undo = await tokenSentTo(installation, old, 'undo-email');
    expect((await byToken('/v1/auth/email/undo', undo)).status).toBe(204);
    await refusedSoon(api.as(tokens.accessToken));
    const again = await signIn(api, { email: old, password });
    expect(again.user.email).toBe(old);
    account = { ...account, tokens: again, api: api.as(again.accessToken) };
  });

  it('that belongs to somebody else is answered alike, and its owner is told', async () => {
    const owner = await newAccount(api);
    const answers = [await change(account.api, owner.email), await change(account.api, newEmail())];
    const [taken, free] = answers.map(({ status, bytes }) => [status, new TextDecoder().decode(bytes)]);
    expect(taken).toEqual(free);
    const [notice] = await until(
      async () =>
        (await emailsTo(installation, owner.email)).filter(
          ({ subject }) => subject === 'You already have an account',
        ),
      ({ length }) => length > 0,
      { withinMs: 20_000, what: 'word of it to the owner' },
    );
    expect(notice?.text).not.toContain('#token=');
  });

  it.each([
    'раypal@example.com',
    'admin@exаmple.com',
    'user\u200b@example.com',
    'user@example.com\r\nBcc: victim@example.com',
    'user@example.com\nX: y',
    '"quoted user"@example.com',
    'user@example.com, other@example.com',
    'user @example.com',
    'user@[127.0.0.1]',
    `${'a'.repeat(250)}@example.com`,
    'user\u0000@example.com',
  ])('that only looks like one is refused: %j', async (email) => {
    const json = { email, password: `pass ${randomUUID()}` };
    const answer = await api.call('POST', '/v1/auth/register', { json });
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', ['email']]);
    expect(refusal(await change(account.api, email))).toBe('400 invalid_request');
  });
});

describe('a name', () => {
  it('is text, without anything that moves other text around', async () => {
    const rename = (name: string) => account.api.call('PATCH', '/v1/auth/me', { json: { name } });
    for (const name of ['line\nbreak', 'null\u0000', '', ' ', 'x'.repeat(101)])
      expect(refusal(await rename(name)), JSON.stringify(name)).toBe('400 invalid_request');
    const name = '<img src=x onerror=alert(1)> \u{1f389} Ünïcode';
    expect(bodyOf(await rename(name), 200, userSchema).name).toBe(name);
  });

  it.each(['role', 'emailVerified', 'id', 'kind', 'disabledAt', 'password_hash', 'createdAt'])(
    'is all that a person changes there: %s is not',
    async (field) => {
      const answer = await account.api.call('PATCH', '/v1/auth/me', {
        json: { name: 'x', [field]: 'admin' },
      });
      expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', [field]]);
    },
  );
});

describe('what is known about a person', () => {
  const exportSchema = z.looseObject({
    user: userSchema,
    sessions: z.array(z.record(z.string(), z.unknown())),
  });

  it('is theirs to take along, without secrets', async () => {
    const answer = await account.api.call('GET', '/v1/auth/me/export');
    const data = bodyOf(answer, 200, exportSchema);
    expect(data.user.email).toBe(account.email);
    expect(data.sessions.length).toBeGreaterThan(0);
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(new TextDecoder().decode(answer.bytes)).not.toMatch(/scrypt|_hash|sealed|secret/i);
  });

  it('goes with the account, and the address can be used again', async () => {
    const leaver = await newAccount(api);
    const remove = (json: object) => leaver.api.call('DELETE', '/v1/auth/me', { json });
    expect(refusal(await remove({ password: 'not the password' }))).toBe('403 wrong_password');
    expect((await remove({ password: leaver.password })).status).toBe(204);
    await refusedSoon(leaver.api);
    const { refreshToken } = leaver.tokens;
    const refreshed = await api.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
    expect(refusal(refreshed)).toBe('401 invalid_refresh_token');
    const { email, password } = leaver;
    const login = await api.call('POST', '/v1/auth/login', { json: { email, password } });
    expect(refusal(login)).toBe('401 invalid_credentials');
    expect(await tablesWith(installation, email)).toEqual([]);
    const again = await api.call('POST', '/v1/auth/register', { json: { email, password } });
    expect(again.status).toBe(201);
    expect(JSON.parse(new TextDecoder().decode(again.bytes)).user.id).not.toBe(leaver.tokens.user.id);
  });
});

describe('the last administrator', () => {
  const alone = (...admins: string[]) =>
    query(
      installation,
      `update auth.users set role = 'member' where role = 'admin' and not (id = any($1::uuid[]))`,
      [`{${admins.map((id) => id.slice(4)).join(',')}}`],
    );
  const patch = (client: Client, id: string, json: object) =>
    client.call('PATCH', `/v1/admin/users/${id}`, { json });

  it('cannot be demoted, disabled or deleted, not even by themselves', async () => {
    const { userId, token } = await newPrincipal(installation, { role: 'admin' });
    await alone(userId);
    const admin = api.as(token);
    for (const json of [{ role: 'member' }, { disabled: true }])
      expect(refusal(await patch(admin, userId, json))).toBe('409 last_admin');
    expect(refusal(await admin.call('DELETE', '/v1/auth/me', { json: {} }))).toBe('409 last_admin');
    expect((await me(admin)).role).toBe('admin');
  });

  it('remains when two of them demote each other at the same moment', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [first, second] = await Promise.all(
        [0, 1].map(() => newPrincipal(installation, { role: 'admin' })),
      );
      if (first === undefined || second === undefined) throw new Error('there are two');
      await alone(first.userId, second.userId);
      await Promise.all([
        patch(api.as(first.token), second.userId, { role: 'member' }),
        patch(api.as(second.token), first.userId, { role: 'member' }),
      ]);
      const rows = await query(installation, `select id from auth.users where role = 'admin'`);
      expect(rows).toHaveLength(1);
    }
  });
});
