import { scryptSync } from 'node:crypto';
import { eq, sql } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { auditEntriesOf } from '../../../core/database/audit.ts';
import { policies, users } from '../../../core/database/schema/auth.ts';
import { emailsTo, newAddress, newPassword, tokenSentTo } from '../testing/test-emails.ts';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let confirmed: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
  confirmed = system.withEnv({ REGISTRATION: 'confirmed' });
}, 120_000);
afterAll(() => system.close());

const register = (email: string, password = newPassword(), on = system) =>
  on.call('POST', '/v1/auth/register', { json: { email, password } });
const login = (email: string, password: string, on = system) =>
  on.call('POST', '/v1/auth/login', { json: { email, password } });
const rowsOf = (email: string) =>
  system.db
    .select()
    .from(users)
    .where(eq(sql`lower(${users.email})`, email.toLowerCase()));

test('there is no account that nobody registered, and no hint at a password', async () => {
  expect(await system.db.$count(users)).toBe(0);
  const { rows } = await system.db.execute(
    sql`select column_name from information_schema.columns where table_schema = 'auth' and column_name ~ 'hint|question'`,
  );
  expect(rows).toEqual([]);
});

describe('open registration', () => {
  test('a new account is signed in and gets a link that verifies its address', async () => {
    const account = await system.register();
    const me = await account.call('GET', '/v1/auth/me');
    expect(me).toMatchObject({
      status: 200,
      body: { id: account.id, email: account.email, role: 'member', emailVerified: false },
    });
    const token = await tokenSentTo(system, account.email, 'verify-email');
    expect((await system.call('POST', '/v1/auth/verify-email', { json: { token } })).status).toBe(204);
    expect((await account.call('GET', '/v1/auth/me')).body.emailVerified).toBe(true);
  });

  test('an address is taken whatever its case, and of 20 at once one gets it', async () => {
    const email = newAddress();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        register(index % 2 === 0 ? email : email.toUpperCase(), newPassword()),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect(answer).toMatchObject({ status: 409, body: { code: 'email_taken' } });
    expect(await rowsOf(email)).toHaveLength(1);
    expect(await emailsTo(system, (await rowsOf(email))[0]?.email ?? '')).toHaveLength(1);
  });

  test.each([
    ['a line break', 'someone@example.com\r\nBcc: other@example.com'],
    ['a line break at the end', 'someone@example.com\n'],
    ['a look-alike letter', 'sоmeone@example.com'],
    ['a look-alike letter in the domain', 'someone@exаmple.com'],
    ['more than 254 characters', `${'a'.repeat(243)}@example.com`],
    ['a quoted local part', '"some one"@example.com'],
    ['a comment', 'someone(comment)@example.com'],
    ['two of them', 'someone@example.com,other@example.com'],
    ['a display name', 'Some One <someone@example.com>'],
    ['NUL', 'some\0one@example.com'],
    ['no domain', 'someone'],
  ])('an address with %s is no address', async (_, email) => {
    const before = await system.db.$count(users);
    expect(await register(email)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await system.db.$count(users)).toBe(before);
  });

  test('fields that only the server sets are refused', async () => {
    const answer = await system.call('POST', '/v1/auth/register', {
      json: { email: newAddress(), password: newPassword(), role: 'admin' },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  test('a password of 128 characters counts to the last; of 7 or 129, or with half a character, none is taken', async () => {
    const email = newAddress();
    const password = `pässwörd 🎉 ${'x'.repeat(117)}`;
    expect([...password]).toHaveLength(128);
    expect((await register(email, password)).status).toBe(201);
    expect((await login(email, password.slice(0, -1))).status).toBe(401);
    expect((await login(email, password.toUpperCase())).status).toBe(401);
    expect((await login(email, `${password} `)).status).toBe(401);
    expect((await login(email, password.normalize('NFD'))).status).toBe(401);
    expect((await login(email, password)).status).toBe(200);
    for (const refused of ['q7w-Z2k', `${password}x`, `half \ud83d unguessable`])
      expect(await register(newAddress(), refused)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request' },
      });
  });
});

describe('registration that is confirmed by e-mail', () => {
  test('answers every address alike; only the e-mail differs', async () => {
    const email = newAddress();
    const password = newPassword();
    const first = await register(email, password, confirmed);
    const token = await tokenSentTo(confirmed, email, 'verify-email');
    await confirmed.call('POST', '/v1/auth/verify-email', { json: { token } });
    const again = await register(email.toUpperCase(), newPassword(), confirmed);
    expect(first).toMatchObject({ status: 202, body: { status: 'verification_sent' } });
    expect({ status: again.status, body: again.body }).toEqual({ status: first.status, body: first.body });
    const last = (await emailsTo(confirmed, email)).at(-1);
    expect(last?.text).toContain('/account/forgot-password');
    expect(last?.text).not.toContain('#token=');
    expect((await login(email, password, confirmed)).status).toBe(200);
  });

  test('costs a taken address as many statements as a new one', async () => {
    const taken = (await system.register()).email;
    const rowsWritten = async (email: string) => {
      const [tokens, sent] = [sql`auth.one_time_tokens`, sql`auth.emails`];
      const count = async () =>
        Number(
          (
            await system.db.execute(
              sql`select (select count(*) from ${tokens}) + (select count(*) from ${sent})
                + (select count(*) from core.audit_events) as n`,
            )
          ).rows[0]?.n,
        );
      const before = await count();
      await register(email, newPassword(), confirmed);
      return (await count()) - before;
    };
    expect(await rowsWritten(taken)).toBe(await rowsWritten(newAddress()));
  });

  test('lets nobody in before, and says so only to who knows the password', async () => {
    const email = newAddress();
    const password = newPassword();
    await register(email, password, confirmed);
    expect(await login(email, 'not it at all', confirmed)).toMatchObject({
      status: 401,
      body: { code: 'invalid_credentials' },
    });
    expect(await login(email, password, confirmed)).toMatchObject({
      status: 403,
      body: { code: 'email_not_verified' },
    });
  });

  test('gives the account to the password of the registration whose link was followed', async () => {
    const email = newAddress();
    const [intruder, owner] = [newPassword(), newPassword()];
    await register(email, intruder, confirmed);
    await register(email, owner, confirmed);
    const token = await tokenSentTo(confirmed, email, 'verify-email');
    await confirmed.call('POST', '/v1/auth/verify-email', { json: { token } });
    expect((await login(email, intruder, confirmed)).status).toBe(401);
    expect((await login(email, owner, confirmed)).status).toBe(200);
  });

  test('puts out whoever had opened the account before, when that took no confirmation', async () => {
    const squatter = await system.register();
    const key = await squatter.call('POST', '/v1/auth/api-keys', {
      json: { name: 'x', scopes: ['account:read'] },
    });
    const password = newPassword();
    expect((await register(squatter.email, password, confirmed)).status).toBe(202);
    const token = await tokenSentTo(confirmed, squatter.email, 'verify-email');
    expect((await system.call('POST', '/v1/auth/verify-email', { json: { token } })).status).toBe(204);
    expect((await login(squatter.email, password)).status).toBe(200);
    for (const credential of [squatter.accessToken, key.body.key])
      expect((await confirmed.call('GET', '/v1/auth/me', { token: credential })).status).toBe(401);
    const { refreshToken } = squatter;
    expect((await system.call('POST', '/v1/auth/refresh', { json: { refreshToken } })).status).toBe(401);
  });

  test('an older link changes nothing once the address is verified', async () => {
    const email = newAddress();
    const [intruder, owner] = [newPassword(), newPassword()];
    await register(email, intruder, confirmed);
    const older = await tokenSentTo(confirmed, email, 'verify-email');
    await register(email, owner, confirmed);
    const newer = await tokenSentTo(confirmed, email, 'verify-email');
    for (const token of [newer, older])
      expect((await confirmed.call('POST', '/v1/auth/verify-email', { json: { token } })).status).toBe(204);
    expect((await login(email, owner, confirmed)).status).toBe(200);
    expect((await login(email, intruder, confirmed)).status).toBe(401);
  });

  test('stops writing to one address after five e-mails, and answers the same', async () => {
    const email = newAddress();
    const limited = confirmed.withEnv({ RATE_LIMIT_SCALE: '1' });
    for (let time = 1; time <= 7; time += 1) {
      const json = { email, password: newPassword() };
      const answer = await limited.call('POST', '/v1/auth/register', { json, address: `198.51.100.${time}` });
      expect(answer.status).toBe(202);
    }
    expect(await emailsTo(limited, email)).toHaveLength(5);
  });
});

test.each(['invited', 'closed'])(
  'with registration %s nobody opens an account without an invitation',
  async (mode) => {
    const other = system.withEnv({ REGISTRATION: mode });
    const email = newAddress();
    for (const invitationToken of [undefined, 'made-up'])
      expect(
        await other.call('POST', '/v1/auth/register', {
          json: { email, password: newPassword(), ...(invitationToken ? { invitationToken } : {}) },
        }),
      ).toMatchObject({ status: 403, body: { code: 'registration_closed' } });
    expect(await rowsOf(email)).toHaveLength(0);
  },
);

describe('the policy of the deployment', () => {
  afterEach(() => system.db.delete(policies));

  test('says whose addresses may register', async () => {
    await system.db.insert(policies).values({ policy: { allowedEmailDomains: ['example.org'] } });
    for (const email of [newAddress(), newAddress('example.org.example.com'), newAddress('sub.example.org')])
      expect(await register(email)).toMatchObject({
        status: 403,
        body: { code: 'email_domain_not_allowed' },
      });
    expect((await register(newAddress('EXAMPLE.org'))).status).toBe(201);
  });

  test('says how long a new password is at least', async () => {
    await system.db.insert(policies).values({ policy: { passwordMinLength: 20 } });
    expect(await register(newAddress(), 'x7-q 9Zk. 0pL! wM_v')).toMatchObject({
      status: 422,
      body: { code: 'password_too_short', detail: expect.stringContaining('20') },
    });
    expect((await register(newAddress(), 'x7-q 9Zk. 0pL! wM_vv')).status).toBe(201);
  });
});

describe('logging in', () => {
  test('answers a wrong password, an unknown address and an account without a password alike', async () => {
    const known = await system.register();
    const without = await system.register();
    await system.db.update(users).set({ passwordHash: null }).where(eq(users.id, without.id));
    const answers = await Promise.all([
      login(known.email, 'wrong password'),
      login(newAddress(), 'wrong password'),
      login(without.email, without.password),
    ]);
    const shown = answers.map(({ status, body }) => ({ status, ...body, requestId: '' }));
    expect(shown[0]).toMatchObject({ status: 401, code: 'invalid_credentials' });
    expect(shown[1]).toEqual(shown[0]);
    expect(shown[2]).toEqual(shown[0]);
  });

  test('takes as long for an unknown address and for an account without a password', async () => {
    // A hash has to cost more than all else that a login does.
    const asDeployed = system.withEnv({ PASSWORD_SCRYPT_LN: '15' });
    const known = await asDeployed.register();
    const without = await asDeployed.register();
    await system.db.update(users).set({ passwordHash: null }).where(eq(users.id, without.id));
    const cpu = async (email: string) => {
      const before = process.cpuUsage().user;
      await login(email, 'wrong password', asDeployed);
      return process.cpuUsage().user - before;
    };
    const wrong = await cpu(known.email);
    for (const email of [newAddress(), without.email]) expect(await cpu(email)).toBeGreaterThan(wrong / 3);
  });

  test('says that an account is disabled only after its password', async () => {
    const account = await system.register();
    await system.db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, account.id));
    expect((await login(account.email, 'wrong password')).body.code).toBe('invalid_credentials');
    expect(await login(account.email, account.password)).toMatchObject({
      status: 403,
      body: { code: 'account_disabled' },
    });
  });

  test('renews a hash with parameters of yesterday, and only after the right password', async () => {
    const account = await system.register();
    const old = oldHash(account.password);
    await system.db.update(users).set({ passwordHash: old }).where(eq(users.id, account.id));
    expect((await login(account.email, 'wrong password')).status).toBe(401);
    expect((await rowsOf(account.email))[0]?.passwordHash).toBe(old);
    expect((await login(account.email, account.password)).status).toBe(200);
    expect((await rowsOf(account.email))[0]?.passwordHash).toMatch(/^\$scrypt\$ln=10,r=8,p=3\$/);
    expect((await login(account.email, account.password)).status).toBe(200);
  });

  test('a failure is in the audit log, with the account, without the password', async () => {
    const account = await system.register();
    await login(account.email, 'planted secret');
    const [entry] = await auditEntriesOf(system.db, account.id, 1);
    expect(entry).toMatchObject({
      action: 'session.open',
      result: 'failure',
      reason: 'invalid_credentials',
      address: '203.0.113.7',
    });
    const { rows } = await system.db.execute(sql`select to_jsonb(a)::text from core.audit_events a`);
    expect(JSON.stringify(rows)).not.toContain('planted secret');
  });
});

describe('the profile', () => {
  test('has a name that its person changes and removes', async () => {
    const account = await system.register();
    const named = await account.call('PATCH', '/v1/auth/me', { json: { name: '  Ada Łovelace 🎉 ' } });
    expect(named).toMatchObject({ status: 200, body: { id: account.id, name: 'Ada Łovelace 🎉' } });
    expect((await account.call('PATCH', '/v1/auth/me', { json: { name: null } })).body.name).toBeNull();
  });

  test.each([
    ['an address', { name: 'Ada', email: 'ada@example.com' }],
    ['a role', { name: 'Ada', role: 'admin' }],
    ['a line break', { name: 'Ada\r\nBcc: x' }],
    ['nothing', { name: ' ' }],
    ['NUL', { name: 'A\0da' }],
  ])('does not take %s', async (_, json) => {
    const account = await system.register();
    expect(await account.call('PATCH', '/v1/auth/me', { json })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
    expect((await account.call('GET', '/v1/auth/me')).body).toMatchObject({ name: null, role: 'member' });
  });
});

function oldHash(password: string): string {
  const salt = Buffer.from('0123456789abcdef');
  const key = scryptSync(password, salt, 32, { N: 2 ** 12, r: 8, p: 1 });
  const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
  return `$scrypt$ln=12,r=8,p=1$${plain(salt)}$${plain(key)}`;
}
