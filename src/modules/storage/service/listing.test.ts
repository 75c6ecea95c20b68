import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let user: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
  user = await system.newUser();
}, 120_000);
afterAll(() => system.close());

interface Item {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly role: string;
  readonly parentId: string | null;
}
const uuidOf = (id: string) => id.replace(/^.*_/, '').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const list = (query: Record<string, string>, who = user) =>
  who.call('GET', `/v1/files?${new URLSearchParams(query)}`);
const byPath = (path: string, driveId?: string, who = user) =>
  who.call('GET', `/v1/files/by-path?${new URLSearchParams({ path, ...(driveId ? { driveId } : {}) })}`);
const namesOf = (items: readonly Item[]) => items.map(({ name }) => name);

async function allPages(query: Record<string, string>, who = user): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await list({ ...query, ...(cursor ? { cursor } : {}) }, who);
    expect(page.status, JSON.stringify(page.body)).toBe(200);
    items.push(...page.body.items);
    cursor = page.body.nextCursor;
  }
  return items;
}

/** As sharing does it, for an entry with nothing below it that has a scope. */
async function grant(id: string, to: TestUser, role: string): Promise<void> {
  const entry = uuidOf(id);
  await system.query(`with recursive below (id) as (select '${entry}'::uuid union all
      select f.id from below join storage.files f on f.parent_id = below.id),
    scope as (insert into storage.scopes (id, drive_id, parent_id)
      select id, drive_id, scope_id from storage.files where id = '${entry}' returning id)
    update storage.files f set scope_id = scope.id from scope where f.id in (select id from below)`);
  await system.query(`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
    values (gen_random_uuid(), '${entry}', 'user', '${uuidOf(to.id)}', '${role}', '${uuidOf(user.id)}')`);
}

describe('a list', () => {
  test('goes through a folder in every order, page by page, each entry once', async () => {
    const folder = await user.folder('sorted');
    const names = ['b', 'A', 'c', 'Ä', 'd', '10', '9'];
    for (const [index, name] of names.entries()) await user.file(name, 'x'.repeat(index % 3), folder);
    const made = await user.folder('e', folder);
    await user.call('PATCH', `/v1/files/${(await byPath('/sorted/c')).body.id}`, {
      json: { tags: ['seen'] },
    });
    const one = { parentId: folder, limit: '1' };
    expect(namesOf(await allPages(one))).toEqual([...names, 'e']);
    const down = { ...one, order: 'desc' };
    expect(namesOf(await allPages(down))).toEqual([...names, 'e'].reverse());
    const byName = namesOf(await allPages({ ...one, sort: 'name' }));
    expect(byName.filter((name) => name !== 'Ä')).toEqual(['10', '9', 'A', 'b', 'c', 'd', 'e']);
    expect(namesOf(await allPages({ ...down, sort: 'name' }))).toEqual([...byName].reverse());
    expect(namesOf(await allPages({ ...one, sort: 'size' }))).toEqual([
      'b',
      'Ä',
      '9',
      'e',
      'A',
      'd',
      'c',
      '10',
    ]);
    expect(namesOf(await allPages({ ...down, sort: 'size' }))).toHaveLength(8);
    expect(namesOf(await allPages({ ...down, sort: 'updated' }))[0]).toBe('c');
    expect(namesOf(await allPages({ ...one, kind: 'folder' }))).toEqual(['e']);
    expect(namesOf(await allPages({ ...one, tag: 'seen' }))).toEqual(['c']);
    expect((await list({ parentId: folder, kind: 'folder' })).body.items[0]).toMatchObject({
      id: made,
      path: '/sorted/e',
      role: 'manager',
      parentId: folder,
    });
  });

  test('takes no cursor but its own', async () => {
    const folder = await user.folder('cursors');
    for (const name of ['a', 'b', 'c']) await user.file(name, name, folder);
    const { nextCursor } = (await list({ parentId: folder, limit: '1', sort: 'name' })).body;
    expect((await list({ parentId: folder, sort: 'name', cursor: nextCursor })).status).toBe(200);
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const id = `file_${'0'.repeat(32)}`;
    for (const query of [
      { sort: 'size', cursor: nextCursor },
      { sort: 'name', order: 'desc', cursor: nextCursor },
      { cursor: 'x' },
      { cursor: '' },
      { cursor: encode(['updated', 'asc', 'not a time', id]), sort: 'updated' },
      { cursor: encode(['updated', 'asc', '0000-01-01T00:00:00Z', id]), sort: 'updated' },
      { cursor: encode(['size', 'asc', '-1', id]), sort: 'size' },
      { cursor: encode(['size', 'asc', '9'.repeat(40), id]), sort: 'size' },
      { cursor: encode(['name', 'asc', 'a\0b', id]), sort: 'name' },
      { cursor: encode(['name', 'asc', '\ud800', id]), sort: 'name' },
      { cursor: encode(['created', 'asc', '', "'; --"]) },
      { cursor: encode({}) },
      { limit: '0' },
      { limit: '201' },
      { sort: 'id' },
      { order: 'up' },
      { tag: 'x'.repeat(65) },
    ])
      expect((await list({ parentId: folder, ...query })).body.code, JSON.stringify(query)).toBe(
        'invalid_request',
      );
  });

  test('shows of a shared folder what is shared, and of other drives nothing', async () => {
    const [guest, stranger] = [await system.newUser(), await system.newUser()];
    const outer = await user.folder('outer');
    const folder = await user.folder('shared', outer);
    for (const name of ['a', 'hidden', 'b', 'better']) await user.file(name, name, folder);
    const idOf = async (name: string) => (await byPath(`/outer/shared/${name}`)).body.id;
    await grant(folder, guest, 'viewer');
    await system.query(`insert into storage.scopes (id, drive_id, parent_id)
      select f.id, f.drive_id, f.scope_id from storage.files f where f.id in ('${uuidOf(await idOf('hidden'))}', '${uuidOf(await idOf('better'))}')`);
    await system.query(`update storage.files set scope_id = id where id in (select id from storage.scopes)`);
    for (const [name, role] of [
      ['hidden', 'none'],
      ['better', 'editor'],
    ] as const)
      await system.query(`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
        values (gen_random_uuid(), '${uuidOf(await idOf(name))}', 'user', '${uuidOf(guest.id)}', '${role}', '${uuidOf(user.id)}')`);
    const items = await allPages({ parentId: folder, limit: '1' }, guest);
    expect(items.map(({ name, role, path }) => [name, role, path])).toEqual([
      ['a', 'viewer', '/shared/a'],
      ['b', 'viewer', '/shared/b'],
      ['better', 'editor', '/shared/better'],
    ]);
    expect(items[0]?.parentId).toBe(folder);
    expect((await list({ parentId: outer }, guest)).body.code).toBe('folder_not_found');
    expect((await list({ driveId: user.id }, guest)).body.code).toBe('folder_not_found');
    expect((await list({ parentId: folder }, stranger)).body.code).toBe('folder_not_found');
    expect((await list({}, stranger)).body).toEqual({ items: [], nextCursor: null });
    const driveId = await system.newWorkspace([[guest, 'viewer']]);
    expect((await list({ driveId }, guest)).body.items).toEqual([]);
    expect((await list({ driveId }, stranger)).body.code).toBe('folder_not_found');
    expect((await list({ driveId: `usr_${'0'.repeat(32)}` })).body.code).toBe('folder_not_found');
    expect((await list({ parentId: await idOf('a') })).body.code).toBe('folder_not_found');
    await user.call('DELETE', `/v1/files/${folder}`);
    expect((await list({ parentId: folder }, guest)).body.code).toBe('folder_not_found');
  });
});

describe('by path', () => {
  test('finds an entry whatever the case and composition, and nothing that is not seen', async () => {
    const a = await user.folder('Été');
    const id = await user.file('Straße.txt', 'x', a);
    const decomposed = '/e\u0301TE\u0301/STRAßE.TXT';
    expect((await byPath(decomposed)).body).toMatchObject({ id, path: '/Été/Straße.txt' });
    expect((await byPath('//été//straße.txt/')).body.id).toBe(id);
    expect((await byPath('/été')).body.id).toBe(a);
    for (const path of ['/nope', '/été/nope', '/été/straße.txt/x', '/été/../été', "/' or true --"])
      expect((await byPath(path)).body.code, path).toBe('file_not_found');
    for (const path of ['', '/', '//', 'été', '/a\0b', '/a\nb'])
      expect((await byPath(path)).body.code, path).toBe('invalid_request');
    const guest = await system.newUser();
    expect((await byPath('/été/straße.txt', user.id, guest)).body.code).toBe('file_not_found');
    const inner = await user.folder('inner', a);
    await grant(inner, guest, 'viewer');
    expect((await byPath('/été/inner', user.id, guest)).body.code).toBe('file_not_found');
    await grant(a, guest, 'viewer');
    expect((await byPath('/été/straße.txt', user.id, guest)).body).toMatchObject({ id, role: 'viewer' });
  });
});

describe('favourites', () => {
  test('are everybody’s own, as long as they see the file', async () => {
    const guest = await system.newUser();
    const id = await user.file('liked');
    const like = (who: TestUser, method = 'PUT') => who.call(method, `/v1/files/${id}/favourite`);
    expect((await like(guest)).body.code).toBe('file_not_found');
    await grant(id, guest, 'viewer');
    const answers = await Promise.all([like(guest), like(guest), like(user)]);
    expect(answers.map(({ status }) => status)).toEqual([204, 204, 204]);
    const favourites = async (who: TestUser) => (await who.call('GET', '/v1/favourites?limit=1')).body;
    expect(await favourites(guest)).toMatchObject({ items: [{ id, favourite: true }], nextCursor: null });
    expect((await like(user, 'DELETE')).status).toBe(204);
    expect((await like(user, 'DELETE')).status).toBe(204);
    expect((await user.call('GET', `/v1/files/${id}`)).body.favourite).toBe(false);
    expect((await favourites(user)).items).toEqual([]);
    const second = await user.file('second');
    await user.call('PUT', `/v1/files/${second}/favourite`);
    await like(user);
    const page = await favourites(user);
    expect(page.items[0].id).toBe(second);
    const next = await user.call('GET', `/v1/favourites?cursor=${page.nextCursor}`);
    expect(namesOf(next.body.items)).toEqual(['liked']);
    await system.query(`delete from storage.grants where file_id = '${uuidOf(id)}'`);
    expect((await favourites(guest)).items).toEqual([]);
  });
});

describe('drives', () => {
  test('are shown with what is used and may be, also before anything is there', async () => {
    const who = await system.newUser();
    const driveId = await system.newWorkspace([[who, 'viewer']]);
    const empty = { usedBytes: 0, reservedBytes: 0, entries: 0, keepVersions: null, trashDays: null };
    const { items } = (await who.call('GET', '/v1/drives')).body;
    expect(items).toHaveLength(2);
    expect(items).toContainEqual(
      expect.objectContaining({ ...empty, id: who.id, kind: 'person', role: 'manager' }),
    );
    expect(items).toContainEqual(
      expect.objectContaining({ ...empty, id: driveId, kind: 'workspace', name: 'Team', role: 'viewer' }),
    );
    const first = (await who.call('GET', '/v1/drives?limit=1')).body;
    const second = (await who.call('GET', `/v1/drives?limit=1&cursor=${first.nextCursor}`)).body;
    expect([...first.items, ...second.items]).toEqual(items);
    expect((await user.call('GET', `/v1/drives/${driveId}`)).body.code).toBe('drive_not_found');
    expect((await user.call('GET', `/v1/drives/${who.id}`)).body.code).toBe('drive_not_found');
    await system.removeMember(driveId, who);
    expect((await who.call('GET', '/v1/drives')).body.items).toHaveLength(1);
  });

  test('are set up by who manages them, and limited by who runs the deployment', async () => {
    const [owner, member, admin] = await Promise.all([1, 2, 3].map(() => system.newUser()));
    if (!owner || !member || !admin) throw new Error('people');
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const set = (who: TestUser, json: unknown) => who.call('PATCH', `/v1/drives/${driveId}`, { json });
    expect((await set(owner, { keepVersions: 3, trashDays: 0 })).body).toMatchObject({
      keepVersions: 3,
      trashDays: 0,
    });
    expect((await set(owner, { keepVersions: null, keepVersionDays: 9 })).body).toMatchObject({
      keepVersions: null,
      keepVersionDays: 9,
      trashDays: 0,
    });
    expect((await set(member, { trashDays: 1 })).body).toMatchObject({
      code: 'role_required',
      detail: 'This needs the role manager; yours is editor.',
    });
    expect((await set(user, { trashDays: 1 })).body.code).toBe('drive_not_found');
    for (const bad of [
      {},
      { keepVersions: 0 },
      { trashDays: -1 },
      { trashDays: 1.5 },
      { quotaBytes: 1 },
      { usedBytes: 0 },
    ])
      expect((await set(owner, bad)).body.code, JSON.stringify(bad)).toBe('invalid_request');
    const limit = (who: TestUser, id: string, json: unknown) =>
      who.call('PUT', `/v1/admin/storage/drives/${id}/quota`, { json });
    const quota = { quotaBytes: 4, quotaEntries: 1 };
    expect((await limit(owner, driveId, quota)).body.code).toBe('permission_denied');
    await system.query(`update auth.users set role = 'admin' where id = '${uuidOf(admin.id)}'`);
    expect((await limit(admin, driveId, quota)).body).toEqual(quota);
    expect((await limit(admin, driveId.replace('wsp_', 'usr_'), quota)).body.code).toBe('drive_not_found');
    expect((await limit(admin, `wsp_${'0'.repeat(32)}`, quota)).body.code).toBe('drive_not_found');
    expect((await limit(admin, driveId, { quotaBytes: -1, quotaEntries: null })).body.code).toBe(
      'invalid_request',
    );
    expect((await member.upload('a', '12345', { driveId })).body.code).toBe('quota_exceeded');
    expect((await member.upload('a', '1234', { driveId })).status).toBe(201);
    const folder = await member.call('POST', '/v1/folders', { json: { name: 'f', driveId } });
    expect(folder.body.code).toBe('quota_exceeded');
    const audited = await system.query(`select action, actor_id, details from core.audit_events
      where object_id = '${driveId}' order by id`);
    expect(audited.map(({ action }) => action)).toEqual(['drive.update', 'drive.update', 'drive.quota']);
    expect(audited[2]).toMatchObject({ actor_id: admin.id, details: quota });
  });
});
