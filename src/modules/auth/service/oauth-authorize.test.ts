import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestBrowser } from '../testing/test-browser.ts';
import {
  answerOf,
  CALLBACK,
  registerTestClient,
  signedIn,
  type TestOauthClient,
} from '../testing/test-oauth-client.ts';
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

describe('the question', () => {
  test('comes after the sign-in, names program, target and scopes, and a yes leads to a code', async () => {
    const browser = createTestBrowser(system);
    const form = await browser.get(client.path({ scope: 'files:read search:read' }));
    expect(form.body).toContain('autocomplete="current-password"');
    const question = await signedIn(browser, client.path({ scope: 'files:read search:read' }), account);
    expect(question.status).toBe(200);
    for (const words of [
      'Test program',
      'client.example',
      account.email,
      'Read every file',
      'registered itself',
    ])
      expect(question.body).toContain(words);
    expect(question.body).not.toContain('Upload');
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toMatch(/^https:\/\/client\.example\/callback\?/);
    expect(Object.fromEntries(answerOf(answer))).toEqual({
      code: expect.stringMatching(/^[\w-]{43}$/),
      state: 'the-state',
      iss: 'https://api.test',
    });
  });

  test('answered with no tells the program so, and nothing else', async () => {
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), account);
    const answer = await browser.submit(question, { step: 'decide', decision: 'deny' });
    expect(Object.fromEntries(answerOf(answer))).toMatchObject({
      error: 'access_denied',
      state: 'the-state',
    });
    expect(answerOf(answer).has('code')).toBe(false);
  });

  test('is asked again of somebody who said yes a moment ago', async () => {
    const browser = createTestBrowser(system);
    await client.code(account, {}, browser);
    expect((await browser.get(client.path())).body).toContain('Yes, let it in');
  });

  test('cannot be answered twice', async () => {
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), account);
    const yes = { step: 'decide', decision: 'approve' };
    const answers = await Promise.all([browser.submit(question, yes), browser.submit(question, yes)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([303, 400]);
  });

  test('cannot be answered in another browser, though the same person sits there', async () => {
    const question = await signedIn(createTestBrowser(system), client.path(), account);
    const other = createTestBrowser(system);
    await signedIn(other, client.path(), account);
    const answer = await other.submit(question, { step: 'decide', decision: 'approve' });
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  test.each([
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a frame without origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['a sibling domain', { origin: 'https://api.test', 'sec-fetch-site': 'same-site' }],
    ['nobody knows where', {}],
  ])('takes no answer from %s', async (_, headers) => {
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), account);
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' }, headers);
    expect(answer).toMatchObject({ status: 403, body: { code: 'csrf_refused' } });
  });

  test('grants what was shown, whatever the form says besides', async () => {
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path({ scope: 'search:read' }), account);
    const forged =
      client.path({ scope: 'files:write', redirect_uri: 'https://evil.example/' }).split('?')[1] ?? '';
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve', request: forged });
    expect(answer.headers.get('location')).toContain(CALLBACK);
    const tokens = await client.exchange(answerOf(answer).get('code') ?? '');
    expect(tokens.body.scope).toBe('search:read');
  });

  test('is a page that nothing can frame, script or leave for elsewhere', async () => {
    const browser = createTestBrowser(system);
    const { headers } = await signedIn(browser, client.path(), account);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("form-action 'self' https:;");
    expect(policy).not.toContain('script-src');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
  });

  test('shows a hostile name as text', async () => {
    const hostile = await registerTestClient(system, { client_name: '<img src=x onerror=alert(1)>"' });
    const { body } = await signedIn(createTestBrowser(system), hostile.path(), account);
    expect(body).not.toContain('<img');
    expect(body).toContain('&lt;img src=x');
  });
});

describe('the sign-in', () => {
  test('with a wrong password shows the form again and sets no cookie', async () => {
    const browser = createTestBrowser(system);
    const form = await browser.get(client.path());
    const again = await browser.submit(form, { step: 'sign-in', email: account.email, password: 'wrong' });
    expect(again.status).toBe(401);
    expect(again.body).toContain('role="alert"');
    expect(again.body).not.toContain('wrong"');
    expect(browser.cookies.size).toBe(0);
  });

  test('keeps itself in a cookie of the host that no script reads, and opens nothing of the API', async () => {
    const browser = createTestBrowser(system);
    const form = await browser.get(client.path());
    const direct = await system.call('POST', '/oauth/authorize', {
      form: { step: 'sign-in', email: account.email, password: account.password, request: 'client_id=x' },
      headers: { origin: 'https://api.test' },
    });
    expect(form.status).toBe(200);
    const cookie = direct.headers.get('set-cookie') ?? '';
    expect(cookie).toMatch(
      /^__Host-acs-browser=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
    );
    expect(direct.headers.get('location')).toBe('/oauth/authorize?client_id=x');
    const token = cookie.slice(cookie.indexOf('=') + 1, cookie.indexOf(';'));
    expect((await system.call('GET', '/v1/auth/me', { token })).status).toBe(401);
    expect((await account.call('GET', '/v1/auth/grants')).status).toBe(200);
  });

  test('is over when the person changes to another account', async () => {
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), account);
    const form = await browser.submit(question, { step: 'sign-out' });
    expect(form.body).toContain('current-password');
    expect(browser.cookies.size).toBe(0);
  });

  test('is over when the account is disabled', async () => {
    const victim = await system.register();
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, client.path(), victim);
    await disable(victim.id);
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  test('is over when the password was changed', async () => {
    const victim = await system.register();
    const browser = createTestBrowser(system);
    await signedIn(browser, client.path(), victim);
    await system.db.execute(`update auth.users set password_changed_at = now() + interval '1 second'
      where id = '${uuidOf(victim.id)}'`);
    expect((await browser.get(client.path())).body).toContain('current-password');
  });
});

test.each(['a\0b@example.com', 'no address', `${'a'.repeat(5_000)}@example.com`])(
  'signing in as %j is refused like any other',
  async (email) => {
    const browser = createTestBrowser(system);
    const form = await browser.get(client.path());
    const answer = await browser.submit(form, { step: 'sign-in', email, password: 'x' });
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('E-mail address or password is wrong');
  },
);

describe('the session of the app in the same browser', () => {
  const ACCESS = '__Host-acs-access';

  test('stands in for a sign-in, and the grant is no fresher than it', async () => {
    const browser = createTestBrowser(system);
    browser.cookies.set(ACCESS, account.accessToken);
    browser.cookies.set('__Host-acs-refresh', account.refreshToken);
    const form = await browser.get(client.path());
    expect(form.body).toContain('current-password');
    const question = await browser.submit(form, { step: 'continue' });
    expect(question.body).toContain('Yes, let it in');
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect((await client.exchange(answerOf(answer).get('code') ?? '')).status).toBe(200);
    const { rows } = await system.db.execute(`select a.authenticated_at = b.authenticated_at as same
      from auth.sessions a, auth.sessions b
      where a.client_id is not null and b.client_id is null and a.user_id = b.user_id
        and a.user_id = '${uuidOf(account.id)}' order by a.id desc, b.id asc limit 1`);
    expect(rows).toEqual([{ same: true }]);
  });

  test.each(['nobody', 'a program with a grant', 'another site'])('does not do it for %s', async (who) => {
    const browser = createTestBrowser(system);
    const grant = await client.grant(account);
    if (who !== 'nobody')
      browser.cookies.set(ACCESS, who === 'another site' ? account.accessToken : grant.body.access_token);
    const form = await browser.get(client.path());
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const answer = await browser.submit(
      form,
      { step: 'continue' },
      ...(who === 'another site' ? [foreign] : []),
    );
    expect(answer.status).toBe(who === 'another site' ? 403 : 401);
    expect(browser.cookies.has('__Host-acs-browser')).toBe(false);
  });
});

describe('a request that is not in order', () => {
  const EVIL = [
    'https://evil.example/callback',
    'https://client.example/callback/',
    'https://client.example/callback/../evil',
    'https://client.example/callbackx',
    'https://client.example/callback?x=1',
    'https://client.example/Callback',
    'https://client.example:444/callback',
    'https://client.example.evil.example/callback',
    'https://client.example@evil.example/callback',
    'http://client.example/callback',
    'HTTPS://client.example/callback',
    'https://client.example/callback#x',
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example/callback',
  ];
  test.each(EVIL)('is sent nowhere when it names the address %s', async (redirect_uri) => {
    const answer = await system.call('GET', client.path({ redirect_uri }));
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.headers.get('content-type')).toContain('text/html');
  });

  test.each(['cli_00000000000000000000000000000000', 'x', "' or 1=1 --", ''])(
    'is sent nowhere when nobody knows the client %s',
    async (client_id) => {
      const answer = await system.call('GET', client.path({ client_id }));
      expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    },
  );

  test('is sent nowhere when a parameter is there twice', async () => {
    const answer = await system.call('GET', `${client.path()}&redirect_uri=https%3A%2F%2Fevil.example`);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });

  test.each([
    ['invalid_request', { code_challenge: undefined, code_challenge_method: undefined }],
    ['invalid_request', { code_challenge_method: 'plain' }],
    ['invalid_request', { code_challenge_method: undefined }],
    ['invalid_request', { code_challenge: 'short' }],
    ['invalid_request', { response_type: undefined }],
    ['unsupported_response_type', { response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'code id_token' }],
    ['invalid_scope', { scope: 'files:read users:write' }],
    ['invalid_scope', { scope: 'account:write' }],
    ['invalid_target', { resource: 'https://other.example' }],
    ['invalid_target', { resource: 'https://api.test#x' }],
  ])('goes back to the program as %s: %j', async (error, parameters) => {
    const answer = await system.call('GET', client.path(parameters));
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toMatch(/^https:\/\/client\.example\/callback\?/);
    expect(Object.fromEntries(answerOf(answer))).toMatchObject({
      error,
      state: 'the-state',
      iss: 'https://api.test',
    });
  });

  test('does not get more than the client has registered', async () => {
    const modest = await registerTestClient(system, { scope: 'account:read' });
    const answer = await system.call('GET', modest.path({ scope: 'account:read files:read' }));
    expect(answerOf(answer).get('error')).toBe('invalid_scope');
  });

  test('does not put a line break of `state` into a header', async () => {
    const answer = await system.call('GET', client.path({ state: 'a\r\nset-cookie: x=1' }));
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answerOf(answer).get('error')).toBe('invalid_request');
  });
});

describe('redirect addresses of programs on the own machine', () => {
  test.each(['http://127.0.0.1', 'http://[::1]', 'http://localhost'])('%s may use any port', async (host) => {
    const native = await registerTestClient(system, { redirect_uris: [`${host}/cb`] });
    const asked = await system.call('GET', native.path({ redirect_uri: `${host}:51234/cb` }));
    expect(asked.status).toBe(200);
    for (const redirect_uri of [
      `${host}:51234/other`,
      `${host}:51234/cb/`,
      `${host}.evil.example/cb`,
      `${host}:1@evil.example/cb`,
    ])
      expect((await system.call('GET', native.path({ redirect_uri }))).status, redirect_uri).toBe(400);
  });

  test('a private-use scheme is answered as it is registered', async () => {
    const uri = 'com.example.app:/cb';
    const native = await registerTestClient(system, { redirect_uris: [uri] });
    const browser = createTestBrowser(system);
    const question = await signedIn(browser, native.path({ redirect_uri: uri }), account);
    expect(question.headers.get('content-security-policy')).toContain("form-action 'self' com.example.app:;");
    const answer = await browser.submit(question, { step: 'decide', decision: 'approve' });
    expect(answer.headers.get('location')).toMatch(/^com\.example\.app:\/cb\?code=/);
  });
});

function uuidOf(id: string): string {
  return id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

async function disable(id: string): Promise<void> {
  await system.db.execute(`update auth.users set disabled_at = now() where id = '${uuidOf(id)}'`);
}
