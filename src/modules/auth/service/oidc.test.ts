import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OIDC_CLIENT, type OidcTestProvider, startOidcProvider } from '../testing/test-oidc-provider.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

const RETURN_TO = 'https://api.test/app';
const CALLBACK = 'https://api.test/v1/auth/oidc/home/callback';
let system: TestSystem;
let provider: OidcTestProvider;
let admin: TestAccount;

beforeAll(async () => {
  provider = await startOidcProvider(CALLBACK);
  system = await startTestSystem({ OIDC_RETURN_URLS: 'com.example.app:/done' });
  admin = await system.register();
  await system.db.execute(`update auth.users set role = 'admin' where email = '${admin.email}'`);
  const saved = await saveProvider({});
  expect(saved.status).toBe(200);
}, 120_000);

afterAll(async () => {
  await system.close();
  await provider.close();
});

const saveProvider = (changes: object, id = 'home') =>
  admin.call('PUT', `/v1/admin/identity-providers/${id}`, {
    json: {
      name: 'Home',
      issuer: provider.issuer,
      clientId: OIDC_CLIENT.id,
      clientSecret: OIDC_CLIENT.secret,
      ...changes,
    },
  });

function pkce() {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

let people = 0;
/** Somebody new at the provider. */
function newPerson(person: { email?: string; emailVerified?: boolean; name?: string } = {}) {
  const id = `person-${++people}`;
  const email = person.email ?? `${id}@home.example`;
  provider.people.set(id, { ...person, email });
  return { id, email };
}

async function start(account?: TestAccount, returnTo = RETURN_TO) {
  const { verifier, challenge } = pkce();
  const json = { returnTo, challenge };
  const answer = account
    ? await account.call('POST', '/v1/auth/oidc/home/link', { json })
    : await system.call('POST', '/v1/auth/oidc/home/start', { json });
  return { answer, verifier };
}

/** As far as the browser gets: the fragment that it brings back to the app. */
async function goThrough(person: string, account?: TestAccount) {
  const { answer, verifier } = await start(account);
  expect(answer.status).toBe(200);
  const back = await provider.signIn(answer.body.authorizationUrl, person);
  const callback = await system.call('GET', `${back.pathname}${back.search}`);
  expect(callback.status).toBe(303);
  const target = new URL(callback.headers.get('location') ?? '');
  expect(target.href.startsWith(RETURN_TO)).toBe(true);
  return { outcome: new URLSearchParams(target.hash.slice(1)), verifier, back };
}

const exchange = (code: string | null, verifier: string) =>
  system.call('POST', '/v1/auth/oidc/exchange', { json: { code, verifier } });

async function signIn(person: string, account?: TestAccount) {
  const { outcome, verifier } = await goThrough(person, account);
  return exchange(outcome.get('code'), verifier);
}

test('somebody new signs in and has an account with a confirmed address', async () => {
  const person = newPerson({ name: 'Ada' });
  const first = await signIn(person.id);
  expect(first).toMatchObject({
    status: 200,
    body: { user: { email: person.email, emailVerified: true, name: 'Ada', role: 'member' } },
  });
  const me = await system.call('GET', '/v1/auth/me', { token: first.body.accessToken });
  expect(me.body.id).toBe(first.body.user.id);
  const again = await signIn(person.id);
  expect(again.body.user.id).toBe(first.body.user.id);
});

test('the request to the provider carries PKCE, a state and a nonce', async () => {
  const { answer } = await start();
  const url = new URL(answer.body.authorizationUrl);
  expect(url.origin).toBe(provider.issuer);
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    response_type: 'code',
    redirect_uri: CALLBACK,
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/^[\w-]{43}$/),
    nonce: expect.stringMatching(/^[\w-]{43}$/),
  });
});

test('a callback works once; a state that is unknown or of another provider does not', async () => {
  const { back } = await goThrough(newPerson().id);
  const path = `${back.pathname}${back.search}`;
  expect(await system.call('GET', path)).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  const unknown = `${back.pathname}?code=x&state=${'x'.repeat(43)}`;
  expect(await system.call('GET', unknown)).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  await saveProvider({ name: 'Other' }, 'other');
  const { answer } = await start();
  const other = await provider.signIn(answer.body.authorizationUrl, newPerson().id);
  const elsewhere = await system.call('GET', `/v1/auth/oidc/other/callback${other.search}`);
  expect(elsewhere).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
});

test('the code that comes back is worth nothing without the verifier, and works once', async () => {
  const { outcome, verifier } = await goThrough(newPerson().id);
  const stolen = await exchange(outcome.get('code'), pkce().verifier);
  expect(stolen).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  expect(await exchange(outcome.get('code'), verifier)).toMatchObject({ status: 400 });

  const fresh = await goThrough(newPerson().id);
  const code = fresh.outcome.get('code');
  const uses = await Promise.all(Array.from({ length: 8 }, () => exchange(code, fresh.verifier)));
  expect(uses.filter(({ status }) => status === 200)).toHaveLength(1);
});

test('a code of the provider that was tampered with signs nobody in', async () => {
  const { answer } = await start();
  const back = await provider.signIn(answer.body.authorizationUrl, newPerson().id);
  back.searchParams.set('code', 'made-up');
  const callback = await system.call('GET', `${back.pathname}${back.search}`);
  expect(callback.headers.get('location')).toBe(`${RETURN_TO}#error=provider_refused`);
});

test('an answer in the name of another issuer is refused (RFC 9207)', async () => {
  const { answer } = await start();
  const back = await provider.signIn(answer.body.authorizationUrl, newPerson().id);
  back.searchParams.set('iss', 'https://mix-up.example');
  const callback = await system.call('GET', `${back.pathname}${back.search}`);
  expect(callback.headers.get('location')).toBe(`${RETURN_TO}#error=provider_refused`);
});

test('an address that the provider has not verified opens no account', async () => {
  const { outcome } = await goThrough(newPerson({ emailVerified: false }).id);
  expect(outcome.get('error')).toBe('email_not_verified');
});

test('an account with the same address is joined only after its owner says so by e-mail', async () => {
  const account = await system.register();
  await system.db.execute(`update auth.users set email_verified_at = now() where email = '${account.email}'`);
  const person = newPerson({ email: account.email.toUpperCase() });
  const { outcome } = await goThrough(person.id);
  expect(outcome.get('error')).toBe('confirmation_sent');
  expect((await account.call('GET', '/v1/auth/identities')).body.items).toEqual([]);

  const token = await linkTokenFor(account.email);
  expect((await system.call('POST', '/v1/auth/oidc/link/confirm', { json: { token } })).status).toBe(204);
  const again = await system.call('POST', '/v1/auth/oidc/link/confirm', { json: { token } });
  expect(again).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  expect((await signIn(person.id)).body.user.id).toBe(account.id);
  // The owner had confirmed the address before, so their password and session stay.
  expect((await account.call('GET', '/v1/auth/me')).status).toBe(200);
});

test('whoever registered an address without confirming it loses the account to its owner', async () => {
  const squatter = await system.register();
  const person = newPerson({ email: squatter.email });
  await goThrough(person.id);
  const token = await linkTokenFor(squatter.email);
  expect((await system.call('POST', '/v1/auth/oidc/link/confirm', { json: { token } })).status).toBe(204);

  const { email, password, refreshToken } = squatter;
  const login = await system.call('POST', '/v1/auth/login', { json: { email, password } });
  expect(login).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
  const refresh = await system.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
  expect(refresh.status).toBe(401);
  expect((await signIn(person.id)).body.user).toMatchObject({ id: squatter.id, emailVerified: true });
});

test('nothing that a squatter put there opens the account that its owner took over', async () => {
  const squatter = await system.register();
  const theirs = newPerson();
  expect((await signIn(theirs.id, squatter)).body.user.id).toBe(squatter.id);
  const elsewhere = `${crypto.randomUUID()}@example.com`;
  await squatter.call('POST', '/v1/auth/email', { json: { newEmail: elsewhere } });
  await system.db.execute(`insert into auth.recovery_codes (user_id, code_hash)
    select id, 'hash' from auth.users where email = '${squatter.email}'`);
  await goThrough(newPerson({ email: squatter.email }).id);
  const token = await linkTokenFor(squatter.email);
  expect((await system.call('POST', '/v1/auth/oidc/link/confirm', { json: { token } })).status).toBe(204);

  expect((await goThrough(theirs.id)).outcome.get('code')).not.toBeNull();
  expect((await signIn(theirs.id)).body.user.id).not.toBe(squatter.id);
  await system.settled();
  const mail = system.emails.findLast(({ to }) => to.includes(elsewhere));
  const changing = /change-email#token=([\w-]{43})/.exec(mail?.text ?? '')?.[1];
  const changed = await system.call('POST', '/v1/auth/email/confirm', { json: { token: changing } });
  expect(changed).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
  const { rows } =
    await system.db.execute(`select from auth.recovery_codes c join auth.users u on u.id = c.user_id
    where u.email = '${squatter.email}'`);
  expect(rows).toEqual([]);
});

test('a link to join identities is worthless once the account has another address', async () => {
  const account = await system.register();
  await goThrough(newPerson({ email: account.email }).id);
  const token = await linkTokenFor(account.email);
  const newEmail = `${crypto.randomUUID()}@example.com`;
  await account.call('POST', '/v1/auth/email', { json: { newEmail } });
  await system.settled();
  const mail = system.emails.findLast(({ to }) => to.includes(newEmail));
  const changing = /change-email#token=([\w-]{43})/.exec(mail?.text ?? '')?.[1];
  expect((await system.call('POST', '/v1/auth/email/confirm', { json: { token: changing } })).status).toBe(
    204,
  );
  const late = await system.call('POST', '/v1/auth/oidc/link/confirm', { json: { token } });
  expect(late).toMatchObject({ status: 400, body: { code: 'invalid_token' } });
});

test('signing in over and over does not fill the mailbox of the holder of the address', async () => {
  const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
  const account = await system.register();
  const person = newPerson({ email: account.email });
  for (let round = 0; round < 7; round += 1) {
    const { answer } = await start();
    const back = await provider.signIn(answer.body.authorizationUrl, person.id);
    const callback = await strict.call('GET', `${back.pathname}${back.search}`);
    expect(callback.headers.get('location')).toBe(`${RETURN_TO}#error=confirmation_sent`);
  }
  await strict.settled();
  const mails = system.emails.filter(
    ({ to, text }) => to.includes(account.email) && text.includes('link-identity'),
  );
  // The registration was the first of five in the hour.
  expect(mails).toHaveLength(4);
});

test('an answer that is not of the code flow is refused, not a fault of ours', async () => {
  const { answer } = await start();
  const back = await provider.signIn(answer.body.authorizationUrl, newPerson().id);
  back.searchParams.set('id_token', 'x');
  const callback = await system.call('GET', `${back.pathname}${back.search}`);
  expect(callback.headers.get('location')).toBe(`${RETURN_TO}#error=provider_refused`);
});

test('a name that cannot be stored is left out', async () => {
  const answer = await signIn(newPerson({ name: 'A\0b' }).id);
  expect(answer).toMatchObject({ status: 200, body: { user: { name: null } } });
});

test('people with an authenticator app are asked for their second factor after the provider too', async () => {
  const { id, email } = newPerson();
  expect((await signIn(id)).status).toBe(200);
  await system.db.execute(`insert into auth.totp_credentials (user_id, sealed_secret, confirmed_at)
    select id, 'sealed', now() from auth.users where email = '${email}'`);
  const { status, body } = await signIn(id);
  expect(status).toBe(202);
  expect(body).toEqual({ mfaToken: expect.any(String), methods: ['totp'], expiresIn: 300 });
});

test('a signed-in person links an identity; nobody else can then link it', async () => {
  const account = await system.register();
  const person = newPerson();
  expect((await signIn(person.id, account)).body.user.id).toBe(account.id);
  const { body } = await account.call('GET', '/v1/auth/identities');
  expect(body.items).toMatchObject([{ provider: 'home', email: person.email }]);

  const thief = await system.register();
  const attempt = await signIn(person.id, thief);
  expect(attempt).toMatchObject({ status: 409, body: { code: 'identity_taken' } });
  expect((await signIn(person.id)).body.user.id).toBe(account.id);
});

test('the last way into an account cannot be unlinked, not even twice at once', async () => {
  const person = newPerson();
  const { body } = await signIn(person.id);
  const unlink = () => system.call('DELETE', '/v1/auth/identities/home', { token: body.accessToken });
  expect(await unlink()).toMatchObject({ status: 409, body: { code: 'last_sign_in_method' } });

  const account = await system.register();
  await signIn(newPerson().id, account);
  const both = await Promise.all([1, 2].map(() => account.call('DELETE', '/v1/auth/identities/home')));
  expect(both.map(({ status }) => status).toSorted()).toEqual([204, 404]);
});

test.each([
  'https://evil.example/app',
  'https://api.test.evil.example/app',
  'https://api.test@evil.example/',
  'https://user:pw@api.test/app',
  'http://api.test/app',
  'javascript:alert(1)',
  'com.example.app:/elsewhere',
])('a flow does not end at %s', async (returnTo) => {
  const { answer } = await start(undefined, returnTo);
  expect(answer.status).toBe(400);
});

test('a flow may end at an address that is listed', async () => {
  expect((await start(undefined, 'com.example.app:/done')).answer.status).toBe(200);
});

test('a disabled or unknown provider takes nobody in', async () => {
  await saveProvider({ enabled: false }, 'off');
  for (const id of ['off', 'nobody']) {
    const json = { returnTo: RETURN_TO, challenge: pkce().challenge };
    const answer = await system.call('POST', `/v1/auth/oidc/${id}/start`, { json });
    expect(answer).toMatchObject({ status: 404, body: { code: 'provider_not_found' } });
  }
  const { body } = await system.call('GET', '/v1/auth/providers');
  expect(body.items.map(({ id }: { id: string }) => id)).not.toContain('off');
});

test('a provider that is down is a 503 with Retry-After', async () => {
  await saveProvider({ issuer: 'http://127.0.0.1:1' }, 'down');
  const json = { returnTo: RETURN_TO, challenge: pkce().challenge };
  const answer = await system.call('POST', '/v1/auth/oidc/down/start', { json });
  expect(answer).toMatchObject({ status: 503, body: { code: 'dependency_unavailable' } });
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
});

test('without registration, people without an account stay out', async () => {
  const closed = system.withEnv({ REGISTRATION: 'invited' });
  const { answer } = await start();
  const back = await provider.signIn(answer.body.authorizationUrl, newPerson().id);
  const callback = await closed.call('GET', `${back.pathname}${back.search}`);
  expect(callback.headers.get('location')).toBe(`${RETURN_TO}#error=registration_closed`);
});

test('the issuer of a provider is fixed, and its secret is not shown', async () => {
  const moved = await saveProvider({ issuer: 'https://elsewhere.example' });
  expect(moved).toMatchObject({ status: 409, body: { code: 'issuer_is_fixed' } });
  const list = await admin.call('GET', '/v1/admin/identity-providers');
  expect(JSON.stringify(list.body)).not.toContain(OIDC_CLIENT.secret);
  expect(list.body.items).toContainEqual(expect.objectContaining({ id: 'home', hasSecret: true }));
});

test('only administrators set up providers', async () => {
  const member = await system.register();
  const answer = await member.call('PUT', '/v1/admin/identity-providers/mine', { json: {} });
  expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
});

async function linkTokenFor(email: string): Promise<string> {
  await system.settled();
  await system.runCron();
  const mail = system.emails.findLast(({ to }) => to.includes(email));
  const token = /link-identity#token=([\w-]+)/.exec(mail?.text ?? '')?.[1];
  if (token === undefined) throw new Error(`there is no link in the mail to ${email}`);
  return token;
}

test('who only passes through a provider that still knew them has not proven who they are just now', async () => {
  const person = newPerson();
  const first = await signIn(person.id);
  const recent = await system.call('GET', '/v1/auth/me/export', { token: first.body.accessToken });
  expect(recent.status).toBe(200);

  provider.shiftSignIns(-3_600);
  const stale = await signIn(person.id);
  provider.shiftSignIns(0);
  const answer = await system.call('GET', '/v1/auth/me/export', { token: stale.body.accessToken });
  expect(answer).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
});

test('the provider can be asked to have the person sign in again', async () => {
  const json = { returnTo: RETURN_TO, challenge: pkce().challenge, reauthenticate: true };
  const answer = await system.call('POST', '/v1/auth/oidc/home/start', { json });
  expect(new URL(answer.body.authorizationUrl).searchParams.get('max_age')).toBe('0');
});
