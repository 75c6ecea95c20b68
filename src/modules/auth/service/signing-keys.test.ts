import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createKeyring, keyringSchema } from '../../../core/security/keyring.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let admin: TestAccount;
let host = 1;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());
beforeEach(async () => {
  admin = await newAdmin();
});

const uuid = (id: string) => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
async function newAdmin() {
  host += 1;
  const account = await system.register({ address: `198.51.100.${host}` });
  await system.db.execute(sql`update auth.users set role = 'admin' where id = ${uuid(account.id)}::uuid`);
  return account;
}
const kidOf = (token: string): string =>
  JSON.parse(atob((token.split('.')[0] ?? '').replaceAll('-', '+').replaceAll('_', '/'))).kid;
const refresh = async (refreshToken: string, on = system) =>
  (await on.call('POST', '/v1/auth/refresh', { json: { refreshToken } })).body;
const statusOf = async (token: string, on = system) =>
  (await on.call('GET', '/v1/auth/me', { token })).status;
const rotate = () => admin.call('POST', '/v1/admin/signing-keys/rotate');
const keys = async (): Promise<{ id: string; state: string }[]> =>
  (await admin.call('GET', '/v1/admin/signing-keys')).body.items;
const signing = async () => (await keys()).find(({ state }) => state === 'signing')?.id ?? '';
const published = async (on = system): Promise<string[]> =>
  (await on.call('GET', '/.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
/** As if so much time had passed for the keys. */
const age = (seconds: number) =>
  system.db.execute(sql`update auth.signing_keys set created_at = created_at - make_interval(secs => ${seconds}),
    signs_from = signs_from - make_interval(secs => ${seconds}),
    retires_at = retires_at - make_interval(secs => ${seconds})`);
/** Beyond KEYS_MS and AUTHORITY_MS. */
const aSecond = () => new Promise((resolve) => setTimeout(resolve, 1_100));

describe('rotation on command', () => {
  test('publishes a key that signs ten minutes later; the old one stays until its last token has ended', async () => {
    const before = await signing();
    const page = await rotate();
    expect(page.status).toBe(200);
    expect(page.body.items.map(({ state }: { state: string }) => state).slice(0, 2)).toEqual([
      'pending',
      'signing',
    ]);
    const next = page.body.items[0];
    const old = page.body.items[1];
    expect(old.id).toBe(before);
    const lead = Date.parse(next.signsFrom) - Date.parse(next.createdAt);
    expect(lead).toBe(600_000);
    expect(Date.parse(old.retiresAt) - Date.parse(next.signsFrom)).toBe(360_000);
    await aSecond();
    expect(await published()).toEqual(expect.arrayContaining([before, next.id]));

    let tokens = await refresh(admin.refreshToken);
    expect(kidOf(tokens.accessToken)).toBe(before);
    await age(601);
    await aSecond();
    const byOld = tokens.accessToken;
    tokens = await refresh(tokens.refreshToken);
    expect(kidOf(tokens.accessToken)).toBe(next.id);
    expect([await statusOf(byOld), await statusOf(tokens.accessToken)]).toEqual([200, 200]);

    await age(361);
    await aSecond();
    expect(await published()).not.toContain(before);
    expect([await statusOf(byOld), await statusOf(tokens.accessToken)]).toEqual([401, 200]);
  });

  test('fails no request under load, on two instances', async () => {
    const instances = [system, system.withEnv({})];
    const people = await Promise.all(instances.map(() => newAdmin()));
    const failures: string[] = [];
    const kids = new Set<string>();
    let over = false;
    let calls = 0;
    const client = async (index: number) => {
      let { accessToken, refreshToken } = people[index % 2] ?? admin;
      for (let turn = 0; !over; turn += 1) {
        const on = instances[(index + turn) % 2] ?? system;
        if (turn % 3 === 0 && index < 2) {
          const tokens = await refresh(refreshToken, on);
          if (tokens.accessToken === undefined) {
            failures.push(`refresh ${JSON.stringify(tokens)}`);
            return;
          }
          ({ accessToken, refreshToken } = tokens);
          kids.add(kidOf(accessToken));
        }
        const status = await statusOf(accessToken, on);
        calls += 1;
        if (status !== 200) failures.push(`${status} at call ${calls}`);
      }
    };
    const load = Promise.all([0, 1].map(client));
    await aSecond();
    await rotate();
    await aSecond();
    // The lead passes; what must not happen is that somebody meets a key before it is known.
    await age(600);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    over = true;
    await load;
    expect(failures).toEqual([]);
    expect(kids.size).toBe(2);
    expect(calls).toBeGreaterThan(50);
  });

  test.each([['a member', async () => sql`role = 'member'`, 403, 'permission_denied']])(
    'is not for %s',
    async (_, change, status, code) => {
      await system.db.execute(
        sql`update auth.users set ${await change()} where id = ${uuid(admin.id)}::uuid`,
      );
      await aSecond();
      const before = await published();
      for (const path of ['rotate', `${before[0]}/revoke`])
        expect(await admin.call('POST', `/v1/admin/signing-keys/${path}`)).toMatchObject({
          status,
          body: { code },
        });
      expect((await admin.call('GET', '/v1/admin/signing-keys')).status).toBe(403);
      expect(await published()).toEqual(before);
    },
  );

  test('needs a recent proof of identity', async () => {
    await system.db.execute(
      sql`update auth.sessions set authenticated_at = now() - interval '1 hour' where user_id = ${uuid(admin.id)}::uuid`,
    );
    await aSecond();
    expect(await rotate()).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
  });
});

describe('rotation on schedule', () => {
  test('happens once the newest key is 30 days old, once for any number of crons at once', async () => {
    const before = (await keys()).length;
    await system.runCron();
    expect(await keys()).toHaveLength(before);
    await system.db.execute(sql`update auth.signing_keys set created_at = created_at - interval '31 days'`);
    const other = system.withEnv({});
    await Promise.all([system.runCron(), other.runCron(), system.runCron(), other.runCron()]);
    expect(await keys()).toHaveLength(before + 1);
    const { rows } = await system.db.execute(sql`select actor_kind from core.audit_events
      where action = 'signing-key.rotate' order by id desc limit 1`);
    expect(rows).toEqual([{ actor_kind: 'system' }]);
  });
});

describe('revocation in an emergency', () => {
  test('has every token of the key refused within a second, and another key signs at once, for all instances', async () => {
    const other = system.withEnv({});
    expect(await statusOf(admin.accessToken, other)).toBe(200);
    const tokens = await refresh(admin.refreshToken);
    const leaked = kidOf(tokens.accessToken);
    const answer = await admin.call('POST', `/v1/admin/signing-keys/${leaked}/revoke`, {
      token: tokens.accessToken,
    });
    expect(answer.status).toBe(204);
    const revokedAt = Date.now();
    while ((await statusOf(tokens.accessToken, other)) === 200)
      await new Promise((resolve) => setTimeout(resolve, 50));
    // The second, and what a busy machine takes to ask.
    expect(Date.now() - revokedAt).toBeLessThan(3_000);
    expect(await statusOf(tokens.accessToken)).toBe(401);
    await aSecond();
    const next = await refresh(tokens.refreshToken);
    expect(kidOf(next.accessToken)).not.toBe(leaked);
    // The other instance may have looked for keys a moment ago; it looks again after a second at most.
    const signedAt = Date.now();
    while ((await statusOf(next.accessToken, other)) !== 200) {
      expect(Date.now() - signedAt).toBeLessThan(5_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await published()).not.toContain(leaked);
    expect(await published(other)).not.toContain(leaked);
  });

  test('of the signing key brings a published one forward rather than making one that nobody knows', async () => {
    const page = await rotate();
    const [pending, current] = page.body.items;
    await admin.call('POST', `/v1/admin/signing-keys/${current.id}/revoke`);
    await aSecond();
    const { accessToken } = await refresh(admin.refreshToken);
    expect(kidOf(accessToken)).toBe(pending.id);
    expect(await statusOf(accessToken)).toBe(200);
  });

  test('of a pending key leaves one that lasts', async () => {
    const page = await rotate();
    const [pending] = page.body.items;
    expect((await admin.call('POST', `/v1/admin/signing-keys/${pending.id}/revoke`)).status).toBe(204);
    await age(7_200);
    await aSecond();
    admin = await newAdmin();
    expect(await statusOf(admin.accessToken)).toBe(200);
    expect(await keys()).toContainEqual(expect.objectContaining({ state: 'signing', retiresAt: null }));
  });

  test.each([
    [crypto.randomUUID(), 404],
    ['x', 400],
    ["1'%20or%20'1'='1", 400],
    ['..%2f..', 400],
  ])('of %s is refused', async (id, status) => {
    const before = await published();
    expect((await admin.call('POST', `/v1/admin/signing-keys/${id}/revoke`)).status).toBe(status);
    expect(await published()).toEqual(before);
  });

  test('twice at once is one', async () => {
    const id = await signing();
    const answers = await Promise.all(
      [1, 2].map(() => admin.call('POST', `/v1/admin/signing-keys/${id}/revoke`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404]);
    // Until then this instance may sign with the key that is gone.
    await aSecond();
  });
});

test('only public halves are published, and private ones are sealed', async () => {
  const { body, headers } = await system.call('GET', '/.well-known/jwks.json');
  for (const key of body.keys)
    expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  expect(headers.get('cache-control')).toBe('public, max-age=60');
  const { rows } = await system.db.execute(
    sql`select sealed_key, public_key::text as public_key from auth.signing_keys`,
  );
  for (const row of rows) {
    expect(row.sealed_key).toMatch(/^v1\.k1\.[A-Za-z0-9_.-]+$/);
    expect(row.public_key).not.toContain('"d"');
  }
  expect(JSON.stringify(await keys())).not.toMatch(/sealed|"d"|"x"/);
});

describe('a new encryption key', () => {
  const rotatedEnv = () => ({
    AUTH_ENCRYPTION_KEYS: `k2:${'C'.repeat(42)}A,${system.env.AUTH_ENCRYPTION_KEYS}`,
  });

  test('finds second factors and client secrets too, and leaves what is under the new one alone', async () => {
    const { id } = await system.register({ address: '192.0.2.78' });
    const old = createKeyring(keyringSchema.parse(system.env.AUTH_ENCRYPTION_KEYS));
    const rotated = system.withEnv(rotatedEnv());
    await system.db.batch([
      system.db.execute(sql`insert into auth.totp_credentials (user_id, sealed_secret)
        values (${uuid(id)}::uuid, ${await old.seal(`totp ${id}`, 'totp secret')})`),
      system.db.execute(sql`insert into auth.identity_providers (id, name, issuer, client_id, sealed_client_secret)
        values ('idp', 'Provider', 'https://idp.test', 'us', ${await old.seal('identity-provider idp', 'client secret')})`),
    ]);
    const sealed = async () => {
      const { rows } =
        await system.db.execute(sql`select t.sealed_secret as totp, p.sealed_client_secret as provider
        from auth.totp_credentials t, auth.identity_providers p where t.user_id = ${uuid(id)}::uuid and p.id = 'idp'`);
      return { totp: String(rows[0]?.totp), provider: String(rows[0]?.provider) };
    };
    await rotated.runCron();
    const { totp, provider } = await sealed();
    const next = createKeyring(keyringSchema.parse(`k2:${'C'.repeat(42)}A`));
    expect(await next.open(`totp ${id}`, totp)).toBe('totp secret');
    expect(await next.open('identity-provider idp', provider)).toBe('client secret');
    await rotated.runCron();
    expect(await sealed()).toEqual({ totp, provider });
  });

  test('opens what the old one sealed, and cron seals it anew, so that the old one can go', async () => {
    const rotated = system.withEnv(rotatedEnv());
    expect(await statusOf((await refresh(admin.refreshToken, rotated)).accessToken, rotated)).toBe(200);
    await Promise.all([rotated.runCron(), rotated.runCron()]);
    const { rows } = await system.db.execute(
      sql`select 1 from auth.signing_keys where sealed_key not like 'v1.k2.%' and revoked_at is null
        and (retires_at is null or retires_at > now())`,
    );
    expect(rows).toEqual([]);
    const alone = system.withEnv({ AUTH_ENCRYPTION_KEYS: `k2:${'C'.repeat(42)}A` });
    const account = await alone.register({ address: '192.0.2.77' });
    expect(await statusOf(account.accessToken, alone)).toBe(200);
    expect(kidOf(account.accessToken)).toBe(await signing());
  });
});
