import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestBrowser, type TestBrowser } from '../testing/test-browser.ts';
import { DEVICE, registerTestClient, signedIn, type TestOauthClient } from '../testing/test-oauth-client.ts';
import { type Answer, startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let account: TestAccount;
let client: TestOauthClient;

beforeAll(async () => {
  system = await startTestSystem();
  account = await system.register();
  client = await registerTestClient(system);
}, 120_000);
afterAll(() => system.close());

const start = async (form: Record<string, string> = {}) =>
  system.call('POST', '/oauth/device_authorization', { form: { client_id: client.id, ...form } });
const poll = (device_code: string, by = client) => by.token({ grant_type: DEVICE, device_code });
const lookUp = (browser: TestBrowser, page: Answer, user_code: string) =>
  browser.submit(page, { step: 'look-up', user_code });
async function decide(userCode: string, decision: 'approve' | 'deny'): Promise<Answer> {
  const browser = createTestBrowser(system);
  const form = await signedIn(browser, '/oauth/device', account);
  const question = await lookUp(browser, form, userCode);
  return browser.submit(question, { step: 'decide', decision });
}
/** As if the device had waited. */
const rest = () =>
  system.db.execute(`update auth.device_codes set last_polled_at = last_polled_at - interval '1 minute'`);

describe('a device', () => {
  test('gets a code for people and one for itself, and waits', async () => {
    const { status, body } = await start({ scope: 'files:read' });
    expect(status).toBe(200);
    expect(body).toEqual({
      device_code: expect.stringMatching(/^[\w-]{43}$/),
      user_code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verification_uri: 'https://api.test/oauth/device',
      verification_uri_complete: `https://api.test/oauth/device?user_code=${body.user_code}`,
      expires_in: 600,
      interval: 5,
    });
    expect(await poll(body.device_code)).toMatchObject({
      status: 400,
      body: { error: 'authorization_pending' },
    });
  });

  test('that its person lets in gets what was shown, once', async () => {
    const { body } = await start({ scope: 'account:read' });
    const done = await decide(body.user_code.toLowerCase().replace('-', ' '), 'approve');
    expect(done.body).toContain('go back to the device');
    const polls = await Promise.all(Array.from({ length: 5 }, () => poll(body.device_code)));
    const won = polls.filter(({ status }) => status === 200);
    expect(won.length).toBe(1);
    expect(won[0]?.body.scope).toBe('account:read');
    const me = await system.call('GET', '/v1/auth/me', { token: won[0]?.body.access_token });
    expect(me).toMatchObject({ status: 200, body: { id: account.id } });
    expect(await poll(body.device_code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  test('that its person sends away is told so', async () => {
    const { body } = await start();
    await decide(body.user_code, 'deny');
    expect(await poll(body.device_code)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
  });

  test('that asks too often has to slow down, by 5 seconds each time', async () => {
    const { body } = await start();
    const first = await poll(body.device_code);
    const second = await poll(body.device_code);
    const third = await poll(body.device_code);
    expect([first, second, third].map((answer) => answer.body.error)).toEqual([
      'authorization_pending',
      'slow_down',
      'slow_down',
    ]);
    const { rows } = await system.db.execute(
      `select interval_seconds from auth.device_codes where user_code = '${body.user_code.replace('-', '')}'`,
    );
    expect(rows).toEqual([{ interval_seconds: 15 }]);
    await rest();
    expect((await poll(body.device_code)).body.error).toBe('authorization_pending');
  });

  test('that nobody let in within ten minutes is too late, and so is its person', async () => {
    const { body } = await start();
    await system.db.execute(`update auth.device_codes set expires_at = now()
      where user_code = '${body.user_code.replace('-', '')}'`);
    expect((await poll(body.device_code)).body.error).toBe('expired_token');
    const browser = createTestBrowser(system);
    const form = await signedIn(browser, '/oauth/device', account);
    expect((await lookUp(browser, form, body.user_code)).status).toBe(400);
  });

  test('cannot be polled by another client', async () => {
    const other = await registerTestClient(system);
    const { body } = await start();
    await decide(body.user_code, 'approve');
    expect(await poll(body.device_code, other)).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
    expect((await poll(body.device_code)).status).toBe(200);
  });

  test('is no fresher than the sign-in that let it in', async () => {
    const { body } = await start();
    await decide(body.user_code, 'approve');
    await system.db.execute(`update auth.device_codes set authenticated_at = now() - interval '8 minutes'
      where user_code = '${body.user_code.replace('-', '')}'`);
    await system.db.execute(`update auth.users set password_changed_at = now() - interval '1 day'
      where email = '${account.email}'`);
    const { status } = await poll(body.device_code);
    expect(status).toBe(200);
    const { rows } = await system.db.execute(
      `select authenticated_at < now() - interval '7 minutes' as old, methods from auth.sessions
       where client_id is not null order by id desc limit 1`,
    );
    expect(rows).toEqual([{ old: true, methods: ['pwd'] }]);
  });

  test.each([
    ['invalid_scope', { scope: 'users:write' }],
    ['invalid_target', { resource: 'https://other.example' }],
  ])('is refused as %s', async (error, form) => {
    expect(await start(form as Record<string, string>)).toMatchObject({ status: 400, body: { error } });
  });

  test('of a client without this grant is refused', async () => {
    const web = await registerTestClient(system, { grant_types: ['authorization_code'] });
    const answer = await system.call('POST', '/oauth/device_authorization', { form: { client_id: web.id } });
    expect(answer).toMatchObject({ status: 400, body: { error: 'unauthorized_client' } });
  });
});

describe('the page for codes', () => {
  test('shows program, code and scopes before anything happens, and warns', async () => {
    const { body } = await start({ scope: 'search:read' });
    const browser = createTestBrowser(system);
    const form = await signedIn(browser, `/oauth/device?user_code=${body.user_code}`, account);
    expect(form.body).toContain(`value="${body.user_code}"`);
    const question = await lookUp(browser, form, body.user_code);
    for (const words of [
      'Test program',
      body.user_code,
      'Search your files',
      'registered itself',
      'started this yourself',
    ])
      expect(question.body).toContain(words);
    expect((await poll(body.device_code)).body.error).toBe('authorization_pending');
  });

  test('takes five guesses, and then a new sign-in', async () => {
    const { body } = await start();
    const browser = createTestBrowser(system);
    const form = await signedIn(browser, '/oauth/device', account);
    for (let guess = 0; guess < 5; guess += 1)
      expect((await lookUp(browser, form, 'BBBB-BBBB')).status).toBe(400);
    const answer = await lookUp(browser, form, body.user_code);
    expect(answer.body).toContain('current-password');
  });

  test.each(['', 'AAAA-AAAA', '<script>', 'BCDF-GHJ', "' or 1=1 --"])(
    'does not know the code %s',
    async (code) => {
      const browser = createTestBrowser(system);
      const form = await signedIn(browser, '/oauth/device', account);
      const answer = await lookUp(browser, form, code);
      expect(answer.status).toBe(400);
      expect(answer.body).not.toContain('<script>');
    },
  );

  test('takes no form from elsewhere', async () => {
    const { body } = await start();
    const browser = createTestBrowser(system);
    const question = await lookUp(browser, await signedIn(browser, '/oauth/device', account), body.user_code);
    const answer = await browser.submit(
      question,
      { step: 'decide', decision: 'approve' },
      { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    );
    expect(answer.status).toBe(403);
    expect((await poll(body.device_code)).body.error).toBe('authorization_pending');
  });

  test('takes no answer that was meant for a program with a redirect, nor the other way', async () => {
    const { body } = await start();
    const browser = createTestBrowser(system);
    const device = await lookUp(browser, await signedIn(browser, '/oauth/device', account), body.user_code);
    const crossed = { ...device, body: String(device.body).replaceAll('/oauth/device', '/oauth/authorize') };
    expect((await browser.submit(crossed, { step: 'decide', decision: 'approve' })).status).toBe(400);
    const code = await browser.get(client.path());
    const back = { ...code, body: String(code.body).replaceAll('/oauth/authorize', '/oauth/device') };
    expect((await browser.submit(back, { step: 'decide', decision: 'approve' })).status).toBe(400);
    expect((await poll(body.device_code)).body.error).toBe('authorization_pending');
  });
});
