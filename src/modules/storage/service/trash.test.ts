import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const get = (user: TestUser, id: string) => user.call('GET', `/v1/files/${id}`);
const remove = (user: TestUser, id: string) => user.call('DELETE', `/v1/files/${id}`);
const restore = (user: TestUser, id: string, json: object = {}) =>
  user.call('POST', `/v1/trash/${id}/restore`, { json });
const purge = (user: TestUser, id: string) => user.call('DELETE', `/v1/trash/${id}`);
const list = async (user: TestUser, query = '') => (await user.call('GET', `/v1/trash${query}`)).body;
const listed = async (user: TestUser, query = '') =>
  (await list(user, query)).items.map(({ id }: { id: string }) => id);
const uuids = (ids: readonly string[]) => ids.map((id) => `'${idToUuid(id)}'`).join(', ');
const count = async (table: string, column: string, ...ids: string[]) =>
  Number(
    (await system.query(`select count(*) from storage.${table} where ${column} in (${uuids(ids)})`))[0]
      ?.count,
  );
const eventsOf = (type: string, ...ids: string[]) =>
  system.query(`select file_id from storage.outbox where type = '${type}' and file_id in (${uuids(ids)})`);
const keysOf = async (...ids: string[]) =>
  (
    await system.query(`select o.key from storage.objects o join storage.versions v on v.object_id = o.id
      where v.file_id in (${uuids(ids)})`)
  ).map(({ key }) => String(key));
const age = (id: string, days: number) =>
  system.query(`update storage.files set trashed_at = trashed_at - interval '${days} days'
    where trash_root_id = '${idToUuid(id)}'`);

/** As whoever shares would: the entry becomes a scope of its own. */
async function grant(id: string, principal: string, role: string, by: TestUser) {
  const [file, kind] = [`'${idToUuid(id)}'`, principal.startsWith('wsp_') ? 'workspace' : 'user'];
  await system.query(`insert into storage.scopes (id, drive_id, parent_id)
    select id, drive_id, scope_id from storage.files where id = ${file} on conflict do nothing`);
  await system.query(`with recursive below (id, old) as (
      select id, scope_id from storage.files where id = ${file}
      union all select f.id, below.old from below join storage.files f on f.parent_id = below.id)
    update storage.files f set scope_id = ${file} from below where f.id = below.id and f.scope_id = below.old`);
  await system.query(`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
    values (storage.new_id(), ${file}, '${kind}', '${idToUuid(principal)}', '${role}', '${idToUuid(by.id)}')`);
}

async function team() {
  const [owner, member, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => system.newUser()));
  if (!owner || !member || !viewer || !stranger) throw new Error('people');
  const driveId = await system.newWorkspace([
    [owner, 'owner'],
    [member, 'member'],
    [viewer, 'viewer'],
  ]);
  const put = async (user: TestUser, parentId?: string) =>
    (await user.upload(`${newId('file')}.txt`, 'x', { driveId, ...(parentId ? { parentId } : {}) })).body
      .id as string;
  const folder = async (user: TestUser) =>
    (await user.call('POST', '/v1/folders', { json: { name: newId('file'), driveId } })).body.id as string;
  return { owner, member, viewer, stranger, driveId, put, folder };
}

/** folder/inner/deep.txt and folder/top.txt */
async function tree(user: TestUser) {
  const folder = await user.folder(newId('file'));
  const inner = await user.folder('inner', folder);
  const deep = await user.file('deep.txt', 'deep', inner);
  const top = await user.file('top.txt', 'top', folder);
  return { folder, inner, deep, top };
}

describe('deleting', () => {
  test('a folder while bytes come for it refuses them', async () => {
    const user = await system.newUser();
    const folder = await user.folder('f');
    const deleted = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode('lat'));
        await deleted.promise;
        controller.enqueue(new TextEncoder().encode('er'));
        controller.close();
      },
    });
    const headers = { 'content-length': '5' };
    const answer = user.call('POST', `/v1/files?name=late&parentId=${folder}`, { body, headers });
    const begun = `select 1 from storage.uploads where user_id = '${idToUuid(user.id)}'`;
    while ((await system.query(begun)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await remove(user, folder);
    deleted.resolve();
    expect((await answer).body.code).toBe('folder_not_found');
  });

  test('takes a folder with all that is in it out of sight, and puts one entry into the trash', async () => {
    const user = await system.newUser();
    const { folder, inner, deep, top } = await tree(user);
    expect((await remove(user, folder)).status).toBe(204);
    for (const id of [folder, inner, deep, top]) expect((await get(user, id)).status).toBe(404);
    expect(await listed(user)).toEqual([folder]);
    expect(await eventsOf('file.trashed', folder, inner, deep, top)).toHaveLength(4);
    expect((await remove(user, folder)).body.code).toBe('file_not_found');
  });

  test('takes an editor, and is a 404 like any other for whoever sees nothing', async () => {
    const { member, viewer, stranger, put } = await team();
    const id = await put(member);
    const refused = await remove(viewer, id);
    expect(refused.body).toMatchObject({ status: 403, code: 'role_required' });
    expect(refused.body.detail).toMatch(/editor.*viewer/);
    const [theirs, nobodys] = [await remove(stranger, id), await remove(stranger, newId('file'))];
    expect({ ...theirs.body, requestId: '' }).toEqual({ ...nobodys.body, requestId: '' });
    expect((await get(member, id)).status).toBe(200);
  });
});

describe('the list', () => {
  test('has the newest first, in pages', async () => {
    const user = await system.newUser();
    const ids: string[] = [];
    for (const name of ['1', '2', '3', '4', '5']) {
      const id = await user.file(name);
      await remove(user, id);
      ids.unshift(id);
    }
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await list(user, `?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map(({ id }: { id: string }) => id));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(ids);
    for (const query of [
      '?cursor=x',
      `?cursor=${'9'.repeat(15)}.file_${'0'.repeat(32)}`,
      '?limit=0',
      '?limit=201',
      '?driveId=file_1',
    ])
      expect((await user.call('GET', `/v1/trash${query}`)).status).toBe(400);
  });

  test('shows managers and editors everything, others what they put there themselves, strangers nothing', async () => {
    const { owner, member, viewer, stranger, driveId, put, folder } = await team();
    const shared = await folder(owner);
    const inside = await put(owner, shared);
    const outside = await put(owner);
    await grant(shared, stranger.id, 'editor', owner);
    await remove(stranger, inside);
    await remove(owner, outside);
    const query = `?driveId=${driveId}`;
    expect(await listed(owner, query)).toEqual([outside, inside]);
    expect(await listed(member, query)).toEqual([outside, inside]);
    expect(await listed(stranger, query)).toEqual([inside]);
    expect(await listed(viewer, query)).toEqual([]);
    await system.query(`update storage.grants set role = 'viewer' where file_id = '${idToUuid(shared)}'`);
    expect(await listed(stranger, query)).toEqual([inside]);
    expect((await restore(stranger, inside)).body.code).toBe('role_required');
    await system.query(`delete from storage.grants where file_id = '${idToUuid(shared)}'`);
    expect(await listed(stranger, query)).toEqual([]);
    expect((await restore(stranger, inside)).body.code).toBe('file_not_found');
    expect((await purge(stranger, inside)).body.code).toBe('file_not_found');
  });
});

describe('restoring', () => {
  test('brings the entry back with exactly what went along with it, unchanged', async () => {
    const user = await system.newUser();
    const { folder, inner, deep, top } = await tree(user);
    await user.call('PUT', `/v1/files/${deep}/content`, { body: new TextEncoder().encode('deeper') });
    const before = await Promise.all(
      [folder, inner, deep, top].map(async (id) => (await get(user, id)).body),
    );
    await remove(user, top);
    await remove(user, folder);
    expect(await listed(user)).toEqual([folder, top]);
    const restored = await restore(user, folder);
    expect(restored.body).toEqual(before[0]);
    expect((await get(user, inner)).body).toEqual(before[1]);
    expect((await get(user, deep)).body).toEqual(before[2]);
    expect((await get(user, top)).status).toBe(404);
    expect(await listed(user)).toEqual([top]);
    expect((await restore(user, top)).body).toEqual(before[3]);
    expect((await eventsOf('file.restored', folder, inner, deep, top)).length).toBe(4);
  });

  test('comes to the root where the folder is in the trash, and again stays when that comes back', async () => {
    const user = await system.newUser();
    const { folder, inner, deep } = await tree(user);
    await remove(user, deep);
    await remove(user, folder);
    expect((await restore(user, deep)).body).toMatchObject({ parentId: null, path: '/deep.txt' });
    await restore(user, folder);
    expect((await user.call('GET', `/v1/files?parentId=${inner}`)).body.items).toEqual([]);
    expect((await get(user, deep)).body.parentId).toBeNull();
  });

  test('finds a free name, or refuses, as it is told', async () => {
    const user = await system.newUser();
    const old = await user.file('a.txt');
    await remove(user, old);
    await user.file('A.txt');
    await user.file('a (2).txt');
    expect((await restore(user, old, { conflict: 'fail' })).body.code).toBe('name_conflict');
    expect(await listed(user)).toEqual([old]);
    expect((await restore(user, old, { conflict: 'rename' })).body.name).toBe('a (3).txt');
    expect((await restore(user, old)).body.code).toBe('file_not_found');
  });

  test('refuses what it does not know', async () => {
    const user = await system.newUser();
    const id = await user.file('x');
    await remove(user, id);
    for (const json of [{ conflict: 'replace' }, { conflict: 1 }, { parentId: null }, []])
      expect((await restore(user, id, json)).status).toBe(400);
    expect((await restore(user, 'file_x')).status).toBe(400);
    const { inner, folder } = await tree(user);
    await remove(user, folder);
    for (const other of [inner, newId('file')]) {
      expect((await restore(user, other)).body.code).toBe('file_not_found');
      expect((await purge(user, other)).body.code).toBe('file_not_found');
    }
  });

  test('many at once of the same name all come back, each under a name of its own', async () => {
    const user = await system.newUser();
    const ids: string[] = [];
    for (let index = 0; index < 6; index += 1) {
      const id = await user.file('same.txt');
      await remove(user, id);
      ids.push(id);
    }
    const answers = await Promise.all(ids.map((id) => restore(user, id)));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 200));
    expect(new Set(answers.map(({ body }) => body.name)).size).toBe(6);
    expect(answers.map(({ body }) => body.name)).toContain('same.txt');
  });

  test('the same at once from many happens once', async () => {
    const user = await system.newUser();
    const { folder } = await tree(user);
    await remove(user, folder);
    const answers = await Promise.all([1, 2, 3, 4].map(() => restore(user, folder)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404]);
    expect(await eventsOf('file.restored', folder)).toHaveLength(1);
  });

  test('to the root takes an editor there', async () => {
    const { owner, stranger, put, folder } = await team();
    const shared = await folder(owner);
    const inside = await put(owner, shared);
    await grant(shared, stranger.id, 'editor', owner);
    await remove(stranger, inside);
    await remove(owner, shared);
    expect((await restore(stranger, inside)).body.code).toBe('role_required');
    await restore(owner, shared);
    expect((await restore(stranger, inside)).body.parentId).toBe(shared);
  });

  test('keeps who may see it, also where it comes to the root of a drive that more people see', async () => {
    const { owner, member, driveId, put, folder } = await team();
    const secret = await folder(owner);
    const inside = await put(owner, secret);
    await grant(secret, driveId, 'none', owner);
    expect((await get(member, inside)).status).toBe(404);
    await remove(owner, inside);
    await remove(owner, secret);
    expect((await restore(owner, inside)).body.parentId).toBeNull();
    expect((await get(owner, inside)).status).toBe(200);
    expect((await get(member, inside)).status).toBe(404);
  });
});

describe('purging', () => {
  test('takes everything away: rows, bytes and rights; every id is a 404 then', async () => {
    const [user, friend] = await Promise.all([system.newUser(), system.newUser()]);
    const { folder, inner, deep, top } = await tree(user);
    const ids = [folder, inner, deep, top];
    await user.call('PUT', `/v1/files/${deep}/content`, { body: new TextEncoder().encode('deeper') });
    const versions = (await user.call('GET', `/v1/files/${deep}/versions`)).body.items;
    await grant(inner, friend.id, 'viewer', user);
    for (const id of ids) {
      const [file, person] = [idToUuid(id), idToUuid(user.id)];
      await system.query(`insert into storage.favourites values ('${person}', '${file}')`);
      await system.query(`insert into storage.comments (id, file_id, author_id, text)
        values (storage.new_id(), '${file}', '${person}', 'so')`);
      await system.query(`insert into storage.links (id, file_id, token_hash, mode, created_by)
        values (storage.new_id(), '${file}', '${id}', 'view', '${person}')`);
    }
    const keys = await keysOf(...ids);
    expect(keys).toHaveLength(3);
    await remove(user, folder);
    expect((await purge(user, folder)).status).toBe(204);
    await system.settled();
    await system.runCron();
    for (const id of ids) {
      for (const [method, path, json] of [
        ['GET', `/v1/files/${id}`, undefined],
        ['GET', `/v1/files/${id}/content`, undefined],
        ['GET', `/v1/files/${id}/versions`, undefined],
        ['GET', `/v1/files/${id}/versions/${versions[0].id}`, undefined],
        ['PATCH', `/v1/files/${id}`, { name: 'x' }],
        ['DELETE', `/v1/files/${id}`, undefined],
        ['POST', `/v1/trash/${id}/restore`, {}],
        ['DELETE', `/v1/trash/${id}`, undefined],
      ] as const)
        expect((await user.call(method, path, json ? { json } : {})).status, `${method} ${path}`).toBe(404);
      expect(await listed(user)).toEqual([]);
    }
    for (const table of ['versions', 'favourites', 'comments', 'links', 'grants'])
      expect(await count(table, 'file_id', ...ids), table).toBe(0);
    for (const table of ['files', 'scopes']) expect(await count(table, 'id', ...ids), table).toBe(0);
    for (const key of keys) expect(await system.store.head(key), key).toBeUndefined();
    const [drive] = await system.query(
      `select used_bytes, entry_count from storage.drives where id = '${idToUuid(user.id)}'`,
    );
    expect(drive).toEqual({ used_bytes: '0', entry_count: '0' });
  });

  test('tells everybody who could see it, and is audited', async () => {
    const [user, friend, other] = await Promise.all([1, 2, 3].map(() => system.newUser()));
    if (!user || !friend || !other) throw new Error('people');
    const { folder, inner, deep, top } = await tree(user);
    await grant(inner, friend.id, 'viewer', user);
    await grant(folder, other.id, 'editor', user);
    await system.query(
      `update storage.scopes set parent_id = '${idToUuid(folder)}' where id = '${idToUuid(inner)}'`,
    );
    await remove(user, folder);
    await purge(user, folder);
    expect(await eventsOf('file.purged', folder, inner, deep, top)).toHaveLength(4);
    const told = await system.query(`select o.file_id, c.principal_id, o.audience, o.actor_id
      from storage.outbox o join storage.changes c on c.event_id = o.id
      where o.type = 'file.purged' and o.file_id = '${idToUuid(deep)}'`);
    expect(told.map(({ principal_id }) => principal_id).sort()).toEqual(
      [user, friend, other].map(({ id }) => idToUuid(id)).sort(),
    );
    expect(told[0]?.actor_id).toBe(idToUuid(user.id));
    expect([...((told[0]?.audience ?? []) as string[])].sort()).toEqual(
      [friend, other].map(({ id }) => idToUuid(id)).sort(),
    );
    expect(
      await system.query(`select action, actor_id from core.audit_events where object_id = '${folder}'`),
    ).toEqual([{ action: 'file.purge', actor_id: user.id }]);
  });

  test('takes a manager', async () => {
    const { owner, member, viewer, stranger, put } = await team();
    const id = await put(member);
    expect((await purge(owner, id)).body.code).toBe('file_not_found');
    await remove(member, id);
    expect((await purge(member, id)).body.code).toBe('role_required');
    expect((await purge(viewer, id)).body.code).toBe('file_not_found');
    const [theirs, nobodys] = [await purge(stranger, id), await purge(stranger, newId('file'))];
    expect({ ...theirs.body, requestId: '' }).toEqual({ ...nobodys.body, requestId: '' });
    expect((await purge(owner, id)).status).toBe(204);
  });

  test('spares what was put into the trash before, with its rights: it comes to the root', async () => {
    const { owner, member, viewer, driveId, put, folder } = await team();
    const secret = await folder(owner);
    const [kept, gone] = [await put(owner, secret), await put(owner, secret)];
    const nested = (await owner.call('POST', '/v1/folders', { json: { name: 'nested', parentId: secret } }))
      .body.id as string;
    const inNested = await put(owner, nested);
    await grant(secret, driveId, 'none', owner);
    await grant(secret, viewer.id, 'editor', owner);
    await remove(owner, kept);
    await remove(owner, nested);
    await remove(owner, secret);
    expect((await purge(owner, secret)).status).toBe(204);
    expect(await count('files', 'id', gone, secret)).toBe(0);
    expect(await listed(owner, `?driveId=${driveId}`)).toEqual([nested, kept]);
    expect(await listed(viewer, `?driveId=${driveId}`)).toEqual([nested, kept]);
    expect(await listed(member, `?driveId=${driveId}`)).toEqual([]);
    expect((await restore(member, kept)).status).toBe(404);
    expect((await restore(viewer, nested)).body).toMatchObject({ parentId: null, role: 'editor' });
    expect((await get(viewer, inNested)).body.parentId).toBe(nested);
    expect((await get(member, inNested)).status).toBe(404);
    expect((await get(owner, inNested)).body.role).toBe('manager');
  });

  test('leaves bytes that a restored version or a copy shares', async () => {
    const user = await system.newUser();
    const [a, b] = [await user.file('a', 'shared'), await user.file('b', 'other')];
    await system.query(`insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
      select storage.new_id(), '${idToUuid(b)}', drive_id, 2, object_id, size, content_type, created_by
      from storage.versions where file_id = '${idToUuid(a)}'`);
    const [key = ''] = await keysOf(a);
    await remove(user, a);
    await purge(user, a);
    await system.runCron();
    expect(await system.store.head(key)).toBeDefined();
  });

  test('of very much goes on by cron, the deepest first, and is out of sight at once', async () => {
    const user = await system.newUser();
    const { folder, inner, deep, top } = await tree(user);
    await remove(user, folder);
    await system.query(
      `update storage.files set trashed_at = storage.purged_at() where id = '${idToUuid(folder)}'`,
    );
    const removed = `select storage.remove_purged('${idToUuid(user.id)}', 2) as count`;
    expect(await system.query(removed)).toEqual([{ count: 2 }]);
    expect(await count('files', 'id', deep, top)).toBe(0);
    expect(await count('files', 'id', folder, inner)).toBe(2);
    expect(await listed(user)).toEqual([]);
    expect((await restore(user, folder)).status).toBe(404);
    await system.runCron();
    expect(await count('files', 'drive_id', user.id)).toBe(0);
    expect(await eventsOf('file.purged', folder, inner, deep, top)).toHaveLength(4);
  });

  test('that cannot be done in one drive goes on in the others', async () => {
    const [broken, other] = [await system.newUser(), await system.newUser()];
    const gone = async (user: TestUser) => {
      const folder = await user.folder('gone');
      const file = await user.file('a.txt', 'x', folder);
      await remove(user, folder);
      await system.query(
        `update storage.files set trashed_at = storage.purged_at() where id = '${idToUuid(folder)}'`,
      );
      return { folder, file };
    };
    const { folder, file } = await gone(broken);
    // Live in a folder that is not, and its name is taken where it would have to go.
    const taken = await broken.file('a.txt');
    await system.query(
      `update storage.files set trashed_at = null, trash_root_id = null where id = '${idToUuid(file)}'`,
    );
    const purged = await gone(other);
    await system.runCron();
    expect(await count('files', 'id', purged.folder, purged.file)).toBe(0);
    expect(await count('files', 'id', folder, file, taken)).toBe(3);
    await remove(broken, taken);
    await system.runCron();
    expect(await count('files', 'id', folder)).toBe(0);
    expect((await get(broken, file)).body.path).toBe('/a.txt');
  });

  test('twice at once happens once', async () => {
    const user = await system.newUser();
    const { folder } = await tree(user);
    await remove(user, folder);
    const answers = await Promise.all([1, 2, 3, 4].map(() => purge(user, folder)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404, 404]);
    expect(await eventsOf('file.purged', folder)).toHaveLength(1);
  });

  test('and restoring at once: one of them wins, and nothing is half there', async () => {
    const user = await system.newUser();
    for (let round = 0; round < 6; round += 1) {
      const { folder, inner, deep, top } = await tree(user);
      await remove(user, folder);
      const calls = [() => purge(user, folder), () => restore(user, folder)];
      if (round % 2 === 1) calls.reverse();
      const answers = await Promise.all(calls.map((call) => call()));
      const wasRestored = answers.some(({ status }) => status === 200);
      const wasPurged = answers.some(({ status }) => status === 204);
      expect(wasRestored).not.toBe(wasPurged);
      for (const id of [folder, inner, deep, top])
        expect((await get(user, id)).status).toBe(wasRestored ? 200 : 404);
      expect(await count('files', 'id', folder, inner, deep, top)).toBe(wasRestored ? 4 : 0);
    }
  });

  test('of a folder into which somebody uploads meanwhile: the upload ends before it or is refused', async () => {
    const user = await system.newUser();
    const { folder } = await tree(user);
    const uploads = Promise.all(
      [1, 2, 3, 4, 5, 6].map((number) => user.upload(`${number}`, 'x', { parentId: folder })),
    );
    await remove(user, folder);
    await purge(user, folder);
    for (const { status, body } of await uploads) expect([201, 404], JSON.stringify(body)).toContain(status);
    await system.runCron();
    expect(await system.query(`select 1 from storage.files where parent_id = '${idToUuid(folder)}'`)).toEqual(
      [],
    );
    const [drive] = await system.query(
      `select used_bytes, reserved_bytes, entry_count from storage.drives where id = '${idToUuid(user.id)}'`,
    );
    expect(drive).toEqual({ used_bytes: '0', reserved_bytes: '0', entry_count: '0' });
  });
});

describe('emptying the trash', () => {
  test('purges all of one drive, also what lies in each other, and nothing else', async () => {
    const [user, other] = await Promise.all([system.newUser(), system.newUser()]);
    const { folder, inner, deep } = await tree(user);
    const live = await user.file('live');
    const theirs = await other.file('theirs');
    await remove(other, theirs);
    for (const id of [deep, inner, folder]) await remove(user, id);
    const emptied = await user.call('DELETE', '/v1/trash');
    expect([emptied.status, emptied.body]).toEqual([202, { left: 0 }]);
    expect(await listed(user)).toEqual([]);
    expect(await count('files', 'drive_id', user.id)).toBe(1);
    expect((await get(user, live)).status).toBe(200);
    expect(await listed(other)).toEqual([theirs]);
  });

  test('takes a manager of the drive', async () => {
    const { owner, member, stranger, driveId, put } = await team();
    await remove(member, await put(member));
    const path = `/v1/trash?driveId=${driveId}`;
    expect((await member.call('DELETE', path)).body.code).toBe('role_required');
    expect((await stranger.call('DELETE', path)).body.code).toBe('drive_not_found');
    expect(await listed(owner, `?driveId=${driveId}`)).toHaveLength(1);
    expect((await owner.call('DELETE', path)).body).toEqual({ left: 0 });
  });

  test('of somebody who never had anything is nothing', async () => {
    expect((await (await system.newUser()).call('DELETE', '/v1/trash')).body).toEqual({ left: 0 });
  });
});

describe('by age', () => {
  test('the trash goes after the days of the drive, or of the deployment; 0 keeps for ever', async () => {
    const [user, brief, eternal] = await Promise.all([1, 2, 3].map(() => system.newUser()));
    if (!user || !brief || !eternal) throw new Error('people');
    const ids: string[] = [];
    for (const person of [user, brief, eternal]) {
      const { folder } = await tree(person);
      await remove(person, folder);
      ids.push(folder);
    }
    const young = await user.file('young');
    await remove(user, young);
    const days = (person: TestUser, value: number) =>
      system.query(`update storage.drives set trash_days = ${value} where id = '${idToUuid(person.id)}'`);
    await Promise.all([days(brief, 3), days(eternal, 0)]);
    const [mine = '', briefly = '', eternally = ''] = ids;
    await age(mine, 29);
    await age(briefly, 4);
    await age(eternally, 4_000);
    await Promise.all([system.runCron(), system.runCron()]);
    expect(await listed(user)).toEqual([young, mine]);
    expect(await count('files', 'drive_id', brief.id)).toBe(0);
    expect(await listed(eternal)).toEqual([eternally]);
    await age(mine, 2);
    await system.withEnv({ TRASH_DAYS: '0' }).runCron();
    expect(await listed(user)).toEqual([young, mine]);
    await system.runCron();
    expect(await listed(user)).toEqual([young]);
    expect(await eventsOf('file.purged', mine)).toHaveLength(1);
    expect(await system.query(`select action from core.audit_events where object_id = '${user.id}'`)).toEqual(
      [{ action: 'trash.expire' }],
    );
  });
});

describe('people who are gone', () => {
  const goneFor = (user: TestUser, days: number) =>
    system.query(
      `update auth.users set deleted_at = now() - interval '${days} days' where id = '${idToUuid(user.id)}'`,
    );

  test('take their drive with them after a while, and what they had in others', async () => {
    const [user, other] = await Promise.all([system.newUser(), system.newUser()]);
    const { folder, deep } = await tree(user);
    await remove(user, deep);
    const keys = await keysOf(deep);
    const theirs = await other.file('theirs');
    await grant(theirs, user.id, 'editor', other);
    await grant(folder, other.id, 'viewer', user);
    await goneFor(user, 29);
    await system.runCron();
    expect(await count('files', 'drive_id', user.id)).toBe(4);
    await goneFor(user, 31);
    await Promise.all([system.runCron(), system.runCron()]);
    expect(await count('files', 'drive_id', user.id)).toBe(0);
    for (const table of ['drives', 'scopes']) expect(await count(table, 'id', user.id, folder)).toBe(0);
    expect(await count('grants', 'principal_id', user.id, other.id)).toBe(0);
    for (const key of keys) expect(await system.store.head(key)).toBeUndefined();
    expect((await get(other, theirs)).body.role).toBe('manager');
    expect((await get(other, folder)).status).toBe(404);
    expect(await system.query(`select action from core.audit_events where object_id = '${user.id}'`)).toEqual(
      [{ action: 'drive.purge' }],
    );
  });

  test('and workspaces likewise', async () => {
    const { owner, driveId, put } = await team();
    const id = await put(owner);
    await system.query(
      `update auth.workspaces set deleted_at = now() - interval '31 days' where id = '${idToUuid(driveId)}'`,
    );
    await system.runCron();
    expect(await count('files', 'id', id)).toBe(0);
    expect(await count('drives', 'id', driveId)).toBe(0);
  });
});
