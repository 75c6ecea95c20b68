import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import { createSessionRepository } from '../repository/sessions.ts';
import { type Answer, startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let account: TestAccount;
/** Keeps each test's people apart for the limits by address. */
let host = 1;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const newAccount = async () => {
  host += 1;
  account = await system.register({ address: `198.51.100.${host}` });
  return account;
};
const login = async (of = account, headers: Record<string, string> = {}): Promise<Answer> => {
  const answer = await system.call('POST', '/v1/auth/login', {
    json: { email: of.email, password: of.password },
    headers,
    address: `198.51.100.${host}`,
  });
  expect(answer.status).toBe(200);
  return answer;
};
const refresh = (refreshToken: string, userAgent = 'test', on = system): Promise<Answer> =>
  on.call('POST', '/v1/auth/refresh', { json: { refreshToken }, headers: { 'user-agent': userAgent } });
const statusOf = async (token: string, on = system) =>
  (await on.call('GET', '/v1/auth/me', { token })).status;
const auditOf = async (action: string, objectId: string) =>
  (
    await system.db.execute(
      sql`select actor_kind, actor_id, object_kind, object_id, result, reason, details from core.audit_events
        where action = ${action} and object_id = ${objectId}`,
    )
  ).rows;
/** As if all that happened to these refresh tokens had happened so much earlier. */
const age = (seconds: number, userId: string) =>
  system.db.execute(sql`
    update auth.refresh_tokens t set spent_at = t.spent_at - make_interval(secs => ${seconds})
    from auth.sessions s where s.id = t.session_id and s.user_id = ${uuid(userId)}::uuid`);
const uuid = (id: string) => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
const sessionOf = (accessToken: string): string =>
  JSON.parse(atob((accessToken.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).sid;
/** Beyond AUTHORITY_MS. */
const aSecond = () => new Promise((resolve) => setTimeout(resolve, 1_050));

describe('a refresh token', () => {
  test('is exchanged for a new pair, and the session goes on', async () => {
    const { refreshToken, accessToken } = await newAccount();
    const answer = await refresh(refreshToken);
    expect(answer).toMatchObject({ status: 200, body: { tokenType: 'Bearer', expiresIn: 300 } });
    expect(answer.body.refreshToken).not.toBe(refreshToken);
    expect(sessionOf(answer.body.accessToken)).toBe(sessionOf(accessToken));
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await statusOf(answer.body.accessToken)).toBe(200);
  });

  test('used 50 times at once by its client has one successor', async () => {
    const { refreshToken } = await newAccount();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshToken)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const successors = new Set<string>(answers.map(({ body }) => body.refreshToken));
    expect(successors.size).toBe(1);
    const [successor = ''] = successors;
    expect((await refresh(successor)).status).toBe(200);
  });

  test('used 50 times at once by many clients leaves at most one that lives', async () => {
    const { id, refreshToken } = await newAccount();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => refresh(refreshToken, `client ${index}`)),
    );
    const winners = answers.filter(({ status }) => status === 200);
    expect(winners).toHaveLength(1);
    expect((await refresh(winners[0]?.body.refreshToken)).status).toBe(401);
    const { rows } = await system.db.execute(
      sql`select 1 from auth.sessions where user_id = ${uuid(id)}::uuid and revoked_at is null`,
    );
    expect(rows).toHaveLength(0);
  });

  test('that comes back from another client ends its family, and no other', async () => {
    const { id, refreshToken, accessToken } = await newAccount();
    const other = await login();
    const { body } = await refresh(refreshToken);
    expect(await refresh(refreshToken, 'thief')).toMatchObject({
      status: 401,
      body: { code: 'invalid_refresh_token' },
    });
    expect((await refresh(body.refreshToken)).status).toBe(401);
    await aSecond();
    expect(await statusOf(accessToken)).toBe(401);
    expect(await statusOf(body.accessToken)).toBe(401);
    expect((await refresh(other.body.refreshToken)).status).toBe(200);
    expect(await auditOf('session.revoke', id)).toEqual([
      {
        actor_kind: 'anonymous',
        actor_id: null,
        object_kind: 'user',
        object_id: id,
        result: 'success',
        reason: 'refresh token reused',
        details: { session: sessionOf(accessToken) },
      },
    ]);
  });

  test('that comes back after the grace ends its family, even from its own client', async () => {
    const { id, refreshToken } = await newAccount();
    const { body } = await refresh(refreshToken);
    await age(11, id);
    expect((await refresh(refreshToken)).status).toBe(401);
    expect((await refresh(body.refreshToken)).status).toBe(401);
  });

  test('of a straggler is exchanged for the newest of the family', async () => {
    const { refreshToken } = await newAccount();
    const second = await refresh(refreshToken);
    const third = await refresh(second.body.refreshToken);
    expect((await refresh(refreshToken)).body.refreshToken).toBe(third.body.refreshToken);
  });

  test('has the same successor for an instance with a newer keyring', async () => {
    const { refreshToken } = await newAccount();
    const old = system.env.AUTH_ENCRYPTION_KEYS ?? '';
    const rotated = system.withEnv({ AUTH_ENCRYPTION_KEYS: `k2:${'C'.repeat(42)}A,${old}` });
    const first = await refresh(refreshToken);
    const again = await refresh(refreshToken, 'test', rotated);
    expect(again).toMatchObject({ status: 200, body: { refreshToken: first.body.refreshToken } });
  });

  test('is neither refused nor its family ended where the key of its successor is not known yet', async () => {
    const { refreshToken } = await newAccount();
    const old = system.env.AUTH_ENCRYPTION_KEYS ?? '';
    const rotated = system.withEnv({ AUTH_ENCRYPTION_KEYS: `k2:${'C'.repeat(42)}A,${old}` });
    const first = await refresh(refreshToken, 'test', rotated);
    expect(await refresh(refreshToken)).toMatchObject({
      status: 503,
      body: { code: 'dependency_unavailable' },
    });
    expect((await refresh(first.body.refreshToken, 'test', rotated)).status).toBe(200);
  });

  test.each([
    ['disabled', sql`disabled_at = now()`],
    ['deleted', sql`deleted_at = now()`],
  ])('of a %s user is refused, and the family is not taken for stolen', async (_, change) => {
    const { id, refreshToken } = await newAccount();
    const { body } = await refresh(refreshToken);
    await system.db.execute(sql`update auth.users set ${change} where id = ${uuid(id)}::uuid`);
    for (const token of [refreshToken, body.refreshToken])
      expect(await refresh(token)).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } });
    await system.db.execute(
      sql`update auth.users set disabled_at = null, deleted_at = null where id = ${uuid(id)}::uuid`,
    );
    expect((await refresh(body.refreshToken)).status).toBe(200);
    expect(await auditOf('session.revoke', id)).toEqual([]);
  });

  test('of a session that was revoked meanwhile is refused, within the grace too', async () => {
    const { refreshToken } = await newAccount();
    const { body } = await refresh(refreshToken);
    await system.call('POST', '/v1/auth/logout', { token: body.accessToken });
    for (const token of [refreshToken, body.refreshToken]) expect((await refresh(token)).status).toBe(401);
  });

  test.each(['', 'x', 'A'.repeat(43), "' or 1=1 --", 'A'.repeat(513), '\u0000', '🎉'])(
    'of %j is none',
    async (text) => {
      expect([400, 401]).toContain((await refresh(text)).status);
    },
  );

  test('is no access token, and an access token is none of them', async () => {
    const { refreshToken, accessToken } = await newAccount();
    expect(await statusOf(refreshToken)).toBe(401);
    expect((await refresh(accessToken)).status).toBe(401);
  });

  test('is kept as its hash only', async () => {
    const { refreshToken } = await newAccount();
    const { body } = await refresh(refreshToken);
    const { rows } = await system.db.execute(sql`
      select t::text from auth.refresh_tokens t union all select s::text from auth.sessions s
      union all select a::text from core.audit_events a`);
    const dump = JSON.stringify(rows);
    for (const secret of [refreshToken, body.refreshToken, body.accessToken])
      expect(dump).not.toContain(secret);
  });
});

describe('a session', () => {
  test('ends when it is not used for the idle time of the policy, and its access token with it', async () => {
    const brief = system.withEnv({ REFRESH_TOKEN_SECONDS: '2', SESSION_SECONDS: '60' });
    const { accessToken, refreshToken } = await brief.register({ address: '192.0.2.90' });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const next = await refresh(refreshToken, 'test', brief);
    expect(next).toMatchObject({ status: 200, body: { expiresIn: 2 } });
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    expect((await refresh(next.body.refreshToken, 'test', brief)).status).toBe(401);
    // The tolerance for clocks, and no more.
    const { exp, iat } = JSON.parse(atob(accessToken.split('.')[1] ?? ''));
    expect(exp - iat).toBe(2);
  });

  test('ends at its absolute end however often it is refreshed, and its access token with it', async () => {
    const brief = system.withEnv({ SESSION_SECONDS: '3' });
    let { refreshToken, accessToken } = await brief.register({ address: '192.0.2.91' });
    const startedAt = Date.now();
    let refreshes = 0;
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      const answer = await refresh(refreshToken, 'test', brief);
      if (answer.status !== 200) break;
      refreshes += 1;
      ({ refreshToken, accessToken } = answer.body);
      if (Date.now() - startedAt > 10_000) break;
    }
    expect(refreshes).toBeGreaterThan(2);
    expect(Date.now() - startedAt).toBeLessThan(6_000);
    await aSecond();
    expect(await statusOf(accessToken, brief)).toBe(401);
  });

  test('gives way to newer ones beyond the limit of the policy: the longest unused first', async () => {
    const { id, refreshToken } = await newAccount();
    await system.db.execute(sql`insert into auth.policies (policy) values ('{"maxSessions": 3}')`);
    try {
      const second = await login();
      await login();
      const first = await refresh(refreshToken);
      const fourth = await login();
      const { body } = await system.call('GET', '/v1/auth/sessions', { token: fourth.body.accessToken });
      expect(body.items).toHaveLength(3);
      expect((await refresh(second.body.refreshToken)).status).toBe(401);
      expect((await refresh(first.body.refreshToken)).status).toBe(200);
      await Promise.all(Array.from({ length: 5 }, () => login()));
      const { rows } = await system.db.execute(
        sql`select 1 from auth.sessions where user_id = ${uuid(id)}::uuid and revoked_at is null`,
      );
      expect(rows).toHaveLength(3);
      expect(await auditOf('session.revoke', sessionOf(second.body.accessToken))).toMatchObject([
        { details: { reason: 'too many sessions' } },
      ]);
    } finally {
      await system.db.execute(sql`delete from auth.policies where workspace_id is null`);
    }
  });
});

describe('the list of sessions', () => {
  test('shows where the account is signed in, and which one asks', async () => {
    await newAccount();
    const { body } = await login(account, {
      'user-agent': FIREFOX,
      'x-client-place': encodeURI('Zürich, CH'),
    });
    const page = await system.call('GET', '/v1/auth/sessions', { token: body.accessToken });
    expect(page.status).toBe(200);
    expect(page.body.items).toHaveLength(2);
    expect(page.body.items[0]).toMatchObject({
      id: sessionOf(body.accessToken),
      current: true,
      device: 'Firefox on Linux',
      userAgent: FIREFOX,
      place: 'Zürich, CH',
      network: '198.51.100.0/24',
      methods: ['pwd'],
      client: null,
    });
    expect(page.body.items[1]).toMatchObject({ current: false, device: null });
    expect(Date.parse(page.body.items[0].expiresAt)).toBeGreaterThan(Date.now() + 29 * 86_400_000);
  });

  test('comes in pages', async () => {
    await newAccount();
    await login();
    await login();
    const first = await account.call('GET', '/v1/auth/sessions?limit=2');
    expect(first.body.items).toHaveLength(2);
    const rest = await account.call('GET', `/v1/auth/sessions?limit=2&cursor=${first.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ current: true }], nextCursor: null });
    for (const query of ['limit=0', 'limit=201', 'cursor=x', 'other=1'])
      expect((await account.call('GET', `/v1/auth/sessions?${query}`)).status).toBe(400);
  });

  test('has network, place and last use as of the last refresh', async () => {
    const { refreshToken } = await newAccount();
    const { body } = await system.call('POST', '/v1/auth/refresh', {
      json: { refreshToken },
      address: '2001:db8:1:2::3',
      headers: { 'x-client-place': 'DE' },
    });
    const page = await system.call('GET', '/v1/auth/sessions', { token: body.accessToken });
    expect(page.body.items[0]).toMatchObject({
      network: expect.stringMatching(/^2001:db8:1.*\/48$/),
      place: 'DE',
    });
    expect(page.body.items[0].lastUsedAt > page.body.items[0].createdAt).toBe(true);
  });
});

test('a sign-in that began before the password was set anew opens nothing, and leaves nothing', async () => {
  const { id, email } = await newAccount();
  const repository = createSessionRepository(system.db);
  const open = async (passwordChangedAt: Date | null) => {
    const session = { id: newId('ses'), userId: id, passwordChangedAt, methods: ['pwd'] };
    const marks = { userAgent: null, network: null, place: null, authenticatedAt: null };
    const limits = { clientId: null, scopes: null, idleSeconds: 60, sessionSeconds: 60 };
    const entry = { actor: { kind: 'person', id }, action: 'session.open', result: 'success' } as const;
    const object = { kind: 'session', id: session.id };
    const audit = { ...entry, object };
    const opened = await repository.insertSession(
      { ...session, ...marks, ...limits },
      session.id,
      100,
      audit,
    );
    expect(await auditOf('session.open', session.id)).toHaveLength(opened ? 1 : 0);
    return opened;
  };
  expect(await open(null)).toBe(true);
  const { rows } = await system.db.execute(sql`
    update auth.users set password_changed_at = now() where email = ${email} returning password_changed_at as at`);
  expect(await open(null)).toBe(false);
  expect(await open(new Date(String(rows[0]?.at)))).toBe(true);
  await system.db.execute(sql`update auth.users set disabled_at = now() where email = ${email}`);
  expect(await open(new Date(String(rows[0]?.at)))).toBe(false);
});

describe('ending a session', () => {
  test('by its user stops its tokens within a second', async () => {
    await newAccount();
    const { body } = await login();
    expect(await statusOf(body.accessToken)).toBe(200);
    const id = sessionOf(body.accessToken);
    expect((await account.call('DELETE', `/v1/auth/sessions/${id}`)).status).toBe(204);
    await aSecond();
    expect(await statusOf(body.accessToken)).toBe(401);
    expect((await refresh(body.refreshToken)).status).toBe(401);
    expect(await account.call('DELETE', `/v1/auth/sessions/${id}`)).toMatchObject({
      status: 404,
      body: { code: 'session_not_found' },
    });
    expect(await auditOf('session.revoke', id)).toMatchObject([
      { actor_kind: 'person', actor_id: account.id, details: { reason: 'revoked by its user' } },
    ]);
  });

  test('of somebody else is not possible: it is not there', async () => {
    const other = await newAccount();
    await newAccount();
    const id = sessionOf(other.accessToken);
    const answer = await account.call('DELETE', `/v1/auth/sessions/${id}`);
    const unknown = await account.call('DELETE', `/v1/auth/sessions/ses_${'0'.repeat(32)}`);
    expect(answer).toMatchObject({
      status: 404,
      body: { code: unknown.body.code, detail: unknown.body.detail },
    });
    expect(await statusOf(other.accessToken)).toBe(200);
    for (const bad of ['x', `usr_${'0'.repeat(32)}`, "'%20or%201=1"])
      expect((await account.call('DELETE', `/v1/auth/sessions/${bad}`)).status).toBe(400);
  });

  test('of all others spares the one that asks', async () => {
    await newAccount();
    const [a, b] = [await login(), await login()];
    expect((await account.call('DELETE', '/v1/auth/sessions')).status).toBe(400);
    expect((await account.call('DELETE', '/v1/auth/sessions?except=current')).status).toBe(204);
    await aSecond();
    expect(await Promise.all([a, b].map(({ body }) => statusOf(body.accessToken)))).toEqual([401, 401]);
    expect(await statusOf(account.accessToken)).toBe(200);
  });

  test('by logging out stops it on another instance too, within a second', async () => {
    await newAccount();
    const elsewhere = system.withEnv({});
    expect(await statusOf(account.accessToken, elsewhere)).toBe(200);
    expect((await account.call('POST', '/v1/auth/logout')).status).toBe(204);
    const loggedOutAt = Date.now();
    while ((await statusOf(account.accessToken, elsewhere)) === 200)
      await new Promise((resolve) => setTimeout(resolve, 50));
    // The second, and what a busy machine takes to ask.
    expect(Date.now() - loggedOutAt).toBeLessThan(3_000);
  });
});

test('the tokens of an account are 256 bits each, without a pattern', async () => {
  await newAccount();
  const tokens = await Promise.all(Array.from({ length: 5 }, async () => (await login()).body.refreshToken));
  for (const token of tokens) expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(new Set(tokens.map((token) => token.slice(0, 4))).size).toBe(5);
});
