import { sql } from 'drizzle-orm';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import {
  type AuthenticatorChoices,
  createTestAuthenticator,
  type TestAuthenticator,
} from '../testing/test-authenticator.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const uuid = (account: { id: string }) => sql`${idToUuid(account.id)}::uuid`;

async function begin(account: TestAccount) {
  const answer = await account.call('POST', '/v1/auth/passkeys/options');
  expect(answer.status).toBe(200);
  return answer.body;
}
const add = (account: TestAccount, token: string, response: object, name = 'Laptop') =>
  account.call('POST', '/v1/auth/passkeys', { json: { token, name, response } });

async function withPasskey(account: TestAccount): Promise<TestAuthenticator & { id: string }> {
  const authenticator = createTestAuthenticator(account.id);
  const { token, options } = await begin(account);
  const added = await add(account, token, authenticator.register(options));
  expect(added).toMatchObject({ status: 201, body: { name: 'Laptop', lastUsedAt: null } });
  return { ...authenticator, id: added.body.id };
}

async function signIn(authenticator: TestAuthenticator, choices: AuthenticatorChoices = {}, on = system) {
  const { body } = await on.call('POST', '/v1/auth/passkeys/sign-in/options');
  const response = authenticator.assert(body.options, choices);
  return on.call('POST', '/v1/auth/passkeys/sign-in', { json: { token: body.token, response } });
}

const refused = { status: 401, body: { code: 'invalid_passkey' } };
async function sessionsOf(account: TestAccount): Promise<unknown[]> {
  const { rows } = await system.db.execute(
    sql`select methods from auth.sessions where user_id = ${uuid(account)} order by created_at`,
  );
  return rows.map(({ methods }) => methods);
}
async function audited(account: TestAccount): Promise<string[]> {
  const { rows } = await system.db.execute(sql`
    select action || ' ' || result || coalesce(' ' || reason, '') as line from core.audit_events
    where actor_id = ${account.id} order by id`);
  return rows.map(({ line }) => String(line));
}
async function mailsTo(account: TestAccount): Promise<string> {
  await system.runCron();
  return system.emails
    .filter(({ to }) => to.includes(account.email))
    .map(({ text }) => text)
    .join('\n');
}
async function mfaChallenge({ email, password }: TestAccount) {
  const answer = await system.call('POST', '/v1/auth/login', { json: { email, password } });
  expect(answer.status).toBe(202);
  return answer.body;
}

describe('adding a passkey', () => {
  test('asks the browser for one that signs in by itself, and unlocks', async () => {
    const account = await system.register();
    const existing = await withPasskey(account);
    const { token, options } = await begin(account);
    expect(token).not.toContain(options.challenge);
    expect(options).toMatchObject({
      rp: { id: 'api.test', name: 'AI Cloud Storage' },
      user: { name: account.email },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      excludeCredentials: [{ id: existing.credentialId, transports: ['internal', 'hybrid'] }],
    });
    expect(await audited(account)).toContain('passkey.create success');
    expect(await mailsTo(account)).toContain('passkey “Laptop” was added');
    expect((await account.call('GET', '/v1/auth/mfa')).body).toMatchObject({ passkeys: 1 });
  });

  test.each<[string, AuthenticatorChoices]>([
    ['for another origin', { origin: 'https://api.test.evil.example' }],
    ['for another domain', { rpId: 'evil.example' }],
    ['without the user being verified', { userVerified: false }],
    ['to another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['that is a sign-in', { type: 'webauthn.get' }],
  ])('with an answer %s is refused', async (_, choices) => {
    const account = await system.register();
    const { token, options } = await begin(account);
    const response = createTestAuthenticator(account.id).register(options, choices);
    expect(await add(account, token, response)).toMatchObject({
      status: 400,
      body: { code: 'passkey_refused' },
    });
    expect((await account.call('GET', '/v1/auth/passkeys')).body.items).toEqual([]);
    expect(await audited(account)).toContain('passkey.create failure passkey_refused');
  });

  test('twice with one challenge is refused, at once too', async () => {
    const account = await system.register();
    const { token, options } = await begin(account);
    const answers = await Promise.all(
      [1, 2, 3].map(() => add(account, token, createTestAuthenticator(account.id).register(options))),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 400, 400]);
  });

  test('with the challenge of somebody else is refused', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    const { token, options } = await begin(theirs);
    const response = createTestAuthenticator(mine.id).register(options);
    expect(await add(mine, token, response)).toMatchObject({
      status: 400,
      body: { code: 'passkey_refused' },
    });
  });

  test('that somebody has registered is refused', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    const { credentialId } = await withPasskey(theirs);
    const { token, options } = await begin(mine);
    const response = createTestAuthenticator(mine.id, { credentialId }).register(options);
    expect(await add(mine, token, response)).toMatchObject({ status: 409, body: { code: 'factor_exists' } });
  });

  test.each([
    ['damaged CBOR', { attestationObject: 'o2NmbXRkbm9uZQ' }],
    ['no CBOR', { attestationObject: 'AAAA' }],
    ['client data that is no JSON', { clientDataJSON: 'AAAA' }],
  ])('with %s is refused', async (_, damage) => {
    const account = await system.register();
    const { token, options } = await begin(account);
    const good = createTestAuthenticator(account.id).register(options) as { response: object };
    const response = { ...good, response: { ...good.response, ...damage } };
    expect(await add(account, token, response)).toMatchObject({
      status: 400,
      body: { code: 'passkey_refused' },
    });
  });

  test('stops at twenty', async () => {
    const account = await system.register();
    await system.db.execute(sql`insert into auth.passkeys (id, user_id, name, credential_id, public_key, counter, backed_up)
      select gen_random_uuid(), ${uuid(account)}, 'n', ${account.id} || n, 'x', 0, false from generate_series(1, 19) n`);
    const begun = [await begin(account), await begin(account)];
    const answers = await Promise.all(
      begun.map(({ token, options }) =>
        add(account, token, createTestAuthenticator(account.id).register(options)),
      ),
    );
    expect(answers.map(({ status, body }) => body.code ?? status).sort()).toEqual([201, 'too_many_passkeys']);
  });
});

describe('signing in with a passkey', () => {
  test('opens a session without a password or a second question', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const answer = await signIn(passkey);
    expect(answer).toMatchObject({ status: 200, body: { user: { id: account.id } } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(await sessionsOf(account)).toEqual([['pwd'], ['hwk']]);
    const { body } = await account.call('GET', '/v1/auth/passkeys');
    expect(body.items[0].lastUsedAt).not.toBeNull();
  });

  test('asks everybody the same', async () => {
    const [a, b] = [
      await system.call('POST', '/v1/auth/passkeys/sign-in/options'),
      await system.call('POST', '/v1/auth/passkeys/sign-in/options'),
    ];
    const shape = (answer: typeof a) => ({
      ...answer.body,
      token: '',
      options: { ...answer.body.options, challenge: '' },
    });
    expect(shape(a)).toEqual(shape(b));
    expect(a.body.options).toMatchObject({ rpId: 'api.test', userVerification: 'required' });
    expect(a.body.options.allowCredentials ?? []).toEqual([]);
    expect(a.body.options.challenge).not.toBe(b.body.options.challenge);
  });

  test.each<[string, AuthenticatorChoices]>([
    ['from another origin', { origin: 'https://evil.example' }],
    ['from the same host without TLS', { origin: 'http://api.test' }],
    ['for another domain', { rpId: 'evil.example' }],
    ['without the user being verified', { userVerified: false }],
    ['to another challenge', { challenge: Buffer.alloc(32).toString('base64url') }],
    ['that is a registration', { type: 'webauthn.create' }],
    ['that names nobody', { userHandle: null }],
    ['that names somebody else', { userHandle: Buffer.from(`usr_${'0'.repeat(32)}`).toString('base64url') }],
  ])('by an answer %s is refused', async (_, choices) => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    expect(await signIn(passkey, choices)).toMatchObject(refused);
    expect(await sessionsOf(account)).toEqual([['pwd']]);
    expect((await signIn(passkey)).status).toBe(200);
  });

  test('by one that nobody registered is refused', async () => {
    expect(await signIn(createTestAuthenticator(`usr_${'0'.repeat(32)}`))).toMatchObject(refused);
  });

  test('by the credential of another user, with a key of one’s own, is refused', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    await withPasskey(mine);
    const { credentialId } = await withPasskey(theirs);
    expect(await signIn(createTestAuthenticator(theirs.id, { credentialId }))).toMatchObject(refused);
    expect(await sessionsOf(theirs)).toEqual([['pwd']]);
  });

  test('with the answer of before is refused', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const { body } = await system.call('POST', '/v1/auth/passkeys/sign-in/options');
    const json = { token: body.token, response: passkey.assert(body.options) };
    const answers = await Promise.all(
      [1, 2, 3].map(() => system.call('POST', '/v1/auth/passkeys/sign-in', { json })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401]);
    const fresh = await system.call('POST', '/v1/auth/passkeys/sign-in/options');
    expect(
      await system.call('POST', '/v1/auth/passkeys/sign-in', { json: { ...json, token: fresh.body.token } }),
    ).toMatchObject(refused);
  });

  test('with a challenge for something else is refused', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const { token, options } = await begin(account);
    const json = { token, response: passkey.assert(options) };
    expect(await system.call('POST', '/v1/auth/passkeys/sign-in', { json })).toMatchObject(refused);
  });

  test('by a copy, whose counter went back, is refused and told to the person', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    expect((await signIn(passkey, { counter: 7 })).status).toBe(200);
    expect(await signIn(passkey, { counter: 7 })).toMatchObject(refused);
    expect(await signIn(passkey, { counter: 0 })).toMatchObject(refused);
    expect(await audited(account)).toContain('passkey.verify denied counter_went_back');
    expect(await mailsTo(account)).toContain('seems to have been copied');
    expect((await signIn(passkey, { counter: 8 })).status).toBe(200);
  });

  test('of a disabled account is refused', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    await system.db.execute(sql`update auth.users set disabled_at = now() where id = ${uuid(account)}`);
    expect(await signIn(passkey)).toMatchObject({ status: 403, body: { code: 'account_disabled' } });
  });

  test('works from further origins where they are configured', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const app = `android:apk-key-hash:${'A'.repeat(43)}`;
    const further = system.withEnv({ WEBAUTHN_ORIGINS: `https://app.test, ${app}` });
    expect((await signIn(passkey, { origin: app }, further)).status).toBe(200);
    expect((await signIn(passkey, { origin: 'https://app.test' }, further)).status).toBe(200);
    expect(await signIn(passkey, { origin: 'https://other.test' }, further)).toMatchObject(refused);
    expect(await signIn(passkey, { origin: app })).toMatchObject(refused);
  });
});

describe('a passkey as second factor', () => {
  const verify = (json: object) => system.call('POST', '/v1/auth/mfa/verify', { json });

  test('is offered after the password, and opens a session of both', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const { mfaToken, methods } = await mfaChallenge(account);
    expect(methods).toEqual(['passkey']);
    const { body: options } = await system.call('POST', '/v1/auth/mfa/passkey-options', {
      json: { mfaToken },
    });
    expect(options.allowCredentials.map(({ id }: { id: string }) => id)).toEqual([passkey.credentialId]);
    const answer = await verify({ mfaToken, passkey: passkey.assert(options, { userHandle: null }) });
    expect(answer).toMatchObject({ status: 200, body: { user: { id: account.id } } });
    expect((await sessionsOf(account)).at(-1)).toEqual(['pwd', 'hwk']);
  });

  test('of somebody else is refused', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    const passkey = await withPasskey(mine);
    await withPasskey(theirs);
    const { mfaToken } = await mfaChallenge(theirs);
    const { body: options } = await system.call('POST', '/v1/auth/mfa/passkey-options', {
      json: { mfaToken },
    });
    expect(await verify({ mfaToken, passkey: passkey.assert(options) })).toMatchObject({
      status: 401,
      body: { code: 'invalid_code' },
    });
  });

  test('with the challenge of another sign-in is refused', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    const [first, second] = [await mfaChallenge(account), await mfaChallenge(account)];
    const { body: options } = await system.call('POST', '/v1/auth/mfa/passkey-options', {
      json: { mfaToken: first.mfaToken },
    });
    expect(await verify({ mfaToken: second.mfaToken, passkey: passkey.assert(options) })).toMatchObject({
      status: 401,
      body: { code: 'invalid_code' },
    });
  });

  test('is not offered to a token that was made up', async () => {
    expect(
      await system.call('POST', '/v1/auth/mfa/passkey-options', { json: { mfaToken: 'x' } }),
    ).toMatchObject({ status: 401, body: { code: 'invalid_mfa_token' } });
  });
});

describe('keeping passkeys', () => {
  test('they are listed and renamed by their owner only', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    const { id } = await withPasskey(mine);
    const rename = (account: TestAccount, name: string) =>
      account.call('PATCH', `/v1/auth/passkeys/${id}`, { json: { name } });
    expect(await rename(theirs, 'mine now')).toMatchObject({
      status: 404,
      body: { code: 'factor_not_found' },
    });
    expect((await theirs.call('DELETE', `/v1/auth/passkeys/${id}`)).status).toBe(404);
    expect(await rename(mine, '  Schlüssel 🔑 ')).toMatchObject({
      status: 200,
      body: { name: 'Schlüssel 🔑' },
    });
    for (const name of ['', ' ', 'a\r\nb', 'a\u0000', 'x'.repeat(101)])
      expect(await rename(mine, name)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const list = await mine.call('GET', '/v1/auth/passkeys');
    expect(list.body).toMatchObject({ items: [{ id, name: 'Schlüssel 🔑' }], nextCursor: null });
    expect((await theirs.call('GET', '/v1/auth/passkeys')).body.items).toEqual([]);
    expect(await mine.call('DELETE', '/v1/auth/passkeys/pky_x')).toMatchObject({ status: 400 });
  });

  test('a removed one does not sign in any more, and the person is told', async () => {
    const account = await system.register();
    const passkey = await withPasskey(account);
    expect((await account.call('DELETE', `/v1/auth/passkeys/${passkey.id}`)).status).toBe(204);
    expect(await signIn(passkey)).toMatchObject(refused);
    expect(await audited(account)).toContain('passkey.remove success');
    expect(await mailsTo(account)).toContain('passkey was removed');
  });

  test('a policy keeps the last factor, whatever is removed at once', async () => {
    const account = await system.register();
    const [first, second] = [await withPasskey(account), await withPasskey(account)];
    const begun = await account.call('POST', '/v1/auth/mfa/totp');
    const code = new TOTP({ secret: Secret.fromBase32(begun.body.secret) }).generate();
    expect((await account.call('POST', '/v1/auth/mfa/totp/confirm', { json: { code } })).status).toBe(200);
    await system.db.execute(sql`
      with w as (insert into auth.workspaces (id, name) values (gen_random_uuid(), 'strict') returning id),
        p as (insert into auth.policies (workspace_id, policy) select id, '{"requireMfa": true}' from w)
      insert into auth.workspace_members (workspace_id, user_id, role) select id, ${uuid(account)}, 'member' from w`);
    // The session has no second factor: it may mend the account, and that is all it needs.
    const answers = await Promise.all([
      account.call('DELETE', `/v1/auth/passkeys/${first.id}`),
      account.call('DELETE', `/v1/auth/passkeys/${second.id}`),
      account.call('DELETE', '/v1/auth/mfa/totp'),
    ]);
    expect(answers.map(({ status, body }) => body?.code ?? status).sort()).toEqual([
      204,
      204,
      'mfa_required_by_policy',
    ]);
    const { body } = await account.call('GET', '/v1/auth/mfa');
    expect(body.passkeys + Number(body.totp.enabled)).toBe(1);
  });
});
