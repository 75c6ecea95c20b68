import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid } from '../../../core/database/columns.ts';
import { PERMISSIONS, WORKSPACE_PERMISSIONS } from '../../../core/security/permissions.ts';
import { startTestSystem, type TestAccount, type TestSystem } from '../testing/test-system.ts';
import { workspaceOfFour } from '../testing/test-workspace.ts';

let system: TestSystem;
let admin: TestAccount;
let person: TestAccount;

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1000' });
  [admin, person] = await Promise.all([system.register(), system.register()]);
  await setDeploymentRole(admin, 'admin');
}, 120_000);
afterAll(() => system.close());

const refusedAs = (status: number, code: string) => ({ status, body: { code } });
const put = (path: string, permissions: string[], by = admin) =>
  by.call('PUT', `/v1/admin/roles/${path}`, { json: { description: 'For a test', permissions } });

async function setDeploymentRole(account: TestAccount, role: string): Promise<void> {
  await system.db.execute(sql`update auth.users set role = ${role} where id = ${idToUuid(account.id)}::uuid`);
}
/** Longer than an isolate remembers an authority. */
const authorityIsRead = () => new Promise((resolve) => setTimeout(resolve, 1_100));
const permissionsOf = async (account: TestAccount) =>
  (await account.call('GET', '/v1/auth/permissions')).body.permissions;

describe('built-in roles', () => {
  test('hold what the catalogues list, and nothing else', async () => {
    const { rows } = await system.db.execute<{ scope: string; name: string; permissions: string[] }>(
      sql`select scope, name, permissions from auth.roles where built_in`,
    );
    const of = (scope: string, name: string) =>
      rows.find((row) => row.scope === scope && row.name === name)?.permissions.toSorted();
    expect(of('deployment', 'admin')).toEqual([...PERMISSIONS].toSorted());
    expect(of('workspace', 'owner')).toEqual([...WORKSPACE_PERMISSIONS].toSorted());
    for (const { scope, permissions } of rows) {
      const catalogue: readonly string[] = scope === 'deployment' ? PERMISSIONS : WORKSPACE_PERMISSIONS;
      expect(permissions.filter((permission) => !catalogue.includes(permission))).toEqual([]);
    }
  });

  test('can be neither changed nor deleted', async () => {
    const before = (await admin.call('GET', '/v1/admin/roles')).body;
    for (const path of ['deployment/admin', 'deployment/viewer', 'workspace/owner', 'workspace/member']) {
      expect(await put(path, [])).toMatchObject(refusedAs(409, 'built_in_role'));
      expect(await admin.call('DELETE', `/v1/admin/roles/${path}`)).toMatchObject(
        refusedAs(409, 'built_in_role'),
      );
    }
    expect((await admin.call('GET', '/v1/admin/roles')).body).toEqual(before);
  });
});

describe('custom roles', () => {
  test('are for those who may write roles', async () => {
    expect(await put('deployment/helpdesk', ['account:read'], person)).toMatchObject(
      refusedAs(403, 'permission_denied'),
    );
    expect(await person.call('GET', '/v1/admin/roles')).toMatchObject(refusedAs(403, 'permission_denied'));
  });

  test('permit their holders what they list, from the next moment on', async () => {
    expect(await put('deployment/reader', ['account:read', 'search:read'])).toMatchObject({
      status: 200,
      body: {
        scope: 'deployment',
        name: 'reader',
        builtIn: false,
        permissions: ['account:read', 'search:read'],
      },
    });
    const holder = await system.register();
    await setDeploymentRole(holder, 'reader');
    expect(await permissionsOf(holder)).toEqual(['account:read', 'search:read']);
    await put('deployment/reader', ['account:read']);
    await authorityIsRead();
    expect(await permissionsOf(holder)).toEqual(['account:read']);
  });

  test.each([
    ['a permission that does not exist', 'deployment/odd', ['everything:write']],
    ['a permission of workspaces, in the deployment', 'deployment/odd', ['members:write']],
    ['a permission of the deployment, in a workspace', 'workspace/odd', ['users:write']],
    ['what makes an owner', 'workspace/odd', ['workspace:read', 'ownership:transfer']],
    ['a scope that does not exist', 'galaxy/odd', []],
    ['a name with capitals', 'deployment/Odd', []],
  ])('cannot have %s', async (_, path, permissions) => {
    expect(await put(path, permissions)).toMatchObject(refusedAs(400, 'invalid_request'));
    const { items } = (await admin.call('GET', '/v1/admin/roles')).body;
    expect(items.some(({ name }: { name: string }) => name.toLowerCase() === 'odd')).toBe(false);
  });

  test('never permit more than whoever makes or changes them may do', async () => {
    await put('deployment/role-maker', ['account:read', 'account:write', 'roles:write']);
    await put('deployment/auditor', ['account:read', 'audit:read']);
    const maker = await system.register();
    await setDeploymentRole(maker, 'role-maker');
    for (const attempt of [
      put('deployment/mine', ['account:read', 'users:write'], maker),
      put('deployment/role-maker', ['account:read', 'users:write'], maker),
      put('deployment/auditor', ['account:read'], maker),
      maker.call('DELETE', '/v1/admin/roles/deployment/auditor'),
    ])
      expect(await attempt).toMatchObject(refusedAs(403, 'permission_denied'));
    expect(await put('deployment/mine', ['account:read'], maker)).toMatchObject({ status: 200 });
  });

  test('stay while somebody has them', async () => {
    const { at, people } = await workspaceOfFour(system);
    await put('workspace/guide', ['workspace:read', 'groups:write']);
    const give = (role: string) =>
      people.owner.call('PATCH', at(`/members/${people.member.id}`), { json: { role } });
    const remove = (path: string) => admin.call('DELETE', `/v1/admin/roles/${path}`);
    expect(await give('guide')).toMatchObject({ status: 200 });
    expect(await people.member.call('POST', at('/groups'), { json: { name: 'Tour' } })).toMatchObject({
      status: 201,
    });
    expect(await remove('workspace/guide')).toMatchObject(refusedAs(409, 'role_in_use'));
    await give('member');
    await people.owner.call('POST', at('/invitations'), { json: { email: 'g@example.com', role: 'guide' } });
    expect(await remove('workspace/guide')).toMatchObject(refusedAs(409, 'role_in_use'));
    await system.db.execute(sql`delete from auth.invitations`);
    const [given, removed] = await Promise.all([give('guide'), remove('workspace/guide')]);
    expect([given.status, removed.status].toSorted()).toEqual(given.status === 200 ? [200, 409] : [204, 404]);

    await put('deployment/rare', ['account:read']);
    await setDeploymentRole(person, 'rare');
    expect(await remove('deployment/rare')).toMatchObject(refusedAs(409, 'role_in_use'));
    await setDeploymentRole(person, 'member');
    expect(await remove('deployment/rare')).toMatchObject({ status: 204 });
    expect(await remove('deployment/rare')).toMatchObject(refusedAs(404, 'role_not_found'));
  });

  test('of workspaces are shown to their members', async () => {
    const { at, people } = await workspaceOfFour(system);
    const { body } = await people.viewer.call('GET', at('/roles'));
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['owner', 'admin', 'member', 'viewer']),
    );
    expect(body.items.every(({ scope }: { scope: string }) => scope === 'workspace')).toBe(true);
  });
});

describe('GET /v1/auth/permissions', () => {
  test('tells all that decides, and names for each permission that is missing why', async () => {
    const { id, at, people } = await workspaceOfFour(system);
    const group = (await people.owner.call('POST', at('/groups'), { json: { name: 'Editors' } })).body;
    await people.owner.call('PUT', at(`/groups/${group.id}/members/${people.viewer.id}`));
    const { status, body } = await people.viewer.call('GET', '/v1/auth/permissions');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      userId: people.viewer.id,
      role: 'member',
      scopes: null,
      restriction: null,
      credential: { kind: 'session', clientId: null },
    });
    const missing = body.missing.map(({ permission }: { permission: string }) => permission);
    expect([...body.permissions, ...missing].toSorted()).toEqual([...PERMISSIONS].toSorted());
    expect(body.missing).toContainEqual({
      permission: 'users:write',
      because: 'The role member does not permit it.',
    });
    expect(body.workspaces).toContainEqual({
      id,
      name: 'Research',
      role: 'viewer',
      permissions: ['workspace:read', 'files:read'],
    });
    expect(body.groups).toContainEqual({ id: group.id, workspaceId: id, name: 'Editors' });
    expect(body.policies).toMatchObject({
      binding: [],
      effective: { requireMfa: false, passwordMinLength: 8 },
    });
  });

  test('answers about one permission, as the routes would', async () => {
    const ask = (who: TestAccount, permission: string) =>
      who.call('GET', `/v1/auth/permissions?permission=${permission}`);
    expect((await ask(admin, 'users:write')).body).toEqual({
      permission: 'users:write',
      allowed: true,
      because: 'The role admin permits it.',
    });
    expect((await ask(person, 'users:write')).body).toMatchObject({ allowed: false });
    expect(await ask(person, 'everything')).toMatchObject(refusedAs(400, 'invalid_request'));
  });

  test('says that a scope is missing when the program was not given it', async () => {
    await system.db.execute(sql`update auth.sessions set scopes = '{account:read,files:read}'
      where user_id = ${idToUuid(person.id)}::uuid`);
    await authorityIsRead();
    const { body } = await person.call('GET', '/v1/auth/permissions');
    expect(body).toMatchObject({
      scopes: ['account:read', 'files:read'],
      permissions: ['account:read', 'files:read'],
    });
    expect(body.missing).toContainEqual({
      permission: 'files:write',
      because: 'The program was not given this scope.',
    });
  });
});
