import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { URI } from 'otpauth';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount, newEmail, signIn } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import { makeTemporaryFolder, ROOT } from './harness/local-stack.ts';
import { tokenSentTo } from './harness/mail.ts';
import { newPrincipal } from './harness/principals.ts';
import { newApiKeySchema, tokensSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const pageSchema = z.object({
  items: z.array(
    z.looseObject({
      id: z.int(),
      action: z.string(),
      result: z.string(),
      actor: z.looseObject({ kind: z.string(), id: z.string().nullable() }),
      requestId: z.string().nullable(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

let account: Account;
let admin: Client;
let folder: string;
let from: string;
/** Whatever must stay between the client and us. */
const secrets = new Map<string, string>();

beforeAll(async () => {
  from = new Date(Date.now() - 1_000).toISOString();
  folder = await makeTemporaryFolder('audit');
  admin = api.as((await newPrincipal(installation, { role: 'admin' })).token);
  account = await newAccount(api);
  const { email, api: mine } = account;
  const failedPassword = `a wrong one ${crypto.randomUUID()}`;
  await api.call('POST', '/v1/auth/login', { json: { email, password: failedPassword } });
  const made = await mine.call('POST', '/v1/auth/api-keys', {
    json: { name: 'audited', scopes: ['files:read'] },
  });
  const { key } = bodyOf(made, 201, newApiKeySchema);
  await api.as(key).call('GET', '/v1/files', { headers: { 'x-request-id': 'traced-0123456789' } });
  await mine.call('GET', '/v1/admin/users');
  await api.call('GET', `/v1/files?access_token=${account.tokens.accessToken}`);
  const enrolment = await mine.call('POST', '/v1/auth/mfa/totp');
  const { otpauthUri, secret } = JSON.parse(textOf(enrolment));
  const app = URI.parse(otpauthUri);
  const code = 'period' in app ? app.generate() : '';
  const confirmed = await mine.call('POST', '/v1/auth/mfa/totp/confirm', { json: { code } });
  const { recoveryCodes } = JSON.parse(textOf(confirmed));
  await mine.call('DELETE', '/v1/auth/mfa/totp');
  await api.call('POST', '/v1/auth/password/forgot', { json: { email } });
  const resetToken = await tokenSentTo(installation, email, 'reset-password');
  const newPassword = `changed ${crypto.randomUUID()}`;
  await api.call('POST', '/v1/auth/password/reset', { json: { token: resetToken, newPassword } });
  const tokens = await signIn(api, { email, password: newPassword });
  const refreshed = await api.call('POST', '/v1/auth/refresh', {
    json: { refreshToken: tokens.refreshToken },
  });
  const next = bodyOf(refreshed, 200, tokensSchema);
  await api.as(next.accessToken).call('POST', '/v1/auth/logout');
  await api.call('POST', '/v1/auth/login', { json: { email: newEmail(), password: failedPassword } });

  for (const [name, value] of Object.entries({
    password: account.password,
    failedPassword,
    newPassword,
    accessToken: account.tokens.accessToken,
    refreshToken: account.tokens.refreshToken,
    spentRefreshToken: tokens.refreshToken,
    newestRefreshToken: next.refreshToken,
    apiKey: key,
    totpSecret: secret,
    recoveryCode: recoveryCodes[0],
    resetToken,
  }))
    secrets.set(name, z.string().min(16).parse(value));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const search = async (filter: Record<string, string>) =>
  bodyOf(
    await admin.call('GET', `/v1/admin/audit?${new URLSearchParams({ from, limit: '200', ...filter })}`),
    200,
    pageSchema,
  ).items;

// S63
describe('the audit log', () => {
  it('has what a person did and what was refused to them', async () => {
    const { id } = account.tokens.user;
    const done = (await search({ actor: id })).map(({ action, result }) => `${action} ${result}`);
    expect(done).toEqual(
      expect.arrayContaining([
        'user.register success',
        'session.open success',
        'api-key.create success',
        'totp.enrol success',
        'totp.remove success',
        'password.reset success',
        'session.revoke success',
        'access.denied denied',
        'agent.call success',
      ]),
    );
    const failed = await search({ action: 'session.open', result: 'failure' });
    expect(failed.length).toBeGreaterThanOrEqual(2);
    const traced = (await search({ action: 'agent.call' })).map(({ requestId }) => requestId);
    expect(traced).toContain('traced-0123456789');
  });

  it('is for administrators; everybody sees what was done in their own name', async () => {
    const member = await newPrincipal(installation);
    const asMember = api.as(member.token);
    for (const path of ['', '/export', '/checkpoints'])
      expect(refusal(await asMember.call('GET', `/v1/admin/audit${path}`))).toBe('403 permission_denied');
    const own = bodyOf(await asMember.call('GET', '/v1/auth/activity'), 200, pageSchema).items;
    expect(own.every(({ actor }) => actor.id === member.userId)).toBe(true);
    expect(own.length).toBeGreaterThan(0);
  });

  it('cannot be changed in the database, not even with its password', async () => {
    const statements = [
      `update core.audit_events set action = 'nothing' where id = (select max(id) from core.audit_events)`,
      'delete from core.audit_events where id = (select max(id) from core.audit_events)',
      'truncate core.audit_events',
    ];
    for (const statement of statements) await expect(query(installation, statement)).rejects.toThrow();
  });

  it('holds no secret, and neither does the log of the Workers', async () => {
    const log = await readFile(installation.logFile, 'utf8');
    for (const module of ['gateway', 'auth', 'storage'])
      expect(log.includes(`"module":"${module}"`), `the log of ${module}`).toBe(true);
    for (const [name, secret] of secrets) {
      const rows = await query(
        installation,
        'select action from core.audit_events e where strpos(e::text, $1) > 0',
        [secret],
      );
      expect(rows, `${name} in the audit log`).toEqual([]);
      expect(log.includes(secret), `${name} in the log`).toBe(false);
    }
    for (const part of account.tokens.accessToken.split('.').slice(1)) expect(log).not.toContain(part);
  });
});

// S63
describe('an export of it', () => {
  let lines: string[];
  const run = promisify(execFile);
  /** Exit code and output of the verifier that anybody can run without us. */
  const verify = async (content: readonly string[], ...more: string[]) => {
    const file = join(folder, 'audit.jsonl');
    await writeFile(file, `${content.join('\n')}\n`);
    const args = ['--disable-warning=ExperimentalWarning', 'src/local/verify-audit.ts', file];
    return run(process.execPath, [...args, '--key', join(folder, 'keys.json'), ...more], { cwd: ROOT }).then(
      ({ stdout }) => ({ code: 0, output: stdout }),
      (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr }),
    );
  };

  beforeAll(async () => {
    const keys = await api.call('GET', '/v1/auth/audit/keys');
    await writeFile(join(folder, 'keys.json'), keys.bytes);
    const answer = await admin.call('GET', `/v1/admin/audit/export?${new URLSearchParams({ from })}`);
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment/);
    lines = textOf(answer).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(15);
  });

  it('verifies offline', async () => {
    const { code, output } = await verify(lines);
    expect([code, output]).toEqual([0, expect.stringMatching(/^good: entries \d+ to \d+/)]);
  });

  it('does not verify once a word of it was changed', async () => {
    const at = lines.findIndex((line) => line.includes('"password.reset"'));
    const edited = lines.with(at, lines[at]?.replace('password.reset', 'password.change') ?? '');
    expect(await verify(edited)).toMatchObject({ code: 1, output: expect.stringMatching(/^BAD/) });
  });

  it('does not verify with an entry missing, moved, or doubled', async () => {
    const events = lines.flatMap((line, index) => (line.startsWith('{"type":"event"') ? [index] : []));
    const [first = 0, second = 0] = events.slice(3);
    const [a = '', b = ''] = [lines[first], lines[second]];
    const tampered = [
      lines.toSpliced(first, 1),
      lines.with(first, b).with(second, a),
      lines.toSpliced(first, 0, a),
    ];
    for (const content of tampered) expect((await verify(content)).code).toBe(1);
  });

  it('does not verify without its end, for whoever kept the last checkpoint', async () => {
    const last = lines.findLast((line) => line.startsWith('{"type":"checkpoint"'));
    const { sequence, hash } = JSON.parse(last ?? '{}');
    const head = ['--expect-head', `${sequence}:${hash}`];
    expect((await verify(lines, ...head)).code).toBe(0);
    const cut = lines.slice(0, -2);
    expect((await verify(cut, ...head)).code).toBe(1);
  });

  it('comes as one CEF line an entry, too', async () => {
    const query = new URLSearchParams({ from, format: 'cef' });
    const answer = await admin.call('GET', `/v1/admin/audit/export?${query}`);
    const entries = textOf(answer).trimEnd().split('\n');
    expect(entries.length).toBeGreaterThan(10);
    for (const entry of entries) expect(entry).toMatch(/^CEF:0\|AI Cloud Storage\|audit\|1\|[\w.-]+\|/);
  });
});
