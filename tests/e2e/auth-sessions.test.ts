import { describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount, newEmail } from './harness/accounts.ts';
import { bodyOf, createClient, faultyFields, problemOf, refusal } from './harness/client.ts';
import { until } from './harness/until.ts';
import { tokensSchema, userSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);
const refresh = (refreshToken: string) => api.call('POST', '/v1/auth/refresh', { json: { refreshToken } });
const login = (email: string, password: string) =>
  api.call('POST', '/v1/auth/login', { json: { email, password } });
const register = (json: unknown) => api.call('POST', '/v1/auth/register', { json });

describe('registering', () => {
  it('opens an account and a session', async () => {
    const email = newEmail();
    const answer = await register({ email, password: 'correct horse battery', name: 'Ada' });
    const { user, accessToken } = bodyOf(answer, 201, tokensSchema);
    expect(user).toMatchObject({ email, name: 'Ada' });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const me = await api.as(accessToken).call('GET', '/v1/auth/me');
    expect(bodyOf(me, 200, userSchema)).toEqual(user);
  });

  it('needs no name', async () => {
    const answer = await register({ email: newEmail(), password: 'correct horse battery' });
    expect(bodyOf(answer, 201, tokensSchema).user.name).toBeNull();
  });

  it('refuses an address that has an account, in any case', async () => {
    const { email } = await newAccount(api);
    for (const again of [email, email.toUpperCase()]) {
      expect(refusal(await register({ email: again, password: 'another password' }))).toBe('409 email_taken');
    }
  });

  it('lets one of ten simultaneous registrations of an address win', async () => {
    const email = newEmail();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => register({ email, password: 'correct horse battery' })),
    );
    expect(answers.map(refusal).toSorted()).toEqual(['201', ...Array(9).fill('409 email_taken')]);
  });

  it('refuses a password of 7 characters and names the field', async () => {
    const answer = await register({ email: newEmail(), password: '1234567' });
    expect(refusal(answer)).toBe('400 invalid_request');
    expect(faultyFields(answer)).toEqual(['password']);
  });

  it('takes 128 characters of any script as a password, and only exactly these', async () => {
    const email = newEmail();
    const characters = [...'пароль語🔑é'.repeat(15)].slice(0, 128);
    const password = characters.join('');
    expect(characters).toHaveLength(128);
    bodyOf(await register({ email, password }), 201, tokensSchema);
    bodyOf(await login(email, password), 200, tokensSchema);
    expect(refusal(await login(email, characters.slice(0, 127).join('')))).toBe('401 invalid_credentials');
    const tooLong = await register({ email: newEmail(), password: `${password}x` });
    expect([refusal(tooLong), faultyFields(tooLong)]).toEqual(['400 invalid_request', ['password']]);
  });

  it('refuses an unknown field and names it', async () => {
    const answer = await register({ email: newEmail(), password: 'correct horse battery', admin: true });
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', ['admin']]);
  });

  it('names every field that is missing or of the wrong kind', async () => {
    const answer = await register({ email: 'not an address', password: 12345678 });
    expect(refusal(answer)).toBe('400 invalid_request');
    expect(faultyFields(answer).toSorted()).toEqual(['email', 'password']);
  });

  it.each(['{"email": ', 'nonsense', '', '\u0000'])('refuses malformed JSON: %j', async (body) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await api.call('POST', '/v1/auth/register', { body, headers });
    expect(refusal(answer)).toBe('400 malformed_json');
  });

  it('refuses JSON that is no object', async () => {
    for (const json of [null, [], 'text', 7])
      expect(refusal(await register(json)), JSON.stringify(json)).toBe('400 invalid_request');
  });

  it('refuses a body that is not declared as JSON', async () => {
    const body = JSON.stringify({ email: newEmail(), password: 'correct horse battery' });
    const answer = await api.call('POST', '/v1/auth/register', {
      body,
      headers: { 'content-type': 'text/plain' },
    });
    expect(refusal(answer)).toBe('415 unsupported_media_type');
  });

  // Whoever is still writing may find the connection closed before the answer is there: then the test tries again.
  it('refuses a body over 64 KiB, with and without an announced length', { retry: 3 }, async () => {
    const json = { email: newEmail(), password: 'x'.repeat(70_000) };
    expect(refusal(await register(json))).toBe('413 payload_too_large');
    const body = new Blob([JSON.stringify(json)]).stream();
    const headers = { 'content-type': 'application/json' };
    const streamed = await api.call('POST', '/v1/auth/register', { body, headers });
    expect(refusal(streamed)).toBe('413 payload_too_large');
  });
});

describe('logging in', () => {
  it('opens another session, whatever the case of the address', async () => {
    const { email, password, tokens } = await newAccount(api);
    const fresh = bodyOf(await login(email.toUpperCase(), password), 200, tokensSchema);
    expect(fresh.user).toEqual(tokens.user);
    expect(fresh.refreshToken).not.toBe(tokens.refreshToken);
  });

  it('answers a wrong password and an unknown address alike', async () => {
    const { email, password } = await newAccount(api);
    const wrong = problemOf(await login(email, `${password}!`));
    const unknown = problemOf(await login(newEmail(), password));
    expect(wrong).toMatchObject({ status: 401, code: 'invalid_credentials' });
    expect({ ...unknown, requestId: '' }).toEqual({ ...wrong, requestId: '' });
  });
});

describe('refreshing', () => {
  it('gives a new pair for the same user', async () => {
    const { tokens } = await newAccount(api);
    const next = bodyOf(await refresh(tokens.refreshToken), 200, tokensSchema);
    expect(next.user).toEqual(tokens.user);
    expect(next.refreshToken).not.toBe(tokens.refreshToken);
    expect((await api.as(next.accessToken).call('GET', '/v1/auth/me')).status).toBe(200);
  });

  it('gives a client that asks again, because the answer was lost, the same successor', async () => {
    const { tokens } = await newAccount(api);
    const next = bodyOf(await refresh(tokens.refreshToken), 200, tokensSchema);
    const again = bodyOf(await refresh(tokens.refreshToken), 200, tokensSchema);
    expect(again.refreshToken).toBe(next.refreshToken);
    bodyOf(await refresh(next.refreshToken), 200, tokensSchema);
  });

  it('refuses what is no refresh token, an access token for one', async () => {
    const { tokens } = await newAccount(api);
    expect(refusal(await refresh('x'.repeat(43)))).toBe('401 invalid_refresh_token');
    const answer = await refresh(tokens.accessToken);
    expect(answer.status === 401 || answer.status === 400, refusal(answer)).toBe(true);
  });
});

describe('logging out', () => {
  it('ends the session: neither of its tokens opens anything of auth afterwards', async () => {
    const account = await newAccount(api);
    expect((await account.api.call('POST', '/v1/auth/logout')).status).toBe(204);
    await until(
      async () => refusal(await account.api.call('GET', '/v1/auth/me')),
      (answer) => answer === '401 unauthorized',
      { withinMs: 10_000, everyMs: 50, what: 'the access token to be refused' },
    );
    expect(refusal(await refresh(account.tokens.refreshToken))).toBe('401 invalid_refresh_token');
  });

  it('can be repeated', async () => {
    const account = await newAccount(api);
    await account.api.call('POST', '/v1/auth/logout');
    expect([204, 401]).toContain((await account.api.call('POST', '/v1/auth/logout')).status);
  });
});

describe('the key set', () => {
  it('holds the public half of Ed25519 keys and nothing private', async () => {
    const key = z.strictObject({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      x: z.string().min(40),
      kid: z.string().min(1),
      alg: z.literal('EdDSA'),
      use: z.literal('sig'),
    });
    const answer = await api.call('GET', '/.well-known/jwks.json');
    bodyOf(answer, 200, z.strictObject({ keys: z.array(key).min(1) }));
  });
});
