import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Answer, startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let host = 1;
let credentials: { email: string; password: string };

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());
beforeEach(() => {
  host += 1;
});

const ORIGIN = 'https://api.test';
const COOKIES = { 'x-token-transport': 'cookie' };
const send = (
  method: string,
  path: string,
  headers: Record<string, string>,
  json?: unknown,
): Promise<Answer> =>
  system.call(method, path, {
    headers,
    address: `198.51.100.${host}`,
    ...(json === undefined ? {} : { json }),
  });

/** Cookies as a browser keeps them: name -> value. */
const jarOf = (answer: Answer) =>
  Object.fromEntries(
    answer.headers.getSetCookie().map((line) => (line.split(';')[0] ?? '').split(/=(.*)/s).slice(0, 2)),
  );
const cookieOf = (jar: Record<string, string>) =>
  Object.entries(jar)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');

async function registerInBrowser() {
  credentials = { email: `browser-${crypto.randomUUID()}@example.com`, password: `unguessable ${host}` };
  const answer = await send('POST', '/v1/auth/register', { ...COOKIES, origin: ORIGIN }, credentials);
  expect(answer.status).toBe(201);
  return { answer, jar: jarOf(answer), cookie: cookieOf(jarOf(answer)) };
}

describe('with x-token-transport: cookie', () => {
  test('tokens travel in cookies that no script and no other site gets, and not in the body', async () => {
    const { answer, jar } = await registerInBrowser();
    expect(Object.keys(answer.body).sort()).toEqual(['expiresIn', 'tokenType', 'user']);
    const lines = answer.headers.getSetCookie();
    expect(lines.map((line) => line.split('; ').slice(1))).toEqual([
      ['Path=/', 'Max-Age=300', 'Secure', 'HttpOnly', 'SameSite=Strict'],
      ['Path=/', `Max-Age=${30 * 86_400}`, 'Secure', 'HttpOnly', 'SameSite=Strict'],
    ]);
    expect(Object.keys(jar)).toEqual(['__Host-acs-access', '__Host-acs-refresh']);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('the cookies open, refresh, step up and log out', async () => {
    const { cookie } = await registerInBrowser();
    expect((await send('GET', '/v1/auth/me', { cookie })).status).toBe(200);

    const refreshed = await send('POST', '/v1/auth/refresh', { cookie, origin: ORIGIN }, {});
    expect(refreshed.status).toBe(200);
    expect(refreshed.body).not.toHaveProperty('refreshToken');
    expect(refreshed.body).not.toHaveProperty('accessToken');

    const { password } = credentials;
    const current = cookieOf(jarOf(refreshed));
    const stepped = await send('POST', '/v1/auth/step-up', { cookie: current, origin: ORIGIN }, { password });
    expect(stepped.status).toBe(200);
    expect(stepped.body).not.toHaveProperty('accessToken');

    const last = cookieOf(jarOf(stepped));
    const out = await send('POST', '/v1/auth/logout', { cookie: last, origin: ORIGIN });
    expect(out.status).toBe(204);
    expect(out.headers.get('clear-site-data')).toBe('"cookies"');
    expect(jarOf(out)).toEqual({ '__Host-acs-access': '', '__Host-acs-refresh': '' });
    for (const line of out.headers.getSetCookie()) expect(line).toContain('Max-Age=0');
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await send('GET', '/v1/auth/me', { cookie: last })).status).toBe(401);
    expect((await send('POST', '/v1/auth/refresh', { cookie: last, origin: ORIGIN }, {})).status).toBe(401);
  });

  test('a script cannot turn the refresh cookie into a token that it can read', async () => {
    const { jar, cookie } = await registerInBrowser();
    // The access cookie is gone first.
    const refreshOnly = `__Host-acs-refresh=${jar['__Host-acs-refresh']}`;
    for (const transport of ['body', 'bearer', ''])
      for (const sent of [cookie, refreshOnly]) {
        const headers = { cookie: sent, origin: ORIGIN, 'x-token-transport': transport };
        const answer = await send('POST', '/v1/auth/refresh', headers, {});
        expect(answer.status).toBe(200);
        expect(JSON.stringify(answer.body)).not.toMatch(/accessToken|refreshToken/);
      }
  });
});

const OTHERS: [string, Record<string, string>][] = [
  ['another origin', { origin: 'https://evil.test' }],
  ['no origin', {}],
  ['a null origin', { origin: 'null' }],
  ['a sibling', { origin: 'https://www.api.test' }],
  ['the same host over http', { origin: 'http://api.test' }],
];

describe.each(OTHERS)('a page of %s', (_, from) => {
  test('does not sign the browser in', async () => {
    const { email, password } = await registerInBrowser().then(() => credentials);
    const answer = await send('POST', '/v1/auth/login', { ...COOKIES, ...from }, { email, password });
    expect(answer).toMatchObject({ status: 403, body: { code: 'csrf_refused' } });
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test('neither refreshes nor ends nor changes anything with the cookies', async () => {
    const { cookie } = await registerInBrowser();
    const { password } = credentials;
    const calls: [string, string, unknown?][] = [
      ['POST', '/v1/auth/refresh', {}],
      ['POST', '/v1/auth/logout'],
      ['POST', '/v1/auth/step-up', { password }],
      ['DELETE', '/v1/auth/sessions?except=current'],
    ];
    for (const [method, path, json] of calls)
      expect(await send(method, path, { cookie, ...from }, json), path).toMatchObject({
        status: 403,
        body: { code: 'csrf_refused' },
      });
    expect((await send('GET', '/v1/auth/me', { cookie })).status).toBe(200);
    expect((await send('POST', '/v1/auth/refresh', { cookie, origin: ORIGIN }, {})).status).toBe(200);
  });
});

test('a form of another site, which can only send what it may send unasked, is refused', async () => {
  const { cookie } = await registerInBrowser();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const headers = { cookie, origin: 'https://evil.test', 'content-type': type };
    expect((await send('POST', '/v1/auth/refresh', headers, {})).status).toBe(403);
  }
});

test('a bearer token goes before the cookies, and needs no origin', async () => {
  const { cookie } = await registerInBrowser();
  const other = await system.register({ address: `198.51.100.${host}` });
  const authorization = `Bearer ${other.accessToken}`;
  const me = await send('GET', '/v1/auth/me', { cookie, authorization });
  expect(me.body.id).toBe(other.id);
  const out = await send('POST', '/v1/auth/logout', { cookie, authorization });
  expect(out.status).toBe(204);
  expect(out.headers.getSetCookie()).toEqual([]);
  expect((await send('GET', '/v1/auth/me', { cookie })).status).toBe(200);
  expect((await send('GET', '/v1/auth/me', { cookie, authorization: 'Bearer x' })).status).toBe(401);
});

test('the refresh token of the body goes before the cookie', async () => {
  const { cookie } = await registerInBrowser();
  const other = await system.register({ address: `198.51.100.${host}` });
  const json = { refreshToken: other.refreshToken };
  const answer = await send('POST', '/v1/auth/refresh', { cookie, origin: ORIGIN }, json);
  expect(answer.body.user.id).toBe(other.id);
});

test('cookies that are there twice, or without their prefix, are none', async () => {
  const { jar } = await registerInBrowser();
  const access = jar['__Host-acs-access'];
  for (const cookie of [
    `__Host-acs-access=${access}; __Host-acs-access=x`,
    `acs-access=${access}`,
    `access=${access}`,
  ])
    expect((await send('GET', '/v1/auth/me', { cookie })).status).toBe(401);
});

test('without the header nothing is put into cookies', async () => {
  const answer = await system.call('POST', '/v1/auth/login', { json: credentials });
  expect(answer).toMatchObject({ status: 200, body: { accessToken: expect.any(String) } });
  expect(answer.headers.getSetCookie()).toEqual([]);
});
