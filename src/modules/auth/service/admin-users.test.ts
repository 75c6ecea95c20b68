import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { newApiKey } from '../../../core/security/api-key.ts';
import { hashSecret } from '../../../core/security/secret.ts';
import { grantAdmin } from '../repository/grant-admin.ts';
import { registerTestClient } from '../testing/test-oauth-client.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let admin: TestAccount;
/** May read and change users, and nothing else. */
let support: TestAccount;

beforeAll(async () => {
  system = await startTestSystem();
  await system.db.execute(sql`insert into auth.roles (scope, name, permissions)
    values ('deployment', 'support', '{account:read,account:write,keys:write,files:read,files:write,search:read,
      workspaces:read,workspaces:write,users:read,users:write}')`);
  admin = await system.register();
  support = await withRole('support');
}, 120_000);
afterAll(() => system.close());
beforeEach(async () => {
  await system.db.execute(sql`update auth.users set role = 'member' where role = 'admin'`);
  await grantAdmin(system.db, admin.email, { unverified: true });
});

describe('the list of users', () => {
  test('is searched by e-mail and name, every character for itself', async () => {
    const mark = crypto.randomUUID().slice(0, 8);
    const ann = await system.register({ email: `${mark}_ann@example.com` });
    await system.register({ email: `${mark}xbob@example.com` });
    await setName(ann, `100% ${mark} \\ Ann`);
    const found = async (q: string) => {
      const { body } = await admin.call('GET', `/v1/admin/users?q=${encodeURIComponent(q)}`);
      return body.items.map(({ id }: { id: string }) => id);
    };
    expect(await found(`${mark}_`)).toEqual([ann.id]);
    expect(await found(`${mark.toUpperCase()}_ANN`)).toEqual([ann.id]);
    expect(await found(`0% ${mark}`)).toEqual([ann.id]);
    expect(await found(`${mark} \\`)).toEqual([ann.id]);
    expect(await found(mark)).toHaveLength(2);
    expect(await found(`%${mark}`)).toEqual([]);
    expect(await found("' or true --")).toEqual([]);
  });

  test('comes in pages, the newest first, and each user once', async () => {
    const mark = crypto.randomUUID().slice(0, 8);
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1)
      made.push((await system.register({ email: `${mark}-${index}@example.com` })).id);
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 3; page += 1) {
      const { body } = await admin.call('GET', `/v1/admin/users?q=${mark}&limit=2${cursor}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(cursor).toBe('&cursor=null');
    expect(seen).toEqual(made.toReversed());
  });

  test('is filtered by role and status, without deleted users', async () => {
    const disabled = await system.register();
    const deleted = await system.register();
    await change(disabled, { disabled: true });
    await system.db.execute(sql`update auth.users set deleted_at = now() where id = ${uuid(deleted)}`);
    const ids = async (query: string) => {
      const { body } = await admin.call('GET', `/v1/admin/users?limit=200&${query}`);
      return body.items.map(({ id }: { id: string }) => id);
    };
    expect(await ids('role=admin')).toEqual([admin.id]);
    expect(await ids('status=disabled')).toContain(disabled.id);
    expect(await ids('status=active')).not.toContain(disabled.id);
    expect(await ids('')).not.toContain(deleted.id);
    expect((await admin.call('GET', `/v1/admin/users/${deleted.id}`)).body.code).toBe('user_not_found');
  });

  test.each(['status=gone', 'limit=201', 'cursor=1', 'role=%27', 'q=%00', 'q='])(
    'refuses %s',
    async (query) => {
      const answer = await admin.call('GET', `/v1/admin/users?${query}`);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    },
  );

  test('shows no secret', async () => {
    const user = await system.register();
    const one = await admin.call('GET', `/v1/admin/users/${user.id}`);
    expect(one).toMatchObject({
      status: 200,
      body: { id: user.id, sessions: 1, factors: { password: true, totp: false, passkeys: 0 } },
    });
    expect(Date.parse(one.body.lastSignInAt)).toBeGreaterThan(Date.now() - 60_000);
    const list = await admin.call('GET', '/v1/admin/users');
    expect(JSON.stringify([one.body, list.body])).not.toMatch(/scrypt|passwordHash/);
    expect(one.headers.get('cache-control')).toBe('no-store');
  });
});

test.each([
  ['GET', '/v1/admin/users'],
  ['GET', '/v1/admin/users/ID'],
  ['PATCH', '/v1/admin/users/ID'],
  ['POST', '/v1/admin/users/ID/logout'],
  ['DELETE', '/v1/admin/users/ID/mfa'],
  ['POST', '/v1/admin/sessions/revoke-all'],
])('%s %s is not for members', async (method, path) => {
  const member = await system.register();
  const json =
    method === 'PATCH' ? { name: 'Mallory' } : path.endsWith('all') ? { confirm: true } : undefined;
  const answer = await member.call(method, path.replace('ID', member.id), json ? { json } : {});
  expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  expect(await roleOf(member)).toBe('member');
});

describe('assigning a role', () => {
  test('counts within a second and is in the audit log with the old and the new one', async () => {
    const user = await system.register();
    expect((await user.call('GET', '/v1/admin/users')).status).toBe(403);
    expect(await change(user, { role: 'admin' })).toMatchObject({ status: 200, body: { role: 'admin' } });
    await sleep(1_100);
    expect((await user.call('GET', '/v1/admin/users')).status).toBe(200);
    expect(await auditOf(user)).toEqual([
      {
        action: 'user.role',
        actor: admin.id,
        result: 'success',
        reason: null,
        details: move('member', 'admin'),
      },
    ]);
  });

  test('that does not exist is refused', async () => {
    const user = await system.register();
    for (const role of ['emperor', 'owner', 'Admin']) {
      const answer = await change(user, { role });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    }
    expect(await roleOf(user)).toBe('member');
  });

  test('with more permissions than the giver has is refused, to oneself too', async () => {
    const user = await system.register();
    for (const target of [user, support]) {
      const answer = await change(target, { role: 'admin' }, support);
      expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    }
    expect([await roleOf(user), await roleOf(support)]).toEqual(['member', 'support']);
    expect(await change(user, { role: 'viewer' }, support)).toMatchObject({ status: 200 });
    expect(await auditOf(user)).toMatchObject([
      { action: 'user.change', actor: support.id, result: 'denied', reason: 'permission_denied' },
      { action: 'user.role', actor: support.id, result: 'success' },
    ]);
  });

  test('to a service account is refused: its workspace holds its keys', async () => {
    const id = newId('usr');
    await system.db.execute(sql`insert into auth.users (id, kind, name, role)
      values (${idToUuid(id)}::uuid, 'service', 'robot', 'service')`);
    const answer = await admin.call('PATCH', `/v1/admin/users/${id}`, { json: { role: 'admin' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });
});

test('who may do less cannot disable, sign out, rename, or strip who may do more', async () => {
  const factorless = await support.call('DELETE', `/v1/admin/users/${admin.id}/mfa`);
  const signedOut = await support.call('POST', `/v1/admin/users/${admin.id}/logout`);
  const changes = [{ disabled: true }, { role: 'member' }, { name: 'Fool' }];
  const changed = await Promise.all(changes.map((one) => change(admin, one, support)));
  for (const answer of [factorless, signedOut, ...changed])
    expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  expect(await admin.call('GET', '/v1/auth/me')).toMatchObject({ status: 200, body: { role: 'admin' } });
});

describe('disabling a user', () => {
  test('ends token, refresh token, sign-in and API key; enabling lets sign-in and key work again', async () => {
    const user = await system.register();
    const key = await apiKeyOf(user);
    const withKey = () => system.call('GET', '/v1/auth/me', { token: key });
    expect((await withKey()).status).toBe(200);

    expect(await change(user, { disabled: true })).toMatchObject({
      status: 200,
      body: { disabledAt: expect.any(String), sessions: 0 },
    });
    await sleep(1_100);
    expect((await user.call('GET', '/v1/auth/me')).status).toBe(401);
    expect((await withKey()).status).toBe(401);
    const { refreshToken } = user;
    expect((await system.call('POST', '/v1/auth/refresh', { json: { refreshToken } })).status).toBe(401);
    expect((await login(user)).body.code).toBe('account_disabled');

    expect(await change(user, { disabled: false })).toMatchObject({ body: { disabledAt: null } });
    await sleep(1_100);
    expect((await withKey()).status).toBe(200);
    expect((await user.call('GET', '/v1/auth/me')).status).toBe(401);
    expect((await login(user)).status).toBe(200);
    expect(await auditOf(user)).toMatchObject([
      { action: 'user.disable', actor: admin.id, details: move(false, true) },
      { action: 'user.disable', actor: admin.id, details: move(true, false) },
    ]);
  });

  test('twice keeps the first time and is noted once', async () => {
    const user = await system.register();
    const first = await change(user, { disabled: true });
    const second = await change(user, { disabled: true });
    expect(second.body.disabledAt).toBe(first.body.disabledAt);
    expect(await auditOf(user)).toHaveLength(1);
  });
});

describe('the last administrator', () => {
  test.each([{ role: 'member' }, { disabled: true }, { role: 'viewer', disabled: true, name: 'X' }])(
    'stays, whatever is asked: %o',
    async (wish) => {
      const before = await admin.call('GET', `/v1/admin/users/${admin.id}`);
      expect(await change(admin, wish)).toMatchObject({ status: 409, body: { code: 'last_admin' } });
      expect((await admin.call('GET', `/v1/admin/users/${admin.id}`)).body).toEqual(before.body);
      expect((await auditOf(admin)).at(-1)).toMatchObject({ result: 'denied', reason: 'last_admin' });
    },
  );

  test('is the last one also when the others are disabled, deleted or programs', async () => {
    const [one, two] = [await withRole('admin'), await withRole('admin')];
    await change(one, { disabled: true });
    await system.db.execute(sql`update auth.users set deleted_at = now() where id = ${uuid(two)}`);
    await system.db.execute(sql`insert into auth.users (id, kind, name, role)
      values (${idToUuid(newId('usr'))}::uuid, 'service', 'robot', 'admin')`);
    expect((await change(admin, { disabled: true })).body.code).toBe('last_admin');
    expect((await change(admin, { role: 'admin', name: 'Ann' })).status).toBe(200);
  });

  test('may go when there is another one', async () => {
    await withRole('admin');
    expect(await change(admin, { role: 'member' })).toMatchObject({ status: 200, body: { role: 'member' } });
  });

  test('remains when two demote or disable each other at once: exactly one wins', async () => {
    for (const [mine, theirs] of [
      [{ role: 'member' }, { role: 'member' }],
      [{ disabled: true }, { disabled: true }],
      [{ role: 'member' }, { disabled: true }],
    ]) {
      const [one, two] = [await withRole('admin'), await withRole('admin')];
      await system.db.execute(sql`update auth.users set role = 'member' where id = ${uuid(admin)}`);
      // Both are known to be administrators for another second.
      await Promise.all([one, two].map((who) => who.call('GET', '/v1/auth/me')));
      const answers = await Promise.all([change(two, mine ?? {}, one), change(one, theirs ?? {}, two)]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
      expect(await activeAdmins()).toBe(1);
      await system.db.execute(sql`update auth.users set role = 'member' where role = 'admin'`);
    }
  });

  test('remains when ten demote themselves at once', async () => {
    const ten = await Promise.all(Array.from({ length: 10 }, () => withRole('admin')));
    await system.db.execute(sql`update auth.users set role = 'member' where id = ${uuid(admin)}`);
    const answers = await Promise.all(ten.map((one) => change(one, { role: 'member' }, one)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(9);
    expect(await activeAdmins()).toBe(1);
  });
});

test('an administrator who was demoted a moment ago changes nothing any more', async () => {
  const [former, user] = [await withRole('admin'), await system.register()];
  await former.call('GET', '/v1/auth/me');
  expect((await change(former, { role: 'member' })).status).toBe(200);
  const answer = await change(user, { role: 'admin' }, former);
  expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  expect(await roleOf(user)).toBe('member');
});

describe('a change', () => {
  test.each([
    {},
    { role: null },
    { disabled: 'yes' },
    { name: 'a\nb' },
    { email: 'x@y.zz' },
    { kind: 'service' },
    { name: 'X', kind: 'service' },
    { disabled: false, emailVerified: true },
  ])('%o is refused', async (json) => {
    const user = await system.register();
    const answer = await admin.call('PATCH', `/v1/admin/users/${user.id}`, { json });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await auditOf(user)).toEqual([]);
  });

  test('of nobody is refused', async () => {
    const answer = await admin.call('PATCH', `/v1/admin/users/${newId('usr')}`, { json: { disabled: true } });
    expect(answer).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
  });

  test('takes a recent proof of identity, which an API key never is', async () => {
    const [old, user] = [await withRole('admin'), await system.register()];
    await system.db.execute(sql`update auth.sessions set authenticated_at = now() - interval '11 minutes'
      where user_id = ${uuid(old)}`);
    const key = await apiKeyOf(old, ['users:write', 'users:read']);
    for (const token of [old.accessToken, key]) {
      const answer = await old.call('PATCH', `/v1/admin/users/${user.id}`, {
        json: { disabled: true },
        token,
      });
      expect(answer).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
      const logout = await old.call('POST', `/v1/admin/users/${user.id}/logout`, { token });
      expect(logout).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
    }
    expect((await admin.call('GET', `/v1/admin/users/${user.id}`)).body.disabledAt).toBeNull();
  });
});

test('a forced logout ends every session of the user and nobody else', async () => {
  const [user, other] = [await system.register(), await system.register()];
  const second = (await login(user)).body.accessToken;
  const program = (await (await registerTestClient(system)).grant(user)).body.access_token;
  expect((await system.call('GET', '/v1/auth/me', { token: program })).status).toBe(200);
  const answer = await admin.call('POST', `/v1/admin/users/${user.id}/logout`);
  expect(answer).toMatchObject({ status: 200, body: { ended: 3 } });
  await sleep(1_100);
  for (const token of [user.accessToken, second, program])
    expect((await system.call('GET', '/v1/auth/me', { token })).status).toBe(401);
  expect((await other.call('GET', '/v1/auth/me')).status).toBe(200);
  expect((await login(user)).status).toBe(200);
});

test.each(['a forced logout', 'ending all sessions'])(
  '%s takes along what waits to become a session, and no link in an e-mail',
  async (how) => {
    const user = await system.register();
    const purposes = ['mfa-sign-in', 'browser-sign-in', 'oauth-consent', 'oauth-code', 'oidc-handoff'];
    for (const purpose of [...purposes, 'password-reset'])
      await system.db.execute(sql`insert into auth.one_time_tokens (purpose, token_hash, user_id, expires_at)
        values (${purpose}, ${crypto.randomUUID()}, ${uuid(user)}, now() + interval '5 minutes')`);
    const client = sql`(select id from auth.oauth_clients limit 1)`;
    await system.db.execute(sql`insert into auth.oauth_clients (id, name, redirect_uris, grant_types, scopes)
      values (gen_random_uuid(), 'device', '{}', '{}', '{}')`);
    await system.db.execute(sql`insert into auth.device_codes (device_code_hash, user_code, client_id, scopes, status,
        user_id, interval_seconds, expires_at)
      values (${crypto.randomUUID()}, ${crypto.randomUUID()}, ${client}, '{}', 'approved', ${uuid(user)}, 5,
        now() + interval '5 minutes')`);
    const path = how === 'a forced logout' ? `users/${user.id}/logout` : 'sessions/revoke-all';
    const json = how === 'a forced logout' ? {} : { json: { confirm: true } };
    expect((await admin.call('POST', `/v1/admin/${path}`, json)).status).toBe(200);
    const { rows } = await system.db.execute(sql`
      select purpose from auth.one_time_tokens where user_id = ${uuid(user)}
      union all select status from auth.device_codes where user_id = ${uuid(user)} order by 1`);
    expect(rows.map(({ purpose }) => purpose)).toEqual(['denied', 'email-verification', 'password-reset']);
  },
);

test('factors are taken away at once, and the person gets an e-mail after the answer', async () => {
  const user = await system.register();
  await system.db.execute(sql`insert into auth.totp_credentials (user_id, sealed_secret, confirmed_at)
    values (${uuid(user)}, 'sealed', now())`);
  await system.db.execute(
    sql`insert into auth.recovery_codes (user_id, code_hash) values (${uuid(user)}, 'hash')`,
  );
  const path = `/v1/admin/users/${user.id}`;
  expect((await admin.call('GET', path)).body.factors).toMatchObject({ totp: true, recoveryCodes: 1 });
  expect((await admin.call('DELETE', `${path}/mfa`)).status).toBe(204);
  expect((await admin.call('GET', path)).body.factors).toMatchObject({ totp: false, recoveryCodes: 0 });
  await system.settled();
  const mails = system.emails.filter(({ to }) => to.includes(user.email));
  expect(mails.filter(({ text }) => text.includes('removed the second factors'))).toHaveLength(1);
  expect(await auditOf(user)).toMatchObject([
    { action: 'user.remove-factors', details: { totp: true, recoveryCodes: 1 } },
  ]);
});

test('ending all sessions spares only the one that asks, and wants a word', async () => {
  const user = await system.register();
  const elsewhere = (await login(admin)).body.accessToken;
  const refused = await admin.call('POST', '/v1/admin/sessions/revoke-all', { json: { confirm: false } });
  expect(refused.status).toBe(400);
  const answer = await admin.call('POST', '/v1/admin/sessions/revoke-all', { json: { confirm: true } });
  expect(answer.status).toBe(200);
  expect(answer.body.ended).toBeGreaterThan(1);
  await sleep(1_100);
  for (const token of [user.accessToken, elsewhere])
    expect((await system.call('GET', '/v1/auth/me', { token })).status).toBe(401);
  expect((await admin.call('GET', '/v1/auth/me')).status).toBe(200);
  support = await withRole('support');
});

describe('granting the role from outside', () => {
  test('wants an address that its person has confirmed, unless told otherwise', async () => {
    const user = await system.register();
    await system.db.execute(sql`update auth.users set email_verified_at = null where id = ${uuid(user)}`);
    expect(await grantAdmin(system.db, user.email, { unverified: false })).toBe('not_verified');
    expect(await roleOf(user)).toBe('member');
    const outcomes = await Promise.all([
      grantAdmin(system.db, user.email.toUpperCase(), { unverified: true }),
      grantAdmin(system.db, user.email, { unverified: true }),
    ]);
    expect(outcomes.toSorted()).toEqual(['already_admin', 'granted']);
    expect(await roleOf(user)).toBe('admin');
    const { rows } = await system.db.execute(
      sql`select actor_kind, details from core.audit_events where object_id = ${user.id} and action = 'user.role'`,
    );
    expect(rows).toEqual([{ actor_kind: 'system', details: move('member', 'admin') }]);
  });

  test.each(['nobody@example.com', '%', "' or true --"])('makes nobody of %s', async (email) => {
    expect(await grantAdmin(system.db, email, { unverified: true })).toBe('not_found');
  });
});

const uuid = ({ id }: { id: string }) => sql`${idToUuid(id)}::uuid`;
const move = <T>(from: T, to: T) => ({ from, to });

function change(user: TestAccount, json: object, as: TestAccount = admin) {
  return as.call('PATCH', `/v1/admin/users/${user.id}`, { json });
}

function login({ email, password }: TestAccount) {
  return system.call('POST', '/v1/auth/login', { json: { email, password } });
}

async function withRole(role: string): Promise<TestAccount> {
  const account = await system.register();
  await system.db.execute(sql`update auth.users set role = ${role} where id = ${uuid(account)}`);
  return account;
}

async function setName(user: TestAccount, name: string): Promise<void> {
  await system.db.execute(sql`update auth.users set name = ${name} where id = ${uuid(user)}`);
}

async function roleOf(user: TestAccount): Promise<unknown> {
  const { rows } = await system.db.execute(sql`select role from auth.users where id = ${uuid(user)}`);
  return rows[0]?.role;
}

async function activeAdmins(): Promise<number> {
  const { rows } = await system.db.execute(sql`select id from auth.users
    where role = 'admin' and kind = 'person' and disabled_at is null and deleted_at is null`);
  return rows.length;
}

async function apiKeyOf(user: TestAccount, scopes = ['account:read']): Promise<string> {
  const key = newApiKey();
  await system.db.execute(sql`
    insert into auth.api_keys (id, user_id, name, key_hash, prefix, scopes, created_by)
    select ${idToUuid(newId('key'))}::uuid, ${uuid(user)}, 'test', ${hashSecret(key)}, ${key.slice(0, 12)},
      array(select jsonb_array_elements_text(${JSON.stringify(scopes)}::jsonb)), ${uuid(user)}`);
  return key;
}

/** What was done to the user by others, in order. */
async function auditOf(user: TestAccount) {
  const { rows } = await system.db.execute(sql`
    select action, actor_id as actor, result, reason, details from core.audit_events
    where object_id = ${user.id} and action like 'user.%' and actor_kind <> 'system' and action <> 'user.register'
    order by id`);
  return rows;
}
