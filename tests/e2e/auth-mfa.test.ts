import { URI } from 'otpauth';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, refusal } from './harness/client.ts';
import { query, tablesWith } from './harness/database.ts';
import { mfaChallengeSchema, tokensSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const enrolmentSchema = z.strictObject({ secret: z.string(), otpauthUri: z.string() });
const recoverySchema = z.strictObject({ recoveryCodes: z.array(z.string()).length(10) });

const forUser = (statement: string, account: Account) =>
  query(installation, statement, [account.tokens.user.id.slice(4)]);
/** As if the last code had been used long ago: nobody waits half a minute for the next one. */
const nextStep = (account: Account) =>
  forUser('update auth.totp_credentials set last_step = 0 where user_id = $1::uuid', account);
const challenge = async ({ email, password }: Account) => {
  const answer = await api.call('POST', '/v1/auth/login', { json: { email, password } });
  return bodyOf(answer, 202, mfaChallengeSchema);
};
const verify = (json: object) => api.call('POST', '/v1/auth/mfa/verify', { json });

// S9
describe('what is sensitive', () => {
  it('wants a proof of identity of the last ten minutes, which a step-up gives', async () => {
    const account = await newAccount(api);
    const { id } = account.tokens.user;
    await query(
      installation,
      `update auth.sessions set authenticated_at = now() - interval '11 minutes' where user_id = $1::uuid`,
      [id.slice(4)],
    );
    const sensitive = [
      ['POST', '/v1/auth/email', { newEmail: 'another@example.com' }],
      ['POST', '/v1/auth/mfa/totp', undefined],
      ['DELETE', '/v1/auth/mfa/totp', undefined],
      ['POST', '/v1/auth/mfa/recovery-codes', undefined],
      ['POST', '/v1/auth/passkeys/options', undefined],
      ['POST', '/v1/auth/api-keys', { name: 'key', scopes: ['files:read'] }],
      ['GET', '/v1/auth/me/export', undefined],
      ['DELETE', '/v1/auth/me', {}],
    ] as const;
    for (const [method, path, json] of sensitive) {
      const answer = await account.api.call(method, path, json === undefined ? {} : { json });
      expect(refusal(answer), `${method} ${path}`).toBe('403 reauth_required');
    }
    const stepUp = (password: string) => account.api.call('POST', '/v1/auth/step-up', { json: { password } });
    expect(refusal(await stepUp('not the password'))).toBe('403 wrong_password');
    const { accessToken } = bodyOf(await stepUp(account.password), 200, tokensSchema);
    const answer = await api.as(accessToken).call('POST', '/v1/auth/mfa/totp');
    bodyOf(answer, 200, enrolmentSchema);
  });
});

// S10
describe('an authenticator app', () => {
  let account: Account;
  let secret: string;
  let recoveryCodes: string[];
  let codeAt: (secondsFromNow?: number) => string;

  beforeAll(async () => {
    account = await newAccount(api);
    const begun = await account.api.call('POST', '/v1/auth/mfa/totp');
    const enrolment = bodyOf(begun, 200, enrolmentSchema);
    secret = enrolment.secret;
    const app = URI.parse(enrolment.otpauthUri);
    if (!('period' in app)) throw new Error('the address is not one of a TOTP');
    expect([app.period, app.digits, app.label]).toEqual([30, 6, account.email]);
    codeAt = (seconds = 0) => app.generate({ timestamp: Date.now() + seconds * 1000 });
  });

  it('counts only once it has shown a code', async () => {
    const { email, password } = account;
    const answer = await api.call('POST', '/v1/auth/login', { json: { email, password } });
    bodyOf(answer, 200, tokensSchema);
    const confirm = (code: string) =>
      account.api.call('POST', '/v1/auth/mfa/totp/confirm', { json: { code } });
    expect(refusal(await confirm(codeAt(3_600)))).toBe('401 invalid_code');
    recoveryCodes = bodyOf(await confirm(codeAt()), 200, recoverySchema).recoveryCodes;
    const { methods } = await challenge(account);
    expect(methods).toEqual(['totp', 'recovery']);
  });

  it('finishes a sign-in with the code of now, and the password alone opens nothing', async () => {
    await nextStep(account);
    const { mfaToken } = await challenge(account);
    expect(refusal(await api.as(mfaToken).call('GET', '/v1/auth/me'))).toBe('401 unauthorized');
    const { accessToken } = bodyOf(await verify({ mfaToken, code: codeAt() }), 200, tokensSchema);
    expect((await api.as(accessToken).call('GET', '/v1/auth/me')).status).toBe(200);
  });

  it('has each code taken once, also by two at the same time', async () => {
    await nextStep(account);
    const code = codeAt();
    const first = await challenge(account);
    const second = await challenge(account);
    const answers = await Promise.all([first, second].map(({ mfaToken }) => verify({ mfaToken, code })));
    expect(answers.map(refusal).toSorted()).toEqual(['200', '401 invalid_code']);
    const { mfaToken } = await challenge(account);
    expect(refusal(await verify({ mfaToken, code }))).toBe('401 invalid_code');
  });

  it('has no code taken that is too old or too early', async () => {
    await nextStep(account);
    for (const seconds of [-90, 90, 3_600]) {
      const { mfaToken } = await challenge(account);
      const answer = await verify({ mfaToken, code: codeAt(seconds) });
      expect(refusal(answer), `${seconds} s`).toBe('401 invalid_code');
    }
  });

  it('gets five tries in one sign-in; then even the right code is too late', async () => {
    await nextStep(account);
    const { mfaToken } = await challenge(account);
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect(refusal(await verify({ mfaToken, code: codeAt(7_200) }))).toBe('401 invalid_code');
    expect(refusal(await verify({ mfaToken, code: codeAt() }))).toBe('401 invalid_mfa_token');
  });

  it('is stood in for by a recovery code, each of them once', async () => {
    const [recoveryCode = ''] = recoveryCodes;
    const { mfaToken } = await challenge(account);
    const typed = ` ${recoveryCode.toLowerCase().replaceAll('-', ' ')}`;
    bodyOf(await verify({ mfaToken, recoveryCode: typed }), 200, tokensSchema);
    const again = await challenge(account);
    expect(refusal(await verify({ mfaToken: again.mfaToken, recoveryCode }))).toBe('401 invalid_code');
    const [row] = await forUser(
      'select count(*)::int as left from auth.recovery_codes where user_id = $1::uuid and used_at is null',
      account,
    );
    expect(row?.left).toBe(9);
  });

  it('has neither secret nor recovery codes in the database in clear', async () => {
    expect(await tablesWith(installation, secret)).toEqual([]);
    for (const code of recoveryCodes.slice(0, 2))
      for (const spelling of [code, code.replaceAll('-', '')])
        expect(await tablesWith(installation, spelling)).toEqual([]);
    expect(new Set(recoveryCodes).size).toBe(10);
    for (const code of recoveryCodes) expect(code.replaceAll('-', '').length * 5).toBeGreaterThanOrEqual(128);
  });

  it('is over when the password was changed in the middle of a sign-in', async () => {
    await nextStep(account);
    const { mfaToken } = await challenge(account);
    await forUser(`update auth.users set password_changed_at = now() where id = $1::uuid`, account);
    expect(refusal(await verify({ mfaToken, code: codeAt() }))).toBe('401 invalid_mfa_token');
  });

  it('is removed by its owner, and sign-ins go without it', async () => {
    expect((await account.api.call('DELETE', '/v1/auth/mfa/totp')).status).toBe(204);
    const { email, password } = account;
    bodyOf(await api.call('POST', '/v1/auth/login', { json: { email, password } }), 200, tokensSchema);
  });
});
