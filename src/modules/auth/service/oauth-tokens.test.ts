import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestBrowser } from '../testing/test-browser.ts';
import { CALLBACK, DEVICE, registerTestClient, type TestOauthClient } from '../testing/test-oauth-client.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let account: TestAccount;
let client: TestOauthClient;

beforeAll(async () => {
  system = await startTestSystem();
  account = await system.register();
  client = await registerTestClient(system);
}, 120_000);
afterAll(() => system.close());

const me = (token: string) => system.call('GET', '/v1/auth/me', { token });
/** Another isolate: it remembers nothing of what the first one was told. */
const meElsewhere = (token: string) => system.withEnv({}).call('GET', '/v1/auth/me', { token });
const refused = (error: string, status = 400) => ({ status, body: { error } });

describe('a grant', () => {
  test('opens what was granted and no more', async () => {
    const { status, body, headers } = await client.grant(account, { scope: 'account:read' });
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: expect.any(Number),
      refresh_token: expect.any(String),
      scope: 'account:read',
    });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(await me(body.access_token)).toMatchObject({ status: 200, body: { id: account.id } });
    const beyond = await system.call('DELETE', `/v1/auth/grants/ses_${'0'.repeat(32)}`, {
      token: body.access_token,
    });
    expect(beyond).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  });

  test('never opens what asks for a recent proof of identity', async () => {
    const { body } = await client.grant(account);
    const answer = await system.call('POST', '/v1/auth/mfa/totp', { token: body.access_token });
    expect(answer.status).toBe(403);
  });

  test('goes on by refresh tokens, each good once', async () => {
    const { body: first } = await client.grant(account, { scope: 'account:read files:read' });
    const { status, body: second } = await client.token({
      grant_type: 'refresh_token',
      refresh_token: first.refresh_token,
    });
    expect([status, second.scope]).toEqual([200, 'account:read files:read']);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect((await me(second.access_token)).status).toBe(200);
  });

  test('does not grow when it is refreshed', async () => {
    const { body } = await client.grant(account, { scope: 'account:read' });
    const answer = await client.token({
      grant_type: 'refresh_token',
      refresh_token: body.refresh_token,
      scope: 'account:read files:write',
    });
    expect(answer).toMatchObject(refused('invalid_scope'));
  });

  test('of a client that asked for no refresh tokens has none', async () => {
    const brief = await registerTestClient(system, { grant_types: ['authorization_code'] });
    const { body } = await brief.grant(account);
    expect(body.refresh_token).toBeUndefined();
    const refresh = await brief.token({ grant_type: 'refresh_token', refresh_token: 'x' });
    expect(refresh).toMatchObject(refused('unauthorized_client'));
  });
});

describe('a code', () => {
  test('that comes back ends the grant it made', async () => {
    const code = await client.code(account);
    const { body } = await client.exchange(code);
    expect((await me(body.access_token)).status).toBe(200);
    expect(await client.exchange(code)).toMatchObject(refused('invalid_grant'));
    expect((await meElsewhere(body.access_token)).status).toBe(401);
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect(await client.token(refresh)).toMatchObject(refused('invalid_grant'));
  });

  test('that two send at once leaves nobody a grant', async () => {
    const code = await client.code(account);
    const answers = await Promise.all(Array.from({ length: 4 }, () => client.exchange(code)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const { body } of answers.filter(({ status }) => status === 200))
      expect((await meElsewhere(body.access_token)).status).toBe(401);
  });

  test('of one client is nothing to another, and is spent by the attempt', async () => {
    const other = await registerTestClient(system);
    const code = await client.code(account);
    const stolen = await other.exchange(code, { code_verifier: client.verifier });
    expect(stolen).toMatchObject(refused('invalid_grant'));
    expect(await client.exchange(code)).toMatchObject(refused('invalid_grant'));
  });

  test.each([
    ['invalid_grant', { code_verifier: 'x'.repeat(43) }],
    ['invalid_grant', { code_verifier: 'short' }],
    ['invalid_request', { code_verifier: undefined }],
    ['invalid_grant', { redirect_uri: 'https://client.example/other' }],
    ['invalid_target', { resource: 'https://other.example' }],
    ['unsupported_grant_type', { grant_type: 'password' }],
    ['unsupported_grant_type', { grant_type: 'client_credentials' }],
    ['invalid_request', { grant_type: undefined }],
    ['invalid_grant', { code: 'A'.repeat(43) }],
  ])('is refused as %s with %j', async (error, form) => {
    expect(await client.exchange(await client.code(account), form)).toMatchObject(refused(error));
  });

  test('is too old after a minute', async () => {
    const code = await client.code(account);
    await system.db.execute(
      `update auth.one_time_tokens set expires_at = expires_at - interval '61 seconds' where purpose = 'oauth-code'`,
    );
    expect(await client.exchange(code)).toMatchObject(refused('invalid_grant'));
  });

  test('is worth nothing after the password was changed', async () => {
    const victim = await system.register();
    const code = await client.code(victim);
    await system.db.execute(`update auth.users set password_changed_at = now() + interval '1 second'
      where email = '${victim.email}'`);
    expect(await client.exchange(code)).toMatchObject(refused('invalid_grant'));
  });
});

describe('a client', () => {
  const METHODS = ['client_secret_basic', 'client_secret_post'];
  test.each(METHODS)('with a secret (%s) has to show it', async (method) => {
    const confidential = await registerTestClient(system, { token_endpoint_auth_method: method });
    const code = await confidential.code(account);
    for (const client_secret of [undefined, 'wrong'])
      expect(await confidential.exchange(code, { client_secret })).toMatchObject(
        refused('invalid_client', 401),
      );
    expect((await confidential.exchange(code)).status).toBe(200);
  });

  test('may show its secret by HTTP Basic, and then nowhere else', async () => {
    const confidential = await registerTestClient(system, {
      token_endpoint_auth_method: 'client_secret_basic',
    });
    const authorization = `Basic ${btoa(`${confidential.id}:${confidential.secret}`)}`;
    const send = async (form: Record<string, string>) =>
      system.call('POST', '/oauth/token', { form, headers: { authorization } });
    const code = await confidential.code(account);
    const form = { grant_type: 'authorization_code', code, code_verifier: confidential.verifier };
    expect(await send({ ...form, client_secret: 'x' })).toMatchObject(refused('invalid_request'));
    expect(await send({ ...form, client_id: client.id })).toMatchObject(refused('invalid_request'));
    expect((await send(form)).status).toBe(200);
  });

  test.each(['Basic !!!', 'Basic Og==', 'Bearer x', 'Basic Y2xpX3g='])(
    'that authenticates by `%s` is refused and told how',
    async (authorization) => {
      const answer = await system.call('POST', '/oauth/token', {
        form: { grant_type: 'refresh_token', refresh_token: 'x' },
        headers: { authorization },
      });
      expect(answer).toMatchObject(refused('invalid_client', 401));
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic/);
    },
  );

  test('without a secret that shows one is refused', async () => {
    const answer = await client.token({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_secret: 'x',
    });
    expect(answer).toMatchObject(refused('invalid_client', 401));
  });

  test('gets no use out of a refresh token of another, and the owner keeps it', async () => {
    const other = await registerTestClient(system);
    const { body } = await client.grant(account);
    const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect(await other.token(form)).toMatchObject(refused('invalid_grant'));
    const direct = await system.call('POST', '/v1/auth/refresh', {
      json: { refreshToken: body.refresh_token },
    });
    expect(direct).toMatchObject({ status: 401, body: { code: 'invalid_refresh_token' } });
    expect((await client.token(form)).status).toBe(200);
  });

  test('sends every parameter once', async () => {
    const form = `grant_type=refresh_token&client_id=${client.id}&refresh_token=a&refresh_token=b`;
    expect(await system.call('POST', '/oauth/token', { form })).toMatchObject(refused('invalid_request'));
    const asJson = await system.call('POST', '/oauth/token', { json: { grant_type: 'refresh_token' } });
    expect(asJson).toMatchObject(refused('invalid_request'));
  });
});

const BROWSER = '__Host-acs-browser';

describe('tokens of one kind are nothing where another is wanted (S15):', () => {
  test('a refresh token of the person, an access token, a code, a device code, a client secret', async () => {
    const confidential = await registerTestClient(system, {
      token_endpoint_auth_method: 'client_secret_post',
    });
    const browser = createTestBrowser(system);
    const code = await client.code(account, {}, browser);
    const started = await system.call('POST', '/oauth/device_authorization', {
      form: { client_id: client.id },
    });
    const grant = await client.grant(account);
    const kinds = {
      personal: account.refreshToken,
      access: account.accessToken,
      code,
      device: started.body.device_code,
      user: started.body.user_code,
      secret: confidential.secret ?? '',
      refresh: grant.body.refresh_token,
      browser: browser.cookies.get(BROWSER) ?? '',
    };
    expect(kinds.browser).toHaveLength(43);
    for (const [kind, token] of Object.entries(kinds)) {
      if (kind !== 'access') expect((await me(token)).status, `${kind} as access token`).toBe(401);
      if (kind !== 'refresh')
        expect(await client.token({ grant_type: 'refresh_token', refresh_token: token }), kind).toMatchObject(
          refused('invalid_grant'),
        );
      if (kind !== 'code')
        expect(await client.exchange(token), `${kind} as code`).toMatchObject(refused('invalid_grant'));
      if (kind !== 'device')
        expect(await client.token({ grant_type: DEVICE, device_code: token }), kind).toMatchObject(
          refused('invalid_grant'),
        );
      const other = createTestBrowser(system);
      other.cookies.set(BROWSER, token);
      const page = await other.get(client.path());
      expect(page.status, `${kind} as cookie`).toBe(200);
      expect(String(page.body).includes('current-password'), `${kind} as cookie`).toBe(kind !== 'browser');
    }
    expect((await client.exchange(code)).status).toBe(200);
  });
});

describe('revoking', () => {
  const revoke = (token: string, by: TestOauthClient = client) =>
    system.call('POST', '/oauth/revoke', { form: { token, client_id: by.id } });

  test.each(['refresh_token', 'access_token'])('a %s ends the grant', async (kind) => {
    const { body } = await client.grant(account);
    expect((await revoke(body[kind])).status).toBe(200);
    expect((await meElsewhere(body.access_token)).status).toBe(401);
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token };
    expect(await client.token(refresh)).toMatchObject(refused('invalid_grant'));
  });

  test('what is not its own changes nothing, and is no error', async () => {
    const other = await registerTestClient(system);
    const { body } = await client.grant(account);
    const foreign = [body.refresh_token, body.access_token];
    for (const token of [...foreign, account.accessToken, account.refreshToken, 'x'])
      expect((await revoke(token, other)).status).toBe(200);
    expect((await meElsewhere(body.access_token)).status).toBe(200);
    expect((await meElsewhere(account.accessToken)).status).toBe(200);
  });

  test('by the person is in their list of programs, and only theirs', async () => {
    const stranger = await system.register();
    const owner = await system.register();
    const { body } = await client.grant(owner, { scope: 'account:read' });
    const { body: list } = await owner.call('GET', '/v1/auth/grants');
    expect(list.items).toMatchObject([
      { client: { id: client.id, name: 'Test program' }, scopes: ['account:read'] },
    ]);
    const path = `/v1/auth/grants/${list.items[0].id}`;
    expect(await stranger.call('DELETE', path)).toMatchObject({
      status: 404,
      body: { code: 'grant_not_found' },
    });
    expect((await meElsewhere(body.access_token)).status).toBe(200);
    expect((await owner.call('DELETE', path)).status).toBe(204);
    expect((await meElsewhere(body.access_token)).status).toBe(401);
    expect((await owner.call('DELETE', path)).status).toBe(404);
    expect((await owner.call('GET', '/v1/auth/grants')).body).toEqual({ items: [], nextCursor: null });
  });

  test('does not end a session of the person by way of the list of programs', async () => {
    const owner = await system.register();
    const [{ id }] = (await owner.call('GET', '/v1/auth/sessions')).body.items;
    expect((await owner.call('DELETE', `/v1/auth/grants/${id}`)).status).toBe(404);
    expect((await meElsewhere(owner.accessToken)).status).toBe(200);
  });
});

test('what happened is in the audit log, without a secret', async () => {
  const owner = await system.register();
  const code = await client.code(owner);
  const { body } = await client.exchange(code);
  await client.exchange(code);
  const { rows } = await system.db.execute(`select * from core.audit_events`);
  const text = JSON.stringify(rows);
  const mine = rows.filter((row) => JSON.stringify(row).includes(owner.id)).map(({ action }) => action);
  expect(mine).toEqual(
    expect.arrayContaining([
      'browser-sign-in.open',
      'oauth-grant.approve',
      'session.open',
      'oauth-grant.revoke',
    ]),
  );
  for (const secret of [code, body.access_token, body.refresh_token, client.verifier, CALLBACK])
    expect(text).not.toContain(secret);
});
