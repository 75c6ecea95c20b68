import * as oauth from 'oauth4webapi';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount } from './harness/accounts.ts';
import { createBrowser, openSignedIn } from './harness/browser.ts';
import { bodyOf, createClient, refusal, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import { CALLBACK, postForm, registerClient } from './harness/oauth.ts';
import { until } from './harness/until.ts';

const installation = inject('installation');
const api = createClient(installation.url);
/** The installation under test has no TLS. */
const INSECURE = { [oauth.allowInsecureRequests]: true };
const grantsSchema = z.looseObject({ items: z.array(z.looseObject({ id: z.string() })) });

let account: Account;
let server: oauth.AuthorizationServer;
let client: oauth.Client;

/** The path of an authorisation request. */
async function request(changes: Readonly<Record<string, string>> = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const parameters = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'account:read files:read',
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...changes,
  });
  return { path: `/oauth/authorize?${parameters}`, verifier, state };
}

async function decide(path: string, decision: 'approve' | 'deny'): Promise<URL> {
  const browser = createBrowser(api);
  const question = await openSignedIn(browser, path, account);
  const answer = await browser.submit(question, { step: 'decide', decision });
  return new URL(answer.headers.get('location') ?? 'none:');
}

async function grant() {
  const { path, verifier, state } = await request();
  const callback = oauth.validateAuthResponse(server, client, await decide(path, 'approve'), state);
  const exchange = () =>
    oauth.authorizationCodeGrantRequest(server, client, oauth.None(), callback, CALLBACK, verifier, INSECURE);
  return { tokens: await oauth.processAuthorizationCodeResponse(server, client, await exchange()), exchange };
}

const refresh = async (token: string) =>
  oauth.processRefreshTokenResponse(
    server,
    client,
    await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, INSECURE),
  );

beforeAll(async () => {
  account = await newAccount(api);
  const issuer = new URL(installation.issuer);
  const found = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...INSECURE });
  server = await oauth.processDiscoveryResponse(issuer, found);
  client = { client_id: (await registerClient(api)).client_id };
});

describe('a program', () => {
  it('gets in by a code, and may do what it was granted and nothing else', async () => {
    const { tokens } = await grant();
    expect(tokens.scope).toBe('account:read files:read');
    const program = api.as(tokens.access_token);
    expect((await program.call('GET', '/v1/auth/me')).status).toBe(200);
    expect((await program.call('GET', '/v1/files')).status).toBe(200);
    const beyond = [
      ['GET', '/v1/search?q=x'],
      ['POST', '/v1/auth/mfa/totp'],
      ['DELETE', '/v1/auth/sessions?except=current'],
      ['GET', '/v1/auth/me/export'],
    ] as const;
    for (const [method, path] of beyond) expect((await program.call(method, path)).status, path).toBe(403);
  });

  it('goes on by refresh tokens, until the person ends it', async () => {
    const { tokens } = await grant();
    const next = await refresh(tokens.refresh_token ?? '');
    const listed = await account.api.call('GET', '/v1/auth/grants');
    const [newest] = bodyOf(listed, 200, grantsSchema).items;
    expect((await account.api.call('DELETE', `/v1/auth/grants/${newest?.id}`)).status).toBe(204);
    await expect(refresh(next.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
    await until(
      async () => refusal(await api.as(next.access_token).call('GET', '/v1/auth/me')),
      (answer) => answer === '401 unauthorized',
      { withinMs: 10_000, everyMs: 50, what: 'the access token to be refused' },
    );
  });

  it('whose code comes back loses what it made', async () => {
    const { tokens, exchange } = await grant();
    const again = await exchange();
    await expect(oauth.processAuthorizationCodeResponse(server, client, again)).rejects.toMatchObject({
      error: 'invalid_grant',
    });
    await expect(refresh(tokens.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' });
  });

  it('without the verifier of its request gets nothing for a code', async () => {
    const { path } = await request();
    const code = (await decide(path, 'approve')).searchParams.get('code') ?? '';
    const form = {
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code,
      redirect_uri: CALLBACK,
      code_verifier: oauth.generateRandomCodeVerifier(),
    };
    const answer = await postForm(api, '/oauth/token', form);
    expect([answer.status, JSON.parse(textOf(answer)).error]).toEqual([400, 'invalid_grant']);
  });

  it('is told when the person says no', async () => {
    const { path, state } = await request();
    const location = await decide(path, 'deny');
    expect(() => oauth.validateAuthResponse(server, client, location, state)).toThrow(
      expect.objectContaining({ error: 'access_denied' }),
    );
  });
});

describe('the pages', () => {
  it('run no script, load nothing, and can neither be framed nor post elsewhere', async () => {
    const { path } = await request();
    const browser = createBrowser(api);
    const signIn = await browser.get(path);
    const consent = await openSignedIn(browser, path, account);
    expect(textOf(consent)).toContain('Let Test program in?');
    for (const page of [signIn, consent, await browser.get('/oauth/device')]) {
      const policy = page.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toMatch(/script-src|unsafe|\*/);
      expect(page.headers.get('cache-control')).toBe('no-store');
      expect(textOf(page)).not.toMatch(/<script|<img|<link|javascript:/i);
    }
    const target = (page: typeof consent) =>
      /form-action ([^;]+)/.exec(page.headers.get('content-security-policy') ?? '')?.[1];
    expect([target(signIn), target(consent)]).toEqual(["'self'", "'self' https:"]);
  });

  it.each([
    { redirect_uri: 'https://evil.example/callback' },
    { redirect_uri: `${CALLBACK}/../evil` },
    { redirect_uri: `${CALLBACK}?next=https://evil.example` },
    { redirect_uri: 'https://client.example.evil.example/callback' },
    { redirect_uri: 'https://client.example@evil.example/callback' },
    { redirect_uri: 'javascript:alert(1)' },
    { client_id: `cli_${'0'.repeat(32)}` },
  ])('send nobody to an address that the program has not registered: %j', async (changes) => {
    const { path } = await request(changes);
    const answer = await api.call('GET', path);
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
    expect(answer.headers.get('content-type')).toMatch(/^text\/html/);
  });

  it('show what a program says of itself as text', async () => {
    const name = '<script>alert(1)</script> & "friends"';
    const hostile = await registerClient(api, { client_name: name });
    const { path } = await request({ client_id: hostile.client_id, state: '"><script>x</script>' });
    const page = textOf(await openSignedIn(createBrowser(api), path, account));
    expect(page).not.toContain('<script');
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;friends&quot;');
  });

  it('set a cookie that only this host and no script can read', async () => {
    const { path } = await request();
    const page = await api.call('GET', path);
    const [, inside = ''] = /<form[^>]*>(.*?)<\/form>/s.exec(textOf(page)) ?? [];
    const hidden = [...inside.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(
      ([, name = '', value = '']): [string, string] => [name, value.replaceAll('&amp;', '&')],
    );
    const { email, password } = account;
    const form = { ...Object.fromEntries(hidden), step: 'sign-in', email, password };
    const answer = await api.call('POST', '/oauth/authorize', {
      body: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: installation.url },
    });
    expect(answer.status).toBe(303);
    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(
        /^__Host-acs-browser=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=600$/,
      ),
    ]);
  });
});

describe('a device', () => {
  it('is connected by the code that it shows, after the person said yes', async () => {
    const started = await oauth.processDeviceAuthorizationResponse(
      server,
      client,
      await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope: 'files:read' }, INSECURE),
    );
    // As if it had waited for as long as it was told to.
    const poll = async () => {
      await query(installation, `update auth.device_codes set last_polled_at = now() - interval '1 minute'`);
      const answer = await oauth.deviceCodeGrantRequest(
        server,
        client,
        oauth.None(),
        started.device_code,
        INSECURE,
      );
      return oauth.processDeviceCodeResponse(server, client, answer);
    };
    await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' });
    const browser = createBrowser(api);
    const path = new URL(started.verification_uri_complete ?? '');
    const form = await openSignedIn(browser, path.pathname + path.search, account);
    const question = await browser.submit(form, { step: 'look-up', user_code: started.user_code });
    expect(textOf(question)).toContain(started.user_code);
    await browser.submit(question, { step: 'decide', decision: 'approve' });
    const tokens = await poll();
    expect(tokens.scope).toBe('files:read');
    expect((await api.as(tokens.access_token).call('GET', '/v1/files')).status).toBe(200);
    expect((await api.as(tokens.access_token).call('GET', '/v1/auth/me')).status).toBe(403);
    await expect(poll()).rejects.toMatchObject({
      error: expect.stringMatching(/invalid_grant|expired_token/),
    });
  });

  it('code cannot be guessed: five tries, then sign in again', async () => {
    const browser = createBrowser(api);
    let page = await openSignedIn(browser, '/oauth/device', account);
    for (let guess = 0; guess < 6 && !textOf(page).includes('current-password'); guess += 1)
      page = await browser.submit(page, { step: 'look-up', user_code: 'BCDF-GHJK' });
    expect(textOf(page)).toContain('current-password');
  });
});
