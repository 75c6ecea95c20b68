import { sql } from 'drizzle-orm';
import { Secret, TOTP } from 'otpauth';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import { normalizeRecoveryCode, toRecoveryCode } from './recovery-codes.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());
afterEach(() => vi.useRealTimers());

const uuid = (account: { id: string }) => sql`${idToUuid(account.id)}::uuid`;
const codeOf = (secret: string, atMs = Date.now()) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: atMs });
/** Only the clock that the module reads: no timer stands still. */
const pass = (ms: number) => {
  const target = Date.now() + ms;
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(target);
};
const nextStep = () => pass(30_000);
const wrong = (code: string) => `${(Number(code[0]) + 1) % 10}${code.slice(1)}`;

async function enrol(account: TestAccount): Promise<{ secret: string; recoveryCodes: string[] }> {
  const begun = await account.call('POST', '/v1/auth/mfa/totp');
  expect(begun.status).toBe(200);
  const { secret } = begun.body;
  const confirmed = await account.call('POST', '/v1/auth/mfa/totp/confirm', {
    json: { code: codeOf(secret) },
  });
  expect(confirmed).toMatchObject({ status: 200 });
  return { secret, recoveryCodes: confirmed.body.recoveryCodes };
}

const login = ({ email, password }: TestAccount, on = system) =>
  on.call('POST', '/v1/auth/login', { json: { email, password } });
async function challenge(account: TestAccount, on = system): Promise<string> {
  const answer = await login(account, on);
  expect(answer.status).toBe(202);
  return answer.body.mfaToken;
}
const verify = (json: object, on = system, address = '203.0.113.7') =>
  on.call('POST', '/v1/auth/mfa/verify', { json, address });
const status = async (account: TestAccount) => (await account.call('GET', '/v1/auth/mfa')).body;
async function audited(account: TestAccount): Promise<string[]> {
  const { rows } = await system.db.execute(sql`
    select action || ' ' || result || coalesce(' ' || reason, '') as line from core.audit_events
    where actor_id = ${account.id} and action not in ('user.register') order by id`);
  return rows.map(({ line }) => String(line));
}
async function mailsTo(account: TestAccount): Promise<string> {
  await system.runCron();
  return system.emails
    .filter(({ to }) => to.includes(account.email))
    .map(({ text }) => text)
    .join('\n');
}

describe('setting up an authenticator app', () => {
  test('asks for nothing before it is confirmed, and for a code from then on', async () => {
    const account = await system.register();
    expect(await status(account)).toEqual({
      totp: { enabled: false, createdAt: null },
      passkeys: 0,
      recoveryCodesLeft: 0,
      requiredByPolicy: false,
    });
    const begun = await account.call('POST', '/v1/auth/mfa/totp');
    expect(begun.body.secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(new URL(begun.body.otpauthUri).searchParams.get('secret')).toBe(begun.body.secret);
    expect(begun.headers.get('cache-control')).toBe('no-store');
    expect((await login(account)).status).toBe(200);
    await enrol(account);
    expect(await login(account)).toMatchObject({
      status: 202,
      body: { methods: ['totp', 'recovery'], expiresIn: 300 },
    });
    expect(await status(account)).toMatchObject({ totp: { enabled: true }, recoveryCodesLeft: 10 });
    expect(await audited(account)).toContain('totp.enrol success');
    expect(await mailsTo(account)).toContain('authenticator app was added');
  });

  test('keeps the secret sealed, and the recovery codes as hashes', async () => {
    const account = await system.register();
    const { secret, recoveryCodes } = await enrol(account);
    const { rows } = await system.db.execute(sql`
      select to_jsonb(t) as t, (select jsonb_agg(to_jsonb(r)) from auth.recovery_codes r where r.user_id = t.user_id) as r
      from auth.totp_credentials t where user_id = ${uuid(account)}`);
    const dump = JSON.stringify(rows);
    for (const clear of [secret, ...recoveryCodes.flatMap((code) => [code, normalizeRecoveryCode(code)])])
      expect(dump).not.toContain(clear);
    expect(dump).toContain('v1.k1.');
  });

  test('with a wrong code is not done', async () => {
    const account = await system.register();
    const { body } = await account.call('POST', '/v1/auth/mfa/totp');
    const answer = await account.call('POST', '/v1/auth/mfa/totp/confirm', {
      json: { code: wrong(codeOf(body.secret)) },
    });
    expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_code' } });
    expect((await login(account)).status).toBe(200);
    expect(await audited(account)).toContain('totp.enrol failure invalid_code');
  });

  test('that was not begun, or too long ago, cannot be confirmed', async () => {
    const account = await system.register();
    const confirm = (code: string) => account.call('POST', '/v1/auth/mfa/totp/confirm', { json: { code } });
    expect(await confirm('123456')).toMatchObject({ status: 404, body: { code: 'factor_not_found' } });
    const { body } = await account.call('POST', '/v1/auth/mfa/totp');
    await system.db.execute(
      sql`update auth.totp_credentials set created_at = now() - interval '601 seconds' where user_id = ${uuid(account)}`,
    );
    expect(await confirm(codeOf(body.secret))).toMatchObject({ status: 404 });
  });

  test('over one that is there is refused, and the old one stays', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    expect(await account.call('POST', '/v1/auth/mfa/totp')).toMatchObject({
      status: 409,
      body: { code: 'factor_exists' },
    });
    nextStep();
    const mfaToken = await challenge(account);
    expect((await verify({ mfaToken, code: codeOf(secret) })).status).toBe(200);
  });

  test('twice at once ends with one set of recovery codes', async () => {
    const account = await system.register();
    const { body } = await account.call('POST', '/v1/auth/mfa/totp');
    const json = { code: codeOf(body.secret) };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => account.call('POST', '/v1/auth/mfa/totp/confirm', { json })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 409, 409, 409]);
    expect((await status(account)).recoveryCodesLeft).toBe(10);
  });

  test('needs a recent proof of identity', async () => {
    const account = await system.register();
    await system.db.execute(
      sql`update auth.sessions set authenticated_at = now() - interval '11 minutes' where user_id = ${uuid(account)}`,
    );
    for (const [method, path] of [
      ['POST', '/v1/auth/mfa/totp'],
      ['DELETE', '/v1/auth/mfa/totp'],
      ['POST', '/v1/auth/mfa/recovery-codes'],
      ['POST', '/v1/auth/passkeys/options'],
    ] as const)
      expect(await account.call(method, path)).toMatchObject({
        status: 403,
        body: { code: 'reauth_required' },
      });
  });

  test.each([{ code: 123456 }, { code: '12345' }, { code: '١٢٣٤٥٦' }, { code: '123456', more: 1 }, {}])(
    'with %j is not a request',
    async (json) => {
      const account = await system.register();
      expect(await account.call('POST', '/v1/auth/mfa/totp/confirm', { json })).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      });
    },
  );
});

describe('signing in with a code', () => {
  test('opens a session of both methods', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const answer = await verify({ mfaToken: await challenge(account), code: codeOf(secret) });
    expect(answer).toMatchObject({ status: 200, body: { user: { id: account.id }, tokenType: 'Bearer' } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const { rows } = await system.db.execute(
      sql`select methods from auth.sessions where user_id = ${uuid(account)} order by created_at desc limit 1`,
    );
    expect(rows[0]?.methods).toEqual(['pwd', 'otp']);
  });

  test('works once: the code that confirmed, or signed in, is spent', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    const code = codeOf(secret);
    const first = await verify({ mfaToken: await challenge(account), code });
    expect(first).toMatchObject({ status: 401, body: { code: 'invalid_code' } });
    nextStep();
    const next = codeOf(secret);
    expect((await verify({ mfaToken: await challenge(account), code: next })).status).toBe(200);
    expect(await verify({ mfaToken: await challenge(account), code: next })).toMatchObject({
      status: 401,
      body: { code: 'invalid_code' },
    });
    expect(await audited(account)).toContain('mfa.verify failure invalid_code');
  });

  test('does not work with the code of a step-up, which is spent by that', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const code = codeOf(secret);
    const mfaToken = await challenge(account);
    expect((await account.call('POST', '/v1/auth/step-up', { json: { code } })).status).toBe(200);
    expect(await verify({ mfaToken, code })).toMatchObject({ status: 401, body: { code: 'invalid_code' } });
  });

  test('of many uses of one code at once, one wins', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const tokens = await Promise.all([1, 2, 3, 4, 5].map(() => challenge(account)));
    const code = codeOf(secret);
    const answers = await Promise.all(tokens.map((mfaToken) => verify({ mfaToken, code })));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401, 401]);
  });

  test('spends its token: not even another good factor redeems it again', async () => {
    const account = await system.register();
    const { secret, recoveryCodes } = await enrol(account);
    nextStep();
    const mfaToken = await challenge(account);
    expect((await verify({ mfaToken, code: codeOf(secret) })).status).toBe(200);
    expect(await verify({ mfaToken, recoveryCode: recoveryCodes[0] })).toMatchObject({
      status: 401,
      body: { code: 'invalid_mfa_token' },
    });
    expect((await status(account)).recoveryCodesLeft).toBe(10);
  });

  test('of another user is refused', async () => {
    const [mine, theirs] = [await system.register(), await system.register()];
    const { secret, recoveryCodes } = await enrol(mine);
    await enrol(theirs);
    nextStep();
    const mfaToken = await challenge(theirs);
    for (const proof of [{ code: codeOf(secret) }, { recoveryCode: recoveryCodes[0] }])
      expect(await verify({ mfaToken, ...proof })).toMatchObject({
        status: 401,
        body: { code: 'invalid_code' },
      });
    expect((await status(mine)).recoveryCodesLeft).toBe(10);
  });

  test('may be tried five times, then the sign-in starts again', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const mfaToken = await challenge(account);
    const tries = await Promise.all(
      [1, 2, 3, 4, 5].map(() => verify({ mfaToken, code: wrong(codeOf(secret)) })),
    );
    expect(tries.map(({ body }) => body.code)).toEqual(Array.from({ length: 5 }, () => 'invalid_code'));
    expect(await verify({ mfaToken, code: codeOf(secret) })).toMatchObject({
      status: 401,
      body: { code: 'invalid_mfa_token' },
    });
  });

  test.each(['expired', 'made up'])('with a token that is %s starts again', async (how) => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    let mfaToken = await challenge(account);
    if (how === 'made up') mfaToken = 'x'.repeat(43);
    else
      await system.db.execute(sql`update auth.one_time_tokens set expires_at = now() - interval '1 second'
        where user_id = ${uuid(account)}`);
    expect(await verify({ mfaToken, code: codeOf(secret) })).toMatchObject({
      status: 401,
      body: { code: 'invalid_mfa_token' },
    });
  });

  test('is refused to an account that was disabled after the password', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const mfaToken = await challenge(account);
    await system.db.execute(sql`update auth.users set disabled_at = now() where id = ${uuid(account)}`);
    expect(await verify({ mfaToken, code: codeOf(secret) })).toMatchObject({
      status: 403,
      body: { code: 'account_disabled' },
    });
  });

  test('starts again when the password was changed in between', async () => {
    const account = await system.register();
    const { secret } = await enrol(account);
    nextStep();
    const mfaToken = await challenge(account);
    await system.db.execute(
      sql`update auth.users set password_changed_at = now() where id = ${uuid(account)}`,
    );
    expect(await verify({ mfaToken, code: codeOf(secret) })).toMatchObject({
      status: 401,
      body: { code: 'invalid_mfa_token' },
    });
  });

  test.each([
    {},
    { mfaToken: 'x' },
    { mfaToken: 'x', code: '123456', recoveryCode: 'y' },
    { mfaToken: 'x', code: "1' or '" },
    { mfaToken: 'x'.repeat(129), code: '123456' },
    { mfaToken: 'x', recoveryCode: 'y'.repeat(65) },
    { mfaToken: 'x', passkey: {} },
  ])('by %j is not a request', async (json) => {
    expect(await verify(json)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

describe('guessing codes', () => {
  test('ends after ten wrong ones, across sign-ins, with a warning; sessions and recovery codes work on', async () => {
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const account = await system.register();
    const { secret, recoveryCodes } = await enrol(account);
    nextStep();
    const bad = wrong(codeOf(secret));
    const tokens = [await challenge(account), await challenge(account), await challenge(account)];
    const answers = await Promise.all(
      tokens.flatMap((mfaToken) =>
        [1, 2, 3, 4, 5].map(() => verify({ mfaToken, code: bad }, strict, '198.51.100.7')),
      ),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([
      ...Array.from({ length: 10 }, () => 401),
      ...Array.from({ length: 5 }, () => 429),
    ]);
    const refused = await verify(
      { mfaToken: await challenge(account), code: codeOf(secret) },
      strict,
      '198.51.100.7',
    );
    expect(refused).toMatchObject({ status: 429, body: { code: 'too_many_requests' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await account.call('GET', '/v1/auth/me')).status).toBe(200);
    expect(await audited(account)).toContain('mfa.verify denied too_many_requests');
    expect(await mailsTo(account)).toContain('wrong codes of your authenticator app');
    const mfaToken = await challenge(account);
    expect((await verify({ mfaToken, recoveryCode: recoveryCodes[0] }, strict, '198.51.100.7')).status).toBe(
      200,
    );
  });

  test('a right code takes the wrong ones back', async () => {
    const strict = system.withEnv({ RATE_LIMIT_SCALE: '1' });
    const account = await system.register();
    const { secret } = await enrol(account);
    for (const _ of [1, 2, 3]) {
      nextStep();
      const mfaToken = await challenge(account);
      for (const _try of [1, 2, 3, 4])
        expect((await verify({ mfaToken, code: wrong(codeOf(secret)) }, strict, '198.51.100.7')).status).toBe(
          401,
        );
      expect((await verify({ mfaToken, code: codeOf(secret) }, strict, '198.51.100.7')).status).toBe(200);
    }
  });
});

describe('a recovery code', () => {
  test('signs in once, and the person is told', async () => {
    const account = await system.register();
    const { recoveryCodes } = await enrol(account);
    expect(new Set(recoveryCodes).size).toBe(10);
    const [recoveryCode = ''] = recoveryCodes;
    const typed = ` ${recoveryCode.toLowerCase().replaceAll('-', ' ')} `;
    expect((await verify({ mfaToken: await challenge(account), recoveryCode: typed })).status).toBe(200);
    expect(await verify({ mfaToken: await challenge(account), recoveryCode })).toMatchObject({
      status: 401,
      body: { code: 'invalid_code' },
    });
    expect((await status(account)).recoveryCodesLeft).toBe(9);
    expect(await audited(account)).toContain('recovery-code.use success');
    expect(await mailsTo(account)).toContain('9 are left');
    const { rows } = await system.db.execute(sql`
      select methods from auth.sessions where user_id = ${uuid(account)} order by created_at desc limit 1`);
    expect(rows[0]?.methods).toEqual(['pwd', 'rec']);
  });

  test('used by many at once works for one', async () => {
    const account = await system.register();
    const { recoveryCodes } = await enrol(account);
    const tokens = await Promise.all([1, 2, 3, 4, 5].map(() => challenge(account)));
    const answers = await Promise.all(
      tokens.map((mfaToken) => verify({ mfaToken, recoveryCode: recoveryCodes[3] })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401, 401, 401, 401]);
  });

  test('of an older set is void', async () => {
    const account = await system.register();
    const { recoveryCodes: old } = await enrol(account);
    const renewed = await account.call('POST', '/v1/auth/mfa/recovery-codes');
    expect(renewed.body.recoveryCodes).toHaveLength(10);
    const mfaToken = await challenge(account);
    expect((await verify({ mfaToken, recoveryCode: old[0] })).status).toBe(401);
    expect((await verify({ mfaToken, recoveryCode: renewed.body.recoveryCodes[0] })).status).toBe(200);
  });

  test('is not made for an account without a factor', async () => {
    const account = await system.register();
    expect(await account.call('POST', '/v1/auth/mfa/recovery-codes')).toMatchObject({
      status: 404,
      body: { code: 'factor_not_found' },
    });
    expect((await login(account)).status).toBe(200);
  });

  test('has 128 bits in letters that are not mistaken for digits', () => {
    expect(toRecoveryCode(new Uint8Array(16).fill(0xff))).toBe('ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-ZZZZZ-W');
    expect(toRecoveryCode(new Uint8Array(16))).toHaveLength(31);
    expect(normalizeRecoveryCode(' ilo-0o1L ')).toBe('1100011');
  });
});

describe('removing the authenticator app', () => {
  test('ends the asking and voids the recovery codes', async () => {
    const account = await system.register();
    await enrol(account);
    expect((await account.call('DELETE', '/v1/auth/mfa/totp')).status).toBe(204);
    expect((await login(account)).status).toBe(200);
    expect(await status(account)).toMatchObject({ totp: { enabled: false }, recoveryCodesLeft: 0 });
    expect(await account.call('DELETE', '/v1/auth/mfa/totp')).toMatchObject({
      status: 404,
      body: { code: 'factor_not_found' },
    });
    expect(await audited(account)).toContain('totp.remove success');
    expect(await mailsTo(account)).toContain('authenticator app was removed');
  });
});

describe('a policy that requires a second factor', () => {
  async function bind(account: TestAccount): Promise<void> {
    await system.db.execute(sql`
      with w as (insert into auth.workspaces (id, name) values (gen_random_uuid(), 'strict') returning id),
        p as (insert into auth.policies (workspace_id, policy) select id, '{"requireMfa": true}' from w)
      insert into auth.workspace_members (workspace_id, user_id, role) select id, ${uuid(account)}, 'member' from w`);
  }

  test('leaves a session without one the account itself, until its owner enrols and signs in again', async () => {
    const account = await system.register();
    await bind(account);
    const before = (await login(account)).body.accessToken;
    const ask = (token: string) =>
      system.call('POST', '/v1/workspaces', { token, json: { name: 'of my own' } });
    expect(await ask(before)).toMatchObject({ status: 403, body: { code: 'mfa_required' } });
    const { secret } = await enrol({
      ...account,
      call: (method, path, options) => system.call(method, path, { token: before, ...options }),
    });
    expect(await ask(before)).toMatchObject({ status: 403, body: { code: 'mfa_required' } });
    nextStep();
    const signedIn = await verify({ mfaToken: await challenge(account), code: codeOf(secret) });
    expect(await ask(signedIn.body.accessToken)).toMatchObject({ status: 201 });
  });

  test('keeps the last factor', async () => {
    const account = await system.register();
    await enrol(account);
    await bind(account);
    expect(await account.call('DELETE', '/v1/auth/mfa/totp')).toMatchObject({
      status: 409,
      body: { code: 'mfa_required_by_policy' },
    });
    expect(await status(account)).toMatchObject({ totp: { enabled: true }, requiredByPolicy: true });
  });
});
