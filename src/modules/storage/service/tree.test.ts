import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let user: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
  user = await system.newUser();
}, 120_000);
afterAll(() => system.close());

const patch = (who: TestUser, id: string, json: unknown) => who.call('PATCH', `/v1/files/${id}`, { json });
const copy = (who: TestUser, id: string, json: unknown = {}) =>
  who.call('POST', `/v1/files/${id}/copy`, { json });
const file = async (id: string, who = user) => (await who.call('GET', `/v1/files/${id}`)).body;
const uuidOf = (id: string) => id.replace(/^.*_/, '').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const eventsOf = async (id: string) =>
  (await system.query(`select type from storage.outbox where file_id = '${uuidOf(id)}' order by id`)).map(
    (row) => row.type,
  );
const driveRow = async (who: TestUser) =>
  (await who.call('GET', '/v1/drives')).body.items.find((drive: { kind: string }) => drive.kind === 'person');
/** Counts of every drive, as its rows say. */
const miscounted = () =>
  system.query(`select d.id from storage.drives d where
    d.used_bytes <> coalesce((select sum(v.size) from storage.versions v where v.drive_id = d.id), 0)
    or d.entry_count <> (select count(*) from storage.files f where f.drive_id = d.id)
    union all select f.id from storage.files f join storage.files p on p.id = f.parent_id where p.drive_id <> f.drive_id
    union all select v.id from storage.versions v join storage.files f on f.id = v.file_id where f.drive_id <> v.drive_id
    union all select f.id from storage.files f join storage.scopes s on s.id = f.scope_id where s.drive_id <> f.drive_id
    union all select f.id from storage.files f left join storage.files p on p.id = f.parent_id
      where f.scope_id <> (case when exists (select from storage.scopes s where s.id = f.id) then f.id
        else coalesce(p.scope_id, f.drive_id) end)
    union all select s.id from storage.scopes s join storage.files f on f.id = s.id
      left join storage.files p on p.id = f.parent_id where s.parent_id <> coalesce(p.scope_id, f.drive_id)`);
/** As sharing does it: the entry becomes a scope of its own. */
async function share(id: string, principalId: string, kind: string, role: string): Promise<void> {
  const entry = uuidOf(id);
  await system.query(`with recursive below (id) as (select '${entry}'::uuid union all
      select f.id from below join storage.files f on f.parent_id = below.id),
    target as (select scope_id, drive_id from storage.files where id = '${entry}'),
    scope as (insert into storage.scopes (id, drive_id, parent_id)
      select '${entry}', drive_id, scope_id from target where scope_id <> '${entry}' returning id, parent_id),
    nested as (update storage.scopes s set parent_id = scope.id from scope
      where s.parent_id = scope.parent_id and s.id in (select id from below) and s.id <> scope.id)
    update storage.files f set scope_id = scope.id from scope
      where f.id in (select id from below) and f.scope_id = scope.parent_id`);
  await system.query(`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
    values (gen_random_uuid(), '${entry}', '${kind}', '${uuidOf(principalId)}', '${role}', '${uuidOf(user.id)}')`);
}

describe('a folder', () => {
  test('is made once under a name, whatever its case, and by policy found, numbered or refused', async () => {
    const make = (conflict?: string, name = 'Straße') =>
      user.call('POST', '/v1/folders', { json: { name, ...(conflict ? { conflict } : {}) } });
    const first = await make();
    expect(first.status).toBe(201);
    expect(first.headers.get('location')).toBe(`/v1/files/${first.body.id}`);
    expect((await make(undefined, 'STRAßE')).body.code).toBe('name_conflict');
    const numbered = await Promise.all([1, 2, 3, 4].map(() => make('rename')));
    expect(numbered.map(({ body }) => body.name).sort()).toEqual([2, 3, 4, 5].map((n) => `Straße (${n})`));
    const again = await make('replace', 'straßE');
    expect([again.status, again.body.id]).toEqual([200, first.body.id]);
    await user.file('a-file');
    expect((await make('replace', 'A-File')).body.code).toBe('name_conflict');
    const fresh = await make('replace', 'fresh');
    expect(fresh.status).toBe(201);
    expect(await eventsOf(fresh.body.id)).toEqual(['folder.created']);
  });

  test('is not made where somebody else is at home, nor below what is not there', async () => {
    const other = await system.newUser();
    const make = (json: unknown) => user.call('POST', '/v1/folders', { json });
    expect((await make({ name: 'x', driveId: other.id })).body.code).toBe('folder_not_found');
    const theirs = await other.folder('theirs');
    expect((await make({ name: 'x', parentId: theirs })).body.code).toBe('folder_not_found');
    expect((await make({ name: 'x', parentId: await user.file('no-folder') })).body.code).toBe(
      'folder_not_found',
    );
    for (const field of ['ownerId', 'id', 'size', 'role', 'sha256', 'kind', 'scopeId', 'quotaBytes'])
      expect((await make({ name: 'x', [field]: other.id })).body.code, field).toBe('invalid_request');
  });

  test('of a workspace cannot be made by naming the workspace as a person, or a group', async () => {
    const [owner, member] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const groupId = await system.newGroup(driveId, [member]);
    const make = (id: string) => member.call('POST', '/v1/folders', { json: { name: 'x', driveId: id } });
    expect((await make(driveId.replace('wsp_', 'usr_'))).status).toBe(404);
    expect((await make(groupId.replace('grp_', 'wsp_'))).status).toBe(404);
    expect((await make(driveId)).body).toMatchObject({ driveId, role: 'editor' });
  });
});

describe('a change', () => {
  test('of name and place keeps id and times, and each is an event', async () => {
    const [from, to] = [await user.folder('from'), await user.folder('to')];
    const id = await user.file('one.txt', '1', from);
    const before = await file(id);
    const moved = await patch(user, id, { parentId: to, name: 'eins.txt' });
    expect(moved.body).toMatchObject({ id, name: 'eins.txt', path: '/to/eins.txt', parentId: to });
    expect(moved.body).toMatchObject({ createdAt: before.createdAt, updatedAt: before.updatedAt });
    expect((await patch(user, id, { name: 'EINS.txt' })).body.name).toBe('EINS.txt');
    expect((await patch(user, id, { name: 'EINS.txt', parentId: to })).status).toBe(200);
    expect((await patch(user, id, { parentId: null })).body).toMatchObject({
      parentId: null,
      path: '/EINS.txt',
    });
    expect(await eventsOf(id)).toEqual([
      'version.created',
      'file.moved',
      'file.renamed',
      'file.renamed',
      'file.moved',
    ]);
  });

  test('meets a name that is taken as it was told to', async () => {
    const folder = await user.folder('conflicts');
    const [a, b] = [await user.file('a.txt', 'a', folder), await user.file('b.txt', 'b', folder)];
    const inside = await user.folder('c.txt', folder);
    expect((await patch(user, b, { name: 'A.TXT' })).body.code).toBe('name_conflict');
    expect((await patch(user, b, { name: 'A.TXT', conflict: 'rename' })).body.name).toBe('A (2).TXT');
    expect((await patch(user, b, { name: 'C.TXT', conflict: 'replace' })).body.code).toBe('name_conflict');
    expect((await patch(user, inside, { name: 'a.txt', conflict: 'replace' })).body.code).toBe(
      'name_conflict',
    );
    expect((await patch(user, b, { name: 'A.TXT', conflict: 'replace' })).body).toMatchObject({
      id: b,
      name: 'A.TXT',
    });
    expect((await user.call('GET', `/v1/files/${a}`)).status).toBe(404);
    expect(await eventsOf(a)).toEqual(['version.created', 'file.trashed']);
    const other = await user.file('a.txt');
    expect((await patch(user, other, { parentId: folder, conflict: 'rename' })).body.name).toBe('a (2).txt');
  });

  test('of tags and metadata is merged, limited, and changes updatedAt', async () => {
    const id = await user.file('tagged');
    const first = await patch(user, id, {
      tags: ['red', 'Rot', 'red'],
      metadata: { a: '1', b: 'line\nline' },
    });
    expect(first.body).toMatchObject({ tags: ['red', 'Rot'], metadata: { a: '1', b: 'line\nline' } });
    const second = await patch(user, id, { metadata: { a: null, c: '\'; drop \\ " {}' } });
    expect(second.body.metadata).toEqual({ b: 'line\nline', c: '\'; drop \\ " {}' });
    expect(second.body.tags).toEqual(['red', 'Rot']);
    expect(Date.parse(second.body.updatedAt)).toBeGreaterThan(Date.parse(second.body.createdAt));
    const keys = (n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 'v']));
    expect((await patch(user, id, { metadata: keys(48) })).status).toBe(200);
    expect((await patch(user, id, { metadata: { more: '1' } })).body.code).toBe('metadata_too_large');
    expect((await patch(user, id, { metadata: { k0: 'x'.repeat(16_300) } })).body.code).toBe(
      'metadata_too_large',
    );
    for (const bad of [
      { tags: ['x'.repeat(65)] },
      { tags: [''] },
      { tags: ['a\nb'] },
      { tags: Array.from({ length: 51 }, (_, i) => `t${i}`) },
      { metadata: { a: 1 } },
      { metadata: { a: 'nul\0' } },
      { metadata: { '': 'x' } },
      { tags: null },
      {},
      { conflict: 'rename' },
      { name: 'x', ownerId: user.id },
      { role: 'manager' },
      { size: 1 },
    ])
      expect((await patch(user, id, bad)).body.code, JSON.stringify(bad)).toBe('invalid_request');
    expect(await eventsOf(id)).toEqual(['version.created', 'file.changed', 'file.changed', 'file.changed']);
  });

  test('that makes a cycle is refused, of two at once one, of a hundred all that would', async () => {
    const [a, b] = [await user.folder('cycle-a'), await user.folder('cycle-b')];
    expect((await patch(user, a, { parentId: a })).body.code).toBe('folder_cycle');
    const both = await Promise.all([patch(user, a, { parentId: b }), patch(user, b, { parentId: a })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    const ring: string[] = [];
    for (let n = 0; n < 10; n += 1) ring.push(await user.folder(`ring-${n}`));
    const moves = Array.from({ length: 100 }, (_, n) => {
      const [folder, into] = [ring[n % 10] ?? '', ring[(n * 7 + 1) % 10] ?? ''];
      return patch(user, folder, { parentId: into });
    });
    const codes = (await Promise.all(moves)).map(({ status, body }) => (status === 200 ? 'ok' : body.code));
    expect(new Set(codes)).toEqual(new Set(['ok', 'folder_cycle']));
    for (const id of ring) expect((await file(id)).path).toMatch(/^\/ring-/);
  });

  test('that would nest deeper than 512 is refused, by making, moving and copying', async () => {
    const deep = await user.folder('deep');
    const root = uuidOf(deep);
    await system.query(`with recursive chain (n, id, parent) as (
        select 1, storage.new_id(), '${root}'::uuid union all select n + 1, storage.new_id(), chain.id from chain where n < 510)
      insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, created_by)
      select id, '${uuidOf(user.id)}', parent, '${uuidOf(user.id)}', 'folder', 'd', 'd', '${uuidOf(user.id)}' from chain`);
    const [last] = await system.query(`select f.id from storage.files f where f.name = 'd'
      and not exists (select from storage.files c where c.parent_id = f.id)`);
    const bottom = `file_${String(last?.id).replaceAll('-', '')}`;
    const [one, two] = [await user.folder('one'), await user.folder('two')];
    await user.folder('inside', two);
    expect((await patch(user, two, { parentId: bottom })).body.code).toBe('folder_too_deep');
    expect((await copy(user, two, { parentId: bottom })).body.code).toBe('folder_too_deep');
    expect((await copy(user, one, { parentId: bottom, name: 'copied' })).status).toBe(201);
    expect((await patch(user, one, { parentId: bottom })).status).toBe(200);
    expect((await user.call('POST', '/v1/folders', { json: { name: 'x', parentId: one } })).body.code).toBe(
      'folder_too_deep',
    );
    const path = `${'/d'.repeat(510)}/one`;
    const found = await user.call('GET', `/v1/files/by-path?path=${encodeURIComponent(`/deep${path}`)}`);
    expect(found.body.id).toBe(one);
  });
});

describe('across drives and scopes', () => {
  test('a move takes versions, trash, scopes and counts along, if there is room', async () => {
    const [mine, team] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [mine, 'member'],
      [team, 'owner'],
    ]);
    const folder = await mine.folder('project');
    const inner = await mine.folder('inner', folder);
    const doc = await mine.file('doc', 'content', inner);
    await mine.call('PUT', `/v1/files/${doc}/content`, { body: 'content two' });
    const gone = await mine.file('gone', 'x', inner);
    await mine.call('DELETE', `/v1/files/${gone}`);
    const guest = await system.newUser();
    await share(inner, guest.id, 'user', 'viewer');
    const target = await team.call('POST', '/v1/folders', { json: { name: 'target', driveId } });
    await system.query(`update storage.drives set quota_entries = 4 where id = '${uuidOf(driveId)}'`);
    expect((await patch(mine, folder, { parentId: target.body.id })).body.code).toBe('quota_exceeded');
    await system.query(
      `update storage.drives set quota_entries = 5, quota_bytes = 18 where id = '${uuidOf(driveId)}'`,
    );
    expect((await patch(mine, folder, { driveId })).body.code).toBe('quota_exceeded');
    await system.query(`update storage.drives set quota_bytes = 19 where id = '${uuidOf(driveId)}'`);
    const moved = await patch(mine, folder, { parentId: target.body.id });
    expect(moved.body, JSON.stringify(moved.body)).toMatchObject({
      driveId,
      role: 'editor',
      path: '/target/project',
    });
    expect((await file(doc, guest)).path).toBe('/inner/doc');
    expect((await file(doc, team)).path).toBe('/target/project/inner/doc');
    expect(await driveRow(mine)).toMatchObject({ usedBytes: 0, entries: 0 });
    expect((await team.call('GET', `/v1/drives/${driveId}`)).body).toMatchObject({
      usedBytes: 19,
      entries: 5,
    });
    expect(await miscounted()).toEqual([]);
    expect(await eventsOf(doc)).toEqual(['version.created', 'version.created', 'file.moved']);
    const [told] =
      await system.query(`select count(*) from storage.outbox o join storage.changes c on c.event_id = o.id
      where o.file_id = '${uuidOf(folder)}' and o.type = 'file.moved' and c.principal_id = '${uuidOf(mine.id)}'`);
    expect(told).toEqual({ count: '1' });
    // Who moved it there is an editor there, and only a manager takes things away.
    const back = await patch(mine, folder, { driveId: mine.id });
    expect([back.body.code, back.body.detail]).toEqual([
      'role_required',
      'This needs the role manager; yours is editor.',
    ]);
    expect((await patch(team, folder, { driveId: mine.id })).body.code).toBe('folder_not_found');
  });

  test('rights follow the place: entries of a scope inside keep it, the others get that of the new place', async () => {
    const [owner, alice, bob] = await Promise.all([1, 2, 3].map(() => system.newUser()));
    if (!owner || !alice || !bob) throw new Error('people');
    const [forAlice, forBob] = [await owner.folder('for-alice'), await owner.folder('for-bob')];
    const box = await owner.folder('box', forAlice);
    const [plain, special] = [await owner.file('plain', 'p', box), await owner.folder('special', box)];
    const within = await owner.file('within', 'w', special);
    await share(forAlice, alice.id, 'user', 'viewer');
    await share(forBob, bob.id, 'user', 'editor');
    await share(special, alice.id, 'user', 'editor');
    expect((await file(plain, alice)).role).toBe('viewer');
    expect((await patch(owner, box, { parentId: forBob })).status).toBe(200);
    expect(await miscounted()).toEqual([]);
    expect((await file(plain, alice)).code).toBe('file_not_found');
    expect((await file(within, alice)).role).toBe('editor');
    expect((await file(plain, bob)).role).toBe('editor');
    expect((await file(within, bob)).role).toBe('editor');
    expect((await patch(bob, plain, { parentId: null })).body.code).toBe('folder_not_found');
    expect((await patch(owner, special, { parentId: null })).status).toBe(200);
    expect(await miscounted()).toEqual([]);
    expect((await file(within, bob)).code).toBe('file_not_found');
    expect((await file(within, alice)).path).toBe('/special/within');
  });

  test('nobody else changes or copies what they do not see, and viewers do not change it', async () => {
    const [owner, viewer, stranger] = await Promise.all([1, 2, 3].map(() => system.newUser()));
    if (!owner || !viewer || !stranger) throw new Error('people');
    const folder = await owner.folder('shared');
    const id = await owner.file('f', 'f', folder);
    await share(folder, viewer.id, 'user', 'viewer');
    const unknown = `file_${'0'.repeat(32)}`;
    const same = async (a: Promise<{ bytes: Uint8Array; status: number }>, b: typeof a) => {
      const [one, two] = [await a, await b];
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replace(/"requestId":"[^"]*"/, '');
      expect([one.status, text(one.bytes)]).toEqual([404, text(two.bytes)]);
    };
    for (const json of [{ name: 'x' }, { parentId: null }, { tags: [] }, { driveId: stranger.id }])
      await same(patch(stranger, id, json), patch(stranger, unknown, json));
    await same(copy(stranger, id), copy(stranger, unknown));
    await same(
      stranger.call('PUT', `/v1/files/${id}/favourite`),
      stranger.call('PUT', `/v1/files/${unknown}/favourite`),
    );
    await same(
      stranger.call('GET', `/v1/files/${folder}/summary`),
      stranger.call('GET', `/v1/files/${unknown}/summary`),
    );
    await same(
      stranger.call('GET', `/v1/files?parentId=${folder}`),
      stranger.call('GET', `/v1/files?parentId=${unknown}`),
    );
    expect((await patch(viewer, id, { name: 'x' })).body).toMatchObject({
      code: 'role_required',
      detail: 'This needs the role editor; yours is viewer.',
    });
    expect((await copy(viewer, id)).body).toMatchObject({ driveId: viewer.id, role: 'manager', path: '/f' });
    expect((await copy(viewer, id, { parentId: folder, name: 'g' })).body.code).toBe('role_required');
  });
});

describe('a copy', () => {
  test('of a folder is new entries over the same bytes, with tags and metadata, and counts', async () => {
    const who = await system.newUser();
    const folder = await who.folder('original');
    const doc = await who.file('doc', 'old', folder);
    await who.call('PUT', `/v1/files/${doc}/content`, { body: 'current' });
    await patch(who, doc, { tags: ['t'], metadata: { k: 'v' } });
    await who.folder('empty', folder);
    const trashed = await who.file('trashed', 'x', folder);
    await who.call('DELETE', `/v1/files/${trashed}`);
    expect((await copy(who, folder)).body.code).toBe('name_conflict');
    const made = await copy(who, folder, { conflict: 'rename' });
    expect([made.status, made.body.name]).toEqual([201, 'original (2)']);
    const children = (await who.call('GET', `/v1/files?parentId=${made.body.id}&sort=name`)).body.items;
    expect(children.map(({ name }: { name: string }) => name)).toEqual(['doc', 'empty']);
    expect(children[0]).toMatchObject({ tags: ['t'], metadata: { k: 'v' }, version: { number: 1 }, size: 7 });
    expect(children[0].id).not.toBe(doc);
    const content = await who.call('GET', `/v1/files/${children[0].id}/content`);
    expect(new TextDecoder().decode(content.bytes)).toBe('current');
    expect(await driveRow(who)).toMatchObject({ usedBytes: 18, entries: 7 });
    expect(await miscounted()).toEqual([]);
    expect(await eventsOf(made.body.id)).toEqual(['file.copied']);
    expect(await eventsOf(children[0].id)).toEqual(['version.created']);
    const [objects] = await system.query(`select count(distinct v.object_id) from storage.versions v
      where v.drive_id = '${uuidOf(who.id)}'`);
    expect(objects).toEqual({ count: '3' });
  });

  test('into itself is of what was there, and replaces a file but never itself or a folder', async () => {
    const who = await system.newUser();
    const folder = await who.folder('f');
    const a = await who.file('a', 'a', folder);
    const inner = await copy(who, folder, { parentId: folder, name: 'again' });
    expect((await who.call('GET', `/v1/files/${inner.body.id}/summary`)).body).toEqual({
      files: 1,
      folders: 0,
      bytes: 1,
      complete: true,
    });
    expect((await who.call('GET', `/v1/files/${folder}/summary`)).body).toMatchObject({
      files: 2,
      folders: 1,
    });
    expect((await copy(who, a, { parentId: folder, conflict: 'replace' })).body.code).toBe('name_conflict');
    expect((await copy(who, a, { parentId: folder, name: 'again', conflict: 'replace' })).body.code).toBe(
      'name_conflict',
    );
    const b = await who.file('b', 'b', folder);
    const replaced = await copy(who, a, { parentId: folder, name: 'B', conflict: 'replace' });
    expect(replaced.body).toMatchObject({ name: 'B', size: 1 });
    expect((await file(b, who)).code).toBe('file_not_found');
  });

  test('is refused when the content is not handed out, or there is no room', async () => {
    const who = await system.newUser();
    const folder = await who.folder('f');
    const id = await who.file('bad', '12345', folder);
    const setState = (state: string) =>
      system.query(`update storage.objects o set state = '${state}' from storage.versions v
        where v.object_id = o.id and v.file_id = '${uuidOf(id)}'`);
    await setState('infected');
    expect((await copy(who, id)).body.code).toBe('content_infected');
    expect((await copy(who, folder, { name: 'g' })).body.code).toBe('content_infected');
    await setState('live');
    await system.query(`update storage.drives set quota_bytes = 9 where id = '${uuidOf(who.id)}'`);
    expect((await copy(who, id)).body.code).toBe('quota_exceeded');
    await system.query(
      `update storage.drives set quota_bytes = 10, quota_entries = 3 where id = '${uuidOf(who.id)}'`,
    );
    expect((await copy(who, folder, { name: 'g' })).body.code).toBe('quota_exceeded');
    const all = await Promise.all([1, 2, 3].map(() => copy(who, id, { conflict: 'rename' })));
    expect(all.map(({ status }) => status).sort()).toEqual([201, 507, 507]);
  });

  test('leaves out what its maker does not see, and can be repeated under a key', async () => {
    const [owner, guest] = [await system.newUser(), await system.newUser()];
    const folder = await owner.folder('f');
    const hidden = await owner.folder('hidden', folder);
    await owner.file('secret', 's', hidden);
    await owner.file('open', 'o', folder);
    await share(folder, guest.id, 'user', 'viewer');
    await share(hidden, guest.id, 'user', 'none');
    const headers = { 'idempotency-key': 'copy-1' };
    const made = await guest.call('POST', `/v1/files/${folder}/copy`, { json: {}, headers });
    const again = await guest.call('POST', `/v1/files/${folder}/copy`, { json: {}, headers });
    expect(again.body).toEqual(made.body);
    expect((await guest.call('GET', `/v1/files/${made.body.id}/summary`)).body).toMatchObject({
      files: 1,
      folders: 0,
    });
    expect((await guest.call('GET', `/v1/files?parentId=${folder}`)).body.items).toHaveLength(1);
    expect((await guest.call('GET', `/v1/files/${folder}/summary`)).body).toMatchObject({
      files: 1,
      folders: 0,
    });
  });
});
