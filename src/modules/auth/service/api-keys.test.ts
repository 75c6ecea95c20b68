import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { newApiKey } from '../../../core/security/api-key.ts';
import { type Answer, startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

const KEYS = '/v1/auth/api-keys';
/** Longer than an isolate goes by what it knows (AUTHORITY_MS). */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_050));

let system: TestSystem;
let person: TestAccount;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());
beforeEach(async () => {
  person = await system.register();
});

const make = (settings: object = {}, account = person): Promise<Answer> =>
  account.call('POST', KEYS, {
    json: { name: 'backup', scopes: ['account:read', 'files:read'], ...settings },
  });
const me = (key: string, address?: string) =>
  system.call('GET', '/v1/auth/me', { token: key, ...(address === undefined ? {} : { address }) });
const uuid = (id: string) => sql`${idToUuid(id)}::uuid`;
/** Time goes by for one key. */
const age = (id: string, interval: string) =>
  system.db.execute(sql`update auth.api_keys set created_at = created_at - ${interval}::interval,
    expires_at = expires_at - ${interval}::interval where id = ${uuid(id)}`);
/** A sign-in that is longer ago than sensitive calls allow. */
const outdateSignIn = (account: TestAccount) =>
  system.db.execute(sql`update auth.sessions set authenticated_at = now() - interval '11 minutes'
    where user_id = ${uuid(account.id)}`);
const auditOf = async (action: string, objectId: string) => {
  const { rows } = await system.db.execute(
    sql`select * from core.audit_events where action = ${action} and object_id = ${objectId}`,
  );
  return rows;
};

describe('an API key', () => {
  test('opens what its scopes say, and is shown once', async () => {
    const made = await make();
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'backup', scopes: ['account:read', 'files:read'], allowedNetworks: [], lastUsedAt: null },
    });
    expect(made.headers.get('cache-control')).toBe('no-store');
    const { key, id, prefix } = made.body;
    expect(key.startsWith(prefix)).toBe(true);
    expect(await me(key)).toMatchObject({ status: 200, body: { id: person.id } });
    const later = [await person.call('GET', `${KEYS}/${id}`), await person.call('GET', KEYS)];
    expect(later.map(({ status }) => status)).toEqual([200, 200]);
    expect(JSON.stringify(later)).not.toContain(key.slice(prefix.length));
    const { rows } = await system.db.execute(sql`select * from auth.api_keys where id = ${uuid(id)}`);
    expect(JSON.stringify(rows)).not.toContain(key.slice(prefix.length, 40));
  });

  test('says when and from where it was used last, and each call is audited', async () => {
    const { key, id } = (await make()).body;
    await me(key, '198.51.100.4');
    const { body } = await person.call('GET', `${KEYS}/${id}`);
    expect(body.lastUsedAddress).toBe('198.51.100.4');
    expect(Date.now() - Date.parse(body.lastUsedAt)).toBeLessThan(60_000);
    const { rows } = await system.db.execute(
      sql`select action, address, actor_id from core.audit_events where credential_id = ${id}`,
    );
    expect(rows).toEqual([{ action: 'agent.call', address: '198.51.100.4', actor_id: person.id }]);
    expect(await auditOf('api-key.create', id)).toHaveLength(1);
  });

  test('opens nothing beyond its scopes', async () => {
    const { key } = (await make({ scopes: ['files:read'] })).body;
    expect(await me(key)).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  });

  test('lives 90 days unless told, and not a moment longer', async () => {
    const { key, id, expiresAt, createdAt } = (await make()).body;
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(90 * 86_400_000);
    await age(id, '89 days 23 hours');
    expect((await me(key)).status).toBe(200);
    await age(id, '1 hour');
    await nextSecond();
    expect(await me(key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect((await person.call('GET', KEYS)).body.items).toEqual([]);
    expect((await person.call('GET', `${KEYS}?all=true`)).body.items).toHaveLength(1);
  });

  test('is dead within a second of its revocation, which may be repeated', async () => {
    const { key, id } = (await make()).body;
    expect((await me(key)).status).toBe(200);
    expect((await person.call('DELETE', `${KEYS}/${id}`)).status).toBe(204);
    await nextSecond();
    expect((await me(key)).status).toBe(401);
    expect((await person.call('DELETE', `${KEYS}/${id}`)).status).toBe(204);
    expect((await person.call('PATCH', `${KEYS}/${id}`, { json: { name: 'x' } })).body.code).toBe(
      'api_key_not_live',
    );
    expect((await person.call('GET', `${KEYS}/${id}`)).body.revokedAt).not.toBeNull();
  });

  test('sleeps while its owner is disabled', async () => {
    const { key } = (await make()).body;
    await system.db.execute(sql`update auth.users set disabled_at = now() where id = ${uuid(person.id)}`);
    expect((await me(key)).status).toBe(401);
  });

  test('may less when the role of its owner may less', async () => {
    const { key } = (await make({ scopes: ['account:read', 'files:write'] })).body;
    const permissions = async () => {
      const { rows } = await system.db.execute(sql`select a.permissions from auth.api_keys k,
        auth.authority_of_key(k.key_hash, '203.0.113.7') a where k.user_id = ${uuid(person.id)}`);
      return rows[0]?.permissions;
    };
    expect(await permissions()).toEqual(['account:read', 'files:write']);
    await system.db.execute(sql`update auth.users set role = 'viewer' where id = ${uuid(person.id)}`);
    expect(await permissions()).toEqual(['account:read']);
    expect((await me(key)).status).toBe(200);
  });

  test('works from its networks alone', async () => {
    const { key, id } = (await make({ allowedNetworks: ['198.51.100.0/24', '2001:db8::/32'] })).body;
    expect((await me(key, '198.51.100.9')).status).toBe(200);
    expect((await me(key, '2001:db8:1::9')).status).toBe(200);
    expect(await me(key, '203.0.113.7')).toMatchObject({
      status: 403,
      body: { code: 'network_not_allowed' },
    });
    await person.call('PATCH', `${KEYS}/${id}`, { json: { allowedNetworks: [] } });
    await nextSecond();
    expect((await me(key, '203.0.113.7')).status).toBe(200);
  });

  test('that nobody made is refused', async () => {
    for (const key of [newApiKey(), `${newApiKey().slice(0, -1)}x`, 'acs_'])
      expect(await me(key)).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });
});

describe('a key cannot', () => {
  test.each([
    ['make another key', 'POST', KEYS, { name: 'more', scopes: ['files:read'] }],
    ['rotate itself', 'POST', `${KEYS}/own/rotate`, {}],
    ['widen its networks', 'PATCH', `${KEYS}/own`, { allowedNetworks: [] }],
    ['revoke keys', 'DELETE', `${KEYS}/own`, undefined],
  ])('%s', async (_, method, path, json) => {
    const scopes = [
      'account:read',
      'files:read',
      'files:write',
      'search:read',
      'workspaces:read',
      'workspaces:write',
    ];
    const { key, id } = (await make({ scopes })).body;
    const answer = await system.call(method, path.replace('own', id), {
      token: key,
      ...(json ? { json } : {}),
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
  });

  test('do what needs a recent proof of identity, even if a scope for it got into the database', async () => {
    const { key, id } = (await make()).body;
    await system.db.execute(
      sql`update auth.api_keys set scopes = '{account:write,keys:write}' where id = ${uuid(id)}`,
    );
    const answer = await system.call('POST', KEYS, {
      token: key,
      json: { name: 'x', scopes: ['files:read'] },
    });
    expect(answer).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
  });
});

describe('making a key', () => {
  test.each([
    ['scopes that manage the account', { scopes: ['account:write'] }],
    ['scopes that make keys', { scopes: ['keys:write'] }],
    ['scopes that do not exist', { scopes: ['everything'] }],
    ['no scopes', { scopes: [] }],
    ['a life without end', { expiresInDays: 367 }],
    ['no life', { expiresInDays: 0 }],
    ['a network that is none', { allowedNetworks: ['203.0.113.0/33'] }],
    ['a network that is an address', { allowedNetworks: ["203.0.113.7'; drop table auth.api_keys; --"] }],
    ['a name over two lines', { name: 'a\r\nb' }],
    ['no name', { name: ' ' }],
    ['another user', { userId: 'usr_0' }],
  ])('with %s is refused', async (_, settings) => {
    expect(await make(settings)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  test('gives nobody a scope that they do not have', async () => {
    const answer = await make({ scopes: ['files:read', 'users:write'] });
    expect(answer).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    expect((await person.call('GET', `${KEYS}?all=true`)).body.items).toEqual([]);
  });

  test('needs a recent proof of identity', async () => {
    await outdateSignIn(person);
    expect(await make()).toMatchObject({ status: 403, body: { code: 'reauth_required' } });
  });

  test('ends at a hundred live keys, however many are made at once', async () => {
    await system.db.execute(sql`insert into auth.api_keys (id, user_id, name, key_hash, prefix, scopes, created_by, expires_at)
      select gen_random_uuid(), u, 'x', gen_random_uuid(), 'acs_', '{files:read}', u, now() + interval '1 day'
      from (select ${uuid(person.id)} as u) owner, generate_series(1, 97)`);
    const answers = await Promise.all(Array.from({ length: 8 }, () => make()));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(3);
    expect(answers.filter(({ body }) => body.code === 'too_many_api_keys')).toHaveLength(5);
  });
});

describe('rotating a key', () => {
  const rotate = (id: string, overlapSeconds = 3_600) =>
    person.call('POST', `${KEYS}/${id}/rotate`, { json: { overlapSeconds } });

  test('gives a new one with the same settings; both work until the overlap is over', async () => {
    const old = (await make({ allowedNetworks: ['203.0.113.0/24'], expiresInDays: 30 })).body;
    const rotated = await rotate(old.id);
    expect(rotated).toMatchObject({
      status: 201,
      body: { name: 'backup', scopes: old.scopes, allowedNetworks: ['203.0.113.0/24'], replaces: old.id },
    });
    const { key, createdAt, expiresAt } = rotated.body;
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(30 * 86_400_000);
    expect([(await me(old.key)).status, (await me(key)).status]).toEqual([200, 200]);
    await age(old.id, '61 minutes');
    await nextSecond();
    expect([(await me(old.key)).status, (await me(key)).status]).toEqual([401, 200]);
  });

  test('never gives the older one more time than it had', async () => {
    const old = (await make({ expiresInDays: 1 })).body;
    await rotate(old.id, 7 * 86_400);
    expect((await person.call('GET', `${KEYS}/${old.id}`)).body.expiresAt).toBe(old.expiresAt);
  });

  test('twice at once gives one new key', async () => {
    const { id } = (await make()).body;
    const answers = await Promise.all(Array.from({ length: 5 }, () => rotate(id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    expect((await person.call('GET', KEYS)).body.items).toHaveLength(2);
    expect(await auditOf('api-key.rotate', id)).toHaveLength(1);
  });

  test('that was rotated, revoked or has expired is refused', async () => {
    const [rotated, revoked, expired] = (await Promise.all([make(), make(), make()])).map(
      ({ body }) => body.id,
    );
    await rotate(rotated);
    await person.call('DELETE', `${KEYS}/${revoked}`);
    await age(expired, '91 days');
    for (const id of [rotated, revoked, expired])
      expect(await rotate(id)).toMatchObject({ status: 409, body: { code: 'api_key_not_live' } });
  });

  test.each([-1, 604_801, 1.5, '60'])('with an overlap of %s is refused', async (overlapSeconds) => {
    const { id } = (await make()).body;
    const answer = await person.call('POST', `${KEYS}/${id}/rotate`, { json: { overlapSeconds } });
    expect(answer.status).toBe(400);
  });
});

test('keys of others do not exist, whatever one does to them', async () => {
  const { id, key } = (await make()).body;
  const stranger = await system.register();
  const answers = [
    await stranger.call('GET', `${KEYS}/${id}`),
    await stranger.call('PATCH', `${KEYS}/${id}`, { json: { name: 'mine' } }),
    await stranger.call('DELETE', `${KEYS}/${id}`),
    await stranger.call('POST', `${KEYS}/${id}/rotate`, { json: {} }),
  ];
  for (const answer of answers)
    expect(answer).toMatchObject({ status: 404, body: { code: 'api_key_not_found' } });
  expect((await stranger.call('GET', KEYS)).body.items).toEqual([]);
  await nextSecond();
  expect((await me(key)).status).toBe(200);
});

test('a list comes in pages', async () => {
  const ids = [];
  for (const name of ['a', 'b', 'c']) ids.push((await make({ name })).body.id);
  const first = await person.call('GET', `${KEYS}?limit=2`);
  expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
  const second = await person.call('GET', `${KEYS}?limit=2&cursor=${first.body.nextCursor}`);
  expect(second.body).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
});
