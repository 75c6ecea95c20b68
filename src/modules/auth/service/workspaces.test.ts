import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';
import { join, openWorkspace, principalsOf, rolesIn, workspaceOfFour } from '../testing/test-workspace.ts';

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem({ RATE_LIMIT_SCALE: '1000' });
}, 120_000);
afterAll(() => system.close());

const refusedAs = (status: number, code: string) => ({ status, body: { code } });

describe('a workspace', () => {
  test('belongs to whoever opened it', async () => {
    const person = await system.register();
    const opened = await person.call('POST', '/v1/workspaces', { json: { name: '  Forschung & Lehre ' } });
    expect(opened).toMatchObject({ status: 201, body: { name: 'Forschung & Lehre', role: 'owner' } });
    const listed = await person.call('GET', '/v1/workspaces');
    expect(listed.body.items).toEqual([opened.body]);
    expect((await person.call('GET', `/v1/workspaces/${opened.body.id}`)).body).toEqual(opened.body);
  });

  test.each([
    ['an empty name', { name: '   ' }],
    ['a name with a line break', { name: 'a\nb' }],
    ['a name of 101 characters', { name: 'x'.repeat(101) }],
    ['a role', { name: 'a', role: 'owner' }],
    ['an id', { name: 'a', id: newId('wsp') }],
    ['a time', { name: 'a', deletedAt: null }],
  ])('is not opened with %s', async (_, json) => {
    const { people } = await workspaceOfFour(system);
    const list = async () => (await people.viewer.call('GET', '/v1/workspaces?limit=200')).body.items;
    const before = await list();
    expect(await people.viewer.call('POST', '/v1/workspaces', { json })).toMatchObject(
      refusedAs(400, 'invalid_request'),
    );
    expect(await list()).toEqual(before);
  });

  test('is listed in pages, the oldest first', async () => {
    const person = await system.register();
    const ids = [];
    for (const name of ['one', 'two', 'three']) ids.push(await openWorkspace(person, name));
    const first = await person.call('GET', '/v1/workspaces?limit=2');
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
    const rest = await person.call('GET', `/v1/workspaces?limit=2&cursor=${first.body.nextCursor}`);
    expect(rest.body).toMatchObject({ items: [{ id: ids[2] }], nextCursor: null });
    expect(await person.call('GET', '/v1/workspaces?limit=201')).toMatchObject(
      refusedAs(400, 'invalid_request'),
    );
  });

  test('is gone for all its members at once when its owner deletes it, with its service accounts', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const robot = idToUuid(newId('usr'));
    await system.db.execute(sql`
      insert into auth.users (id, kind, name, role, workspace_id) values (${robot}::uuid, 'service', 'ci', 'service', ${idToUuid(id)}::uuid)`);
    expect(await people.owner.call('DELETE', at())).toMatchObject({ status: 204 });
    for (const person of Object.values(people)) {
      expect(await person.call('GET', at())).toMatchObject(refusedAs(404, 'workspace_not_found'));
      expect((await person.call('GET', '/v1/workspaces')).body.items).toEqual([]);
      expect(await principalsOf(system, person.id)).toEqual([idToUuid(person.id)]);
    }
    const { rows } = await system.db.execute(
      sql`select disabled_at from auth.users where id = ${robot}::uuid`,
    );
    expect(rows[0]?.disabled_at).not.toBeNull();
    expect(await people.owner.call('DELETE', at())).toMatchObject(refusedAs(404, 'workspace_not_found'));
  });

  test('needs a recent proof of identity to be deleted', async () => {
    const { at, people } = await workspaceOfFour(system, { newPeople: true });
    await system.db.execute(sql`update auth.sessions set authenticated_at = now() - interval '11 minutes'
      where user_id = ${idToUuid(people.owner.id)}::uuid`);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await people.owner.call('DELETE', at())).toMatchObject(refusedAs(403, 'reauth_required'));
    expect(await people.owner.call('GET', at())).toMatchObject({ status: 200 });
  });
});

describe('members', () => {
  test('see each other, and only those who manage them see addresses', async () => {
    const { at, people } = await workspaceOfFour(system);
    const seenBy = async (who: 'admin' | 'viewer') =>
      (await people[who].call('GET', at('/members'))).body.items;
    expect((await seenBy('admin')).filter(({ email }: { email: unknown }) => email === null)).toEqual([]);
    const seen = await seenBy('viewer');
    expect(
      seen.map(({ userId, role }: { userId: string; role: string }) => [userId, role]).toSorted(),
    ).toEqual(
      Object.entries(people)
        .map(([role, { id }]) => [id, role])
        .toSorted(),
    );
    expect(seen.flatMap(({ email }: { email: string | null }) => email ?? [])).toEqual([people.viewer.email]);
  });

  test('of two owners who leave at once, one stays', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id, at, people } = await workspaceOfFour(system);
      await people.owner.call('PATCH', at(`/members/${people.admin.id}`), { json: { role: 'owner' } });
      const answers = await Promise.all([
        people.owner.call('POST', at('/leave')),
        people.admin.call('POST', at('/leave')),
      ]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.code).toBe('last_owner');
      expect(Object.values(await rolesIn(system, id)).filter((role) => role === 'owner')).toHaveLength(1);
    }
  });

  test('of two owners who demote each other at once, one stays', async () => {
    const { id, at, people } = await workspaceOfFour(system);
    const { owner, admin } = people;
    await owner.call('PATCH', at(`/members/${admin.id}`), { json: { role: 'owner' } });
    const answers = await Promise.all([
      owner.call('PATCH', at(`/members/${admin.id}`), { json: { role: 'viewer' } }),
      admin.call('DELETE', at(`/members/${owner.id}`)),
    ]);
    expect(answers.filter(({ status }) => status < 300)).toHaveLength(1);
    expect(Object.values(await rolesIn(system, id)).filter((role) => role === 'owner')).toHaveLength(1);
  });

  test('the last owner can neither leave, be demoted nor removed, even if a disabled owner is left', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const { owner, admin } = people;
    await owner.call('PATCH', at(`/members/${admin.id}`), { json: { role: 'owner' } });
    await system.db.execute(
      sql`update auth.users set disabled_at = now() where id = ${idToUuid(admin.id)}::uuid`,
    );
    const before = await rolesIn(system, id);
    for (const attempt of [
      owner.call('POST', at('/leave')),
      owner.call('PATCH', at(`/members/${owner.id}`), { json: { role: 'admin' } }),
      owner.call('DELETE', at(`/members/${owner.id}`)),
    ])
      expect(await attempt).toMatchObject(refusedAs(409, 'last_owner'));
    expect(await rolesIn(system, id)).toEqual(before);
    expect(await owner.call('DELETE', at(`/members/${admin.id}`))).toMatchObject({ status: 204 });
  });

  test('only owners touch owners, and nobody grants more than they may do', async () => {
    const { id, at, people } = await workspaceOfFour(system);
    const { owner, admin, member } = people;
    const before = await rolesIn(system, id);
    for (const attempt of [
      admin.call('PATCH', at(`/members/${owner.id}`), { json: { role: 'viewer' } }),
      admin.call('DELETE', at(`/members/${owner.id}`)),
      admin.call('PATCH', at(`/members/${member.id}`), { json: { role: 'owner' } }),
      admin.call('PATCH', at(`/members/${admin.id}`), { json: { role: 'owner' } }),
      member.call('PATCH', at(`/members/${member.id}`), { json: { role: 'admin' } }),
    ])
      expect(await attempt).toMatchObject(refusedAs(403, 'permission_denied'));
    expect(await rolesIn(system, id)).toEqual(before);
    expect(await admin.call('PATCH', at(`/members/${member.id}`), { json: { role: 'admin' } })).toMatchObject(
      { status: 200, body: { userId: member.id, role: 'admin' } },
    );
  });

  test('a role that manages members gives nothing above itself, and moves nobody above it', async () => {
    await system.db.execute(sql`insert into auth.roles (scope, name, permissions) values
      ('workspace', 'steward', '{workspace:read,members:write,files:read,files:write}')`);
    const { id, at, people } = await workspaceOfFour(system);
    const steward = people.member;
    await people.owner.call('PATCH', at(`/members/${steward.id}`), { json: { role: 'steward' } });
    const before = await rolesIn(system, id);
    for (const attempt of [
      steward.call('PATCH', at(`/members/${people.viewer.id}`), { json: { role: 'admin' } }),
      steward.call('PATCH', at(`/members/${steward.id}`), { json: { role: 'admin' } }),
      steward.call('PATCH', at(`/members/${people.admin.id}`), { json: { role: 'viewer' } }),
      steward.call('DELETE', at(`/members/${people.admin.id}`)),
    ])
      expect(await attempt).toMatchObject(refusedAs(403, 'permission_denied'));
    expect(await rolesIn(system, id)).toEqual(before);
    expect(await steward.call('DELETE', at(`/members/${people.viewer.id}`))).toMatchObject({ status: 204 });
  });

  test('get no role that does not exist, and strangers no role at all', async () => {
    const { at, people } = await workspaceOfFour(system);
    const stranger = await system.register();
    const give = (userId: string, role: string) =>
      people.owner.call('PATCH', at(`/members/${userId}`), { json: { role } });
    expect(await give(people.member.id, 'made-up')).toMatchObject(refusedAs(404, 'role_not_found'));
    expect(await give(stranger.id, 'member')).toMatchObject(refusedAs(404, 'member_not_found'));
    expect(await give(newId('usr'), 'member')).toMatchObject(refusedAs(404, 'member_not_found'));
    expect(await give(people.member.id, "owner' or '1'='1")).toMatchObject(refusedAs(400, 'invalid_request'));
  });

  test('who is demoted while granting does not grant any more', async () => {
    for (let round = 0; round < 4; round += 1) {
      const { id, at, people } = await workspaceOfFour(system);
      const { owner, admin, member } = people;
      const [demoted, granted] = await Promise.all([
        owner.call('PATCH', at(`/members/${admin.id}`), { json: { role: 'viewer' } }),
        admin.call('PATCH', at(`/members/${member.id}`), { json: { role: 'admin' } }),
      ]);
      expect(demoted.status).toBe(200);
      const roles = await rolesIn(system, id);
      expect(roles[member.id]).toBe(granted.status === 200 ? 'admin' : 'member');
      expect(
        await admin.call('PATCH', at(`/members/${member.id}`), { json: { role: 'viewer' } }),
      ).toMatchObject(refusedAs(403, 'permission_denied'));
    }
  });

  test('ownership goes over whole: the new owner has it, the old one is an admin', async () => {
    const { id, at, people } = await workspaceOfFour(system);
    const { owner, admin, member } = people;
    const to = (userId: string) => ({ json: { userId } });
    expect(await admin.call('POST', at('/transfer'), to(member.id))).toMatchObject(
      refusedAs(403, 'permission_denied'),
    );
    expect(await owner.call('POST', at('/transfer'), to(newId('usr')))).toMatchObject(
      refusedAs(404, 'member_not_found'),
    );
    expect(await owner.call('POST', at('/transfer'), to(owner.id))).toMatchObject(
      refusedAs(400, 'invalid_request'),
    );
    expect((await rolesIn(system, id))[owner.id]).toBe('owner');
    const answers = await Promise.all([
      owner.call('POST', at('/transfer'), to(member.id)),
      owner.call('POST', at('/transfer'), to(admin.id)),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([204, 403]);
    const roles = await rolesIn(system, id);
    expect(Object.values(roles).filter((role) => role === 'owner')).toHaveLength(1);
    expect(roles[owner.id]).toBe('admin');
  });
});

describe('what a user acts as', () => {
  test('is their workspaces and groups, and of a removed member neither any more', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const { owner, member } = people;
    const group = (await owner.call('POST', at('/groups'), { json: { name: 'Editors' } })).body.id;
    expect(await owner.call('PUT', at(`/groups/${group}/members/${member.id}`))).toMatchObject({
      status: 204,
    });
    expect((await principalsOf(system, member.id)).toSorted()).toEqual(
      [member.id, id, group].map(idToUuid).toSorted(),
    );
    expect(await owner.call('DELETE', at(`/members/${member.id}`))).toMatchObject({ status: 204 });
    expect(await principalsOf(system, member.id)).toEqual([idToUuid(member.id)]);
    await join(system, id, member, 'viewer');
    expect((await principalsOf(system, member.id)).toSorted()).toEqual(
      [member.id, id].map(idToUuid).toSorted(),
    );
  });

  test('a group counts only together with its workspace', async () => {
    const { at, people } = await workspaceOfFour(system);
    const stranger = await system.register();
    const group = (await people.owner.call('POST', at('/groups'), { json: { name: 'Editors' } })).body.id;
    await system.db.execute(sql`insert into auth.group_members (group_id, user_id)
      values (${idToUuid(group)}::uuid, ${idToUuid(stranger.id)}::uuid)`);
    expect(await principalsOf(system, stranger.id)).toEqual([idToUuid(stranger.id)]);
  });

  test('leaving takes away what belongs to the workspace in the same moment', async () => {
    const { id, at, people } = await workspaceOfFour(system, { newPeople: true });
    const file = idToUuid(newId('file'));
    const drive = idToUuid(id);
    await system.db.execute(sql`select storage.ensure_drive(${drive}::uuid, 'workspace')`);
    await system.db.execute(sql`insert into storage.files (id, drive_id, scope_id, created_by, name, name_key, kind)
      values (${file}::uuid, ${drive}::uuid, ${drive}::uuid, ${idToUuid(people.owner.id)}::uuid, 'shared', 'shared', 'folder')`);
    const visible = async () =>
      (
        await system.db.execute(
          sql`select file_id from storage.visible_files(${idToUuid(people.member.id)}::uuid)`,
        )
      ).rows.length;
    expect(await visible()).toBe(1);
    expect(await people.member.call('POST', at('/leave'))).toMatchObject({ status: 204 });
    expect(await visible()).toBe(0);
  });
});

describe('groups', () => {
  test('have names of their own within a workspace, whatever the case', async () => {
    const { at, people } = await workspaceOfFour(system);
    const make = (name: string) => people.admin.call('POST', at('/groups'), { json: { name } });
    const answers = await Promise.all([make('Editors'), make('editors'), make('EDITORS')]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
    expect(answers.find(({ status }) => status === 409)?.body.code).toBe('group_name_taken');
    const other = (await make('Authors')).body;
    expect(
      await people.admin.call('PATCH', at(`/groups/${other.id}`), { json: { name: 'eDitors' } }),
    ).toMatchObject(refusedAs(409, 'group_name_taken'));
    expect(
      await people.admin.call('PATCH', at(`/groups/${other.id}`), { json: { name: 'AUTHORS' } }),
    ).toMatchObject({ status: 200, body: { ...other, name: 'AUTHORS' } });
  });

  test('take only members of their workspace, and know nothing of groups elsewhere', async () => {
    const here = await workspaceOfFour(system);
    const there = await workspaceOfFour(system, { newPeople: true });
    const { owner } = here.people;
    const group = (await owner.call('POST', here.at('/groups'), { json: { name: 'Editors' } })).body.id;
    const foreign = (await there.people.owner.call('POST', there.at('/groups'), { json: { name: 'X' } })).body
      .id;
    expect(
      await owner.call('PUT', here.at(`/groups/${group}/members/${there.people.member.id}`)),
    ).toMatchObject(refusedAs(404, 'member_not_found'));
    for (const id of [foreign, newId('grp')]) {
      const path = here.at(`/groups/${id}`);
      for (const attempt of [
        owner.call('GET', path),
        owner.call('PATCH', path, { json: { name: 'mine' } }),
        owner.call('DELETE', path),
        owner.call('GET', `${path}/members`),
        owner.call('PUT', `${path}/members/${owner.id}`),
        owner.call('DELETE', `${path}/members/${owner.id}`),
      ])
        expect(await attempt).toMatchObject(refusedAs(404, 'group_not_found'));
    }
    expect(await there.people.owner.call('GET', there.at(`/groups/${foreign}`))).toMatchObject({
      status: 200,
      body: { name: 'X' },
    });
  });

  test('list their members, and let them go', async () => {
    const { at, people } = await workspaceOfFour(system);
    const { admin, member } = people;
    const { id } = (await admin.call('POST', at('/groups'), { json: { name: 'Editors' } })).body;
    const path = at(`/groups/${id}/members/${member.id}`);
    const [once, again] = await Promise.all([admin.call('PUT', path), admin.call('PUT', path)]);
    expect([once.status, again.status]).toEqual([204, 204]);
    expect((await member.call('GET', at(`/groups/${id}/members`))).body.items).toMatchObject([
      { userId: member.id },
    ]);
    expect(await admin.call('DELETE', path)).toMatchObject({ status: 204 });
    expect(await admin.call('DELETE', path)).toMatchObject(refusedAs(404, 'member_not_found'));
    expect(await admin.call('DELETE', at(`/groups/${id}`))).toMatchObject({ status: 204 });
    expect((await member.call('GET', at('/groups'))).body.items).toEqual([]);
  });
});

test('changes are in the audit log with who, what and where, refusals too', async () => {
  const { id, at, people } = await workspaceOfFour(system);
  await people.member.call('DELETE', at(`/members/${people.viewer.id}`));
  await people.admin.call('DELETE', at(`/members/${people.viewer.id}`));
  const { rows } = await system.db.execute(sql`
    select actor_id, action, object_id, result, reason, address from core.audit_events
    where workspace_id = ${id} and action = 'member.remove' order by id`);
  const common = { action: 'member.remove', object_id: people.viewer.id, address: '203.0.113.7' };
  expect(rows).toEqual([
    { ...common, actor_id: people.member.id, result: 'denied', reason: 'permission_denied' },
    { ...common, actor_id: people.admin.id, result: 'success', reason: null },
  ]);
});
