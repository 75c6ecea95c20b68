import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
let admin: TestAccount;

beforeAll(async () => {
  system = await startTestSystem();
  admin = await system.register();
  await system.db.execute(sql`update auth.users set role = 'admin' where email = ${admin.email}`);
}, 120_000);
afterAll(() => system.close());

const FLAG = '/v1/admin/flags/auth.registration';
/** A fresh instance has read no flag and no setting yet: what the others see within five seconds. */
const registering = (instance = system.withEnv({})) =>
  instance.call('POST', '/v1/auth/register', {
    json: { email: `${crypto.randomUUID()}@example.com`, password: `unguessable ${crypto.randomUUID()}` },
  });
const newest = async (action: string) =>
  (await admin.call('GET', `/v1/admin/audit?action=${action}&limit=1`)).body.items[0];

describe('a switch', () => {
  test('works without a deploy, and back', async () => {
    const off = await admin.call('PUT', FLAG, { json: { enabled: 'off' } });
    expect(off).toMatchObject({ status: 200, body: { set: { enabled: 'off', updatedBy: admin.id } } });
    expect(await registering()).toMatchObject({ status: 403, body: { code: 'registration_closed' } });
    expect(await newest('flag.set')).toMatchObject({
      actor: { id: admin.id },
      object: { kind: 'flag', id: 'auth.registration' },
      details: { enabled: 'off' },
    });
    expect((await admin.call('DELETE', FLAG)).status).toBe(204);
    expect((await admin.call('GET', FLAG)).body).toMatchObject({ default: true, set: null });
    expect((await registering()).status).toBe(201);
    expect(await newest('flag.reset')).toMatchObject({ object: { id: 'auth.registration' } });
  });

  test('takes effect on an instance that has read it already, within five seconds', async () => {
    const instance = system.withEnv({});
    expect((await registering(instance)).status).toBe(201);
    await admin.call('PUT', FLAG, { json: { enabled: 'off' } });
    const since = Date.now();
    let status = 201;
    while (status === 201 && Date.now() - since < 8_000) {
      status = (await registering(instance)).status;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(status).toBe(403);
    await admin.call('DELETE', FLAG);
  });

  test('that closes registration lets nobody in who has yet to confirm their address', async () => {
    const confirmed = system.withEnv({ REGISTRATION: 'confirmed' });
    const json = {
      email: `${crypto.randomUUID()}@example.com`,
      password: `unguessable ${crypto.randomUUID()}`,
    };
    expect((await confirmed.call('POST', '/v1/auth/register', { json })).status).toBeLessThan(300);
    const login = () =>
      system.withEnv({ REGISTRATION: 'confirmed' }).call('POST', '/v1/auth/login', { json });
    expect(await login()).toMatchObject({ status: 403, body: { code: 'email_not_verified' } });
    await admin.call('PUT', FLAG, { json: { enabled: 'off' } });
    expect(await login()).toMatchObject({ status: 403, body: { code: 'email_not_verified' } });
    await admin.call('DELETE', FLAG);
    await admin.call('PUT', '/v1/admin/settings/auth', { json: { registration: 'closed' } });
    expect(await login()).toMatchObject({ status: 403, body: { code: 'email_not_verified' } });
    await admin.call('PUT', '/v1/admin/settings/auth', { json: {} });
  });

  test('of which there is none is 404', async () => {
    for (const name of ['auth.nothing', 'constructor', '__proto__', 'a%20b'])
      for (const method of ['GET', 'DELETE'])
        expect(await admin.call(method, `/v1/admin/flags/${name}`)).toMatchObject({
          status: 404,
          body: { code: 'flag_not_found' },
        });
    expect(
      (await admin.call('PUT', '/v1/admin/flags/auth.nothing', { json: { enabled: 'on' } })).status,
    ).toBe(404);
  });

  test.each([
    {},
    { enabled: true },
    { enabled: 'on', more: 1 },
    { enabled: 'partial', percentage: 101 },
    { enabled: 'partial', percentage: 0.5 },
    { enabled: 'partial', userIds: ['wsp_1'] },
    { enabled: 'partial', workspaceIds: ["'; drop table core.flags; --"] },
  ])('set to %j is 400, and stays as it was', async (json) => {
    expect(await admin.call('PUT', FLAG, { json })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
    expect((await admin.call('GET', FLAG)).body.set).toBeNull();
  });

  test('is for administrators', async () => {
    const member = await system.register();
    for (const [method, path] of [
      ['GET', '/v1/admin/flags'],
      ['GET', FLAG],
      ['PUT', FLAG],
      ['DELETE', FLAG],
      ['GET', '/v1/admin/settings/auth'],
      ['PUT', '/v1/admin/settings/auth'],
    ] as const)
      expect(
        await member.call(method, path, method === 'PUT' ? { json: { enabled: 'off' } } : {}),
      ).toMatchObject({
        status: 403,
        body: { code: 'permission_denied' },
      });
    expect((await admin.call('GET', FLAG)).body.set).toBeNull();
  });

  test('is changed by somebody who has just proven who they are', async () => {
    await system.db.execute(
      sql`update auth.sessions set authenticated_at = now() - interval '11 minutes' where user_id in
        (select id from auth.users where email = ${admin.email})`,
    );
    const stale = system.withEnv({});
    for (const path of [FLAG, '/v1/admin/settings/auth'])
      expect(
        await stale.call('PUT', path, { token: admin.accessToken, json: { enabled: 'off' } }),
      ).toMatchObject({
        status: 403,
        body: { code: 'reauth_required' },
      });
    await system.db.execute(sql`update auth.sessions set authenticated_at = now()`);
  });
});

describe('settings of a module', () => {
  const PATH = '/v1/admin/settings/auth';

  test('work without a deploy; what is left out is as the environment says', async () => {
    expect((await admin.call('GET', PATH)).body).toMatchObject({ module: 'auth', values: {} });
    const set = await admin.call('PUT', PATH, { json: { registration: 'closed' } });
    expect(set).toMatchObject({
      status: 200,
      body: { values: { registration: 'closed' }, updatedBy: admin.id },
    });
    expect(await registering()).toMatchObject({ status: 403, body: { code: 'registration_closed' } });
    expect(await newest('settings.set')).toMatchObject({
      object: { kind: 'settings', id: 'auth' },
      details: { values: '{"registration":"closed"}' },
    });
    await admin.call('PUT', PATH, { json: {} });
    expect((await registering()).status).toBe(201);
  });

  test('that its schema does not take are 400, each field named, and change nothing', async () => {
    const answer = await admin.call('PUT', PATH, {
      json: { registration: 'maybe', auditRetentionDays: -1, more: 1 },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    const fields = answer.body.errors.map(({ field }: { field: string }) => field);
    expect(fields.toSorted()).toEqual(['auditRetentionDays', 'more', 'registration']);
    expect((await admin.call('GET', PATH)).body.values).toEqual({});
  });

  test('that somebody broke in the database do no harm', async () => {
    await system.db.execute(sql`insert into core.settings (module, values) values ('auth', '{"registration": 7}')
      on conflict (module) do update set values = excluded.values`);
    expect((await registering()).status).toBe(201);
    await admin.call('PUT', PATH, { json: {} });
  });

  test('never are the keys that sign the audit log', async () => {
    await system.call('GET', '/v1/auth/audit/keys');
    for (const name of ['audit', 'storage', 'constructor']) {
      const path = `/v1/admin/settings/${name}`;
      expect(await admin.call('GET', path)).toMatchObject({
        status: 404,
        body: { code: 'settings_not_found' },
      });
      expect((await admin.call('PUT', path, { json: {} })).status).toBe(404);
    }
  });
});
