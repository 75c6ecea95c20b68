import * as oauth from 'oauth4webapi';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestBrowser } from '../testing/test-browser.ts';
import { answerOf, CALLBACK, DEVICE, registerTestClient, signedIn } from '../testing/test-oauth-client.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let account: TestAccount;
let admin: TestAccount;

beforeAll(async () => {
  system = await startTestSystem();
  account = await system.register();
  admin = await system.register();
  await system.db.execute(`update auth.users set role = 'admin' where email = '${admin.email}'`);
}, 120_000);
afterAll(() => system.close());

const register = (json: unknown) => system.call('POST', '/oauth/register', { json });

describe('registering', () => {
  test('a public client gives it an id and no secret', async () => {
    const { status, body, headers } = await register({
      client_name: 'Tool',
      redirect_uris: ['http://127.0.0.1/cb'],
      token_endpoint_auth_method: 'none',
      logo_uri: 'http://169.254.169.254/',
      jwks_uri: 'http://169.254.169.254/',
    });
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      client_id: expect.stringMatching(/^cli_[0-9a-f]{32}$/),
      client_id_issued_at: expect.any(Number),
      client_name: 'Tool',
      redirect_uris: ['http://127.0.0.1/cb'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'account:read files:read files:write search:read workspaces:read',
    });
  });

  test('a confidential client shows its secret once and keeps a hash', async () => {
    const { body } = await register({ redirect_uris: [CALLBACK] });
    expect(body).toMatchObject({
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      client_secret_expires_at: 0,
      token_endpoint_auth_method: 'client_secret_basic',
    });
    const { rows } = await system.db.execute(`select * from auth.oauth_clients`);
    expect(JSON.stringify(rows)).not.toContain(body.client_secret);
  });

  test.each([
    ['invalid_redirect_uri', { redirect_uris: ['http://client.example/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['http://127.0.0.1.evil.example/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['https://client.example/cb#x'] }],
    ['invalid_redirect_uri', { redirect_uris: ['https://*.example/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['https://user:pass@client.example/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['https://client.example\\@evil.example/'] }],
    ['invalid_redirect_uri', { redirect_uris: ['javascript:alert(1)'] }],
    ['invalid_redirect_uri', { redirect_uris: ['data:text/html,x'] }],
    ['invalid_redirect_uri', { redirect_uris: ['myapp:/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: [' https://client.example/cb'] }],
    ['invalid_redirect_uri', { redirect_uris: ['https://client.example/ü'] }],
    [
      'invalid_redirect_uri',
      { redirect_uris: Array.from({ length: 11 }, (_, n) => `https://c.example/${n}`) },
    ],
    ['invalid_redirect_uri', { redirect_uris: [] }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], scope: 'users:write' }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], grant_types: ['implicit'] }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], grant_types: ['client_credentials'] }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], response_types: ['token'] }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'private_key_jwt' }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], client_name: 'a\u202eb' }],
    ['invalid_client_metadata', { redirect_uris: [CALLBACK], client_name: 'a\nb' }],
    ['invalid_client_metadata', []],
  ])('is refused as %s: %j', async (error, metadata) => {
    expect(await register(metadata)).toMatchObject({ status: 400, body: { error } });
  });

  test('what is no JSON is refused in the words of OAuth', async () => {
    const answer = await system.call('POST', '/oauth/register', { form: { redirect_uris: CALLBACK } });
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_client_metadata' } });
  });

  test('is throttled for each address', async () => {
    const tight = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const answers = [];
    for (let n = 0; n < 21; n += 1)
      answers.push(await tight.call('POST', '/oauth/register', { json: {}, address: '198.51.100.9' }));
    expect(answers.at(-1)).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(answers[0]?.status).toBe(400);
  });
});

describe('an administrator', () => {
  test('sees clients in pages and shuts one out with all its grants', async () => {
    const client = await registerTestClient(system);
    await registerTestClient(system);
    const first = await admin.call('GET', '/v1/admin/oauth-clients?limit=1');
    expect(first.body.items).toHaveLength(1);
    const next = await admin.call('GET', `/v1/admin/oauth-clients?limit=1&cursor=${first.body.nextCursor}`);
    expect(next.body.items).toMatchObject([{ id: client.id, selfRegistered: true, disabled: false }]);

    const { body: tokens } = await client.grant(account);
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), account);
    const shut = await admin.call('PATCH', `/v1/admin/oauth-clients/${client.id}`, {
      json: { disabled: true },
    });
    expect(shut).toMatchObject({ status: 200, body: { disabled: true } });

    const elsewhere = system.withEnv({});
    expect((await elsewhere.call('GET', '/v1/auth/me', { token: tokens.access_token })).status).toBe(401);
    const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token };
    expect(await client.token(refresh)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect((await system.call('GET', client.path())).status).toBe(400);
    const late = await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect([late.status, late.headers.get('location')]).toEqual([400, null]);

    await admin.call('PATCH', `/v1/admin/oauth-clients/${client.id}`, { json: { disabled: false } });
    expect((await client.token(refresh)).status).toBe(200);
  });

  test('proves anew who they are before shutting a client out or letting it in', async () => {
    const client = await registerTestClient(system);
    const { email, password } = admin;
    const later = await system.call('POST', '/v1/auth/login', { json: { email, password } });
    await system.db.execute(`update auth.sessions set authenticated_at = now() - interval '11 minutes'
      where id = (select max(id::text)::uuid from auth.sessions where user_id = (select id from auth.users where email = '${email}'))`);
    const answer = await system.call('PATCH', `/v1/admin/oauth-clients/${client.id}`, {
      json: { disabled: true },
      token: later.body.accessToken,
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
  });

  test('is the only one who may', async () => {
    const client = await registerTestClient(system);
    const path = `/v1/admin/oauth-clients/${client.id}`;
    expect(await account.call('PATCH', path, { json: { disabled: true } })).toMatchObject({ status: 403 });
    expect((await account.call('GET', '/v1/admin/oauth-clients')).status).toBe(403);
    const unknown = `/v1/admin/oauth-clients/cli_${'0'.repeat(32)}`;
    expect(await admin.call('PATCH', unknown, { json: { disabled: true } })).toMatchObject({
      status: 404,
      body: { code: 'oauth_client_not_found' },
    });
  });
});

test('clients that nobody uses go after 90 days, but never one with a grant', async () => {
  const [unused, used] = [await registerTestClient(system), await registerTestClient(system)];
  await used.grant(account);
  await system.db.execute(
    `update auth.oauth_clients set created_at = now() - interval '91 days',
      last_used_at = last_used_at - interval '91 days'`,
  );
  await system.runCron();
  expect((await system.call('GET', unused.path())).status).toBe(400);
  expect((await system.call('GET', used.path())).status).toBe(200);
});

describe('a client that somebody else wrote (oauth4webapi)', () => {
  const options = () => ({
    [oauth.customFetch]: async (url: string, init: { method: string; headers: object; body?: unknown }) => {
      const { pathname, search } = new URL(url);
      const headers = Object.fromEntries(new Headers({ ...init.headers }));
      const body = init.body === undefined || init.body === null ? undefined : String(init.body);
      const sends = headers['content-type']?.includes('json')
        ? { json: JSON.parse(body ?? '') }
        : { form: body ?? '' };
      const answer = await system.call(init.method, pathname + search, {
        headers,
        ...(body === undefined ? {} : sends),
      });
      return new Response(JSON.stringify(answer.body), { status: answer.status, headers: answer.headers });
    },
  });
  const discover = async () => {
    const resource = new URL('https://api.test');
    const asked = await oauth.resourceDiscoveryRequest(resource, options());
    const metadata = await oauth.processResourceDiscoveryResponse(resource, asked);
    const issuer = new URL(metadata.authorization_servers?.[0] ?? '');
    const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...options() });
    return oauth.processDiscoveryResponse(issuer, found);
  };
  const registered = async (server: oauth.AuthorizationServer, method: string) =>
    oauth.processDynamicClientRegistrationResponse(
      await oauth.dynamicClientRegistrationRequest(
        server,
        {
          client_name: 'oauth4webapi',
          redirect_uris: [CALLBACK],
          grant_types: ['authorization_code', 'refresh_token', DEVICE],
          token_endpoint_auth_method: method,
        },
        options(),
      ),
    );

  test.each(['none', 'client_secret_basic', 'client_secret_post'])(
    'finds the server, registers (%s), gets tokens by code and by refresh token, and gives them back',
    async (method) => {
      const server = await discover();
      const client = await registered(server, method);
      const authentication =
        method === 'none'
          ? oauth.None()
          : method === 'client_secret_basic'
            ? oauth.ClientSecretBasic(String(client.client_secret))
            : oauth.ClientSecretPost(String(client.client_secret));
      const verifier = oauth.generateRandomCodeVerifier();
      const state = oauth.generateRandomState();
      const url = new URL(server.authorization_endpoint ?? '');
      url.search = String(
        new URLSearchParams({
          client_id: client.client_id,
          redirect_uri: CALLBACK,
          response_type: 'code',
          scope: 'account:read',
          state,
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          resource: 'https://api.test/mcp',
        }),
      );
      const browser = createTestBrowser(system);
      const question = await signedIn(browser, url.pathname + url.search, account);
      const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
      const callback = oauth.validateAuthResponse(server, client, answerOf(answer), state);
      const tokens = await oauth.processAuthorizationCodeResponse(
        server,
        client,
        await oauth.authorizationCodeGrantRequest(
          server,
          client,
          authentication,
          callback,
          CALLBACK,
          verifier,
          options(),
        ),
      );
      expect(tokens.scope).toBe('account:read');
      const refreshed = await oauth.processRefreshTokenResponse(
        server,
        client,
        await oauth.refreshTokenGrantRequest(
          server,
          client,
          authentication,
          tokens.refresh_token ?? '',
          options(),
        ),
      );
      const me = await oauth.protectedResourceRequest(
        refreshed.access_token,
        'GET',
        new URL('https://api.test/v1/auth/me'),
        undefined,
        undefined,
        options(),
      );
      expect(await me.json()).toMatchObject({ id: account.id });
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(
          server,
          client,
          authentication,
          refreshed.refresh_token ?? '',
          options(),
        ),
      );
      const again = await oauth.refreshTokenGrantRequest(
        server,
        client,
        authentication,
        refreshed.refresh_token ?? '',
        options(),
      );
      await expect(oauth.processRefreshTokenResponse(server, client, again)).rejects.toMatchObject({
        error: 'invalid_grant',
      });
    },
  );

  test('connects a device', async () => {
    const server = await discover();
    const client = await registered(server, 'none');
    const started = await oauth.processDeviceAuthorizationResponse(
      server,
      client,
      await oauth.deviceAuthorizationRequest(
        server,
        client,
        oauth.None(),
        { scope: 'account:read' },
        options(),
      ),
    );
    const ask = async () =>
      oauth.processDeviceCodeResponse(
        server,
        client,
        await oauth.deviceCodeGrantRequest(server, client, oauth.None(), started.device_code, options()),
      );
    await expect(ask()).rejects.toMatchObject({ error: 'authorization_pending' });
    const browser = createTestBrowser(system);
    const { pathname, search } = new URL(started.verification_uri_complete ?? '');
    const form = await signedIn(browser, pathname + search, account);
    const question = await browser.submit(form, { step: 'look-up', user_code: started.user_code });
    await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect((await ask()).scope).toBe('account:read');
  });
});

describe('a person with an authenticator app', () => {
  test('is asked for its code before the question, and the grant says so', async () => {
    const careful = await system.register();
    const begun = await careful.call('POST', '/v1/auth/mfa/totp');
    const totp = new TOTP({ secret: Secret.fromBase32(begun.body.secret) });
    const { body: confirmed } = await careful.call('POST', '/v1/auth/mfa/totp/confirm', {
      json: { code: totp.generate() },
    });
    const client = await registerTestClient(system);
    const browser = createTestBrowser(system);
    const second = await signedIn(browser, client.path(), careful);
    expect(second.body).toContain('autocomplete="one-time-code"');
    expect(browser.cookies.size).toBe(0);
    const wrong = await browser.submit(second, { step: 'second-factor', code: '000000' });
    expect([wrong.status >= 400, browser.cookies.size]).toEqual([true, 0]);
    const question = await browser.submit(wrong, { step: 'second-factor', code: confirmed.recoveryCodes[0] });
    expect(question.body).toContain('Yes, let it in');
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
    const tokens = await client.exchange(answerOf(answer).get('code') ?? '');
    expect(tokens.status).toBe(200);
    const { rows } = await system.db.execute(
      `select methods from auth.sessions where client_id is not null order by id desc limit 1`,
    );
    expect(rows).toEqual([{ methods: ['pwd', 'rec'] }]);
  });
});
