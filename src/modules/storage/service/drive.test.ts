import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestSystem, type TestSystem } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

describe('the frame', () => {
  test('keeps a file, replaces it, hands it out, and counts', async () => {
    const user = await system.newUser();
    const made = await user.upload('a.txt', 'hello');
    expect(made.body, JSON.stringify(made.body)).toMatchObject({
      name: 'a.txt',
      path: '/a.txt',
      role: 'manager',
      size: 5,
    });
    const { id } = made.body;
    const put = await user.call('PUT', `/v1/files/${id}/content`, {
      body: 'hello again',
      headers: { 'if-match': made.body.etag },
    });
    expect(put.body, JSON.stringify(put.body)).toMatchObject({ version: { number: 2 }, size: 11 });
    const stale = await user.call('PUT', `/v1/files/${id}/content`, {
      body: 'x',
      headers: { 'if-match': made.body.etag },
    });
    expect(stale.body.code).toBe('precondition_failed');
    const got = await user.call('GET', `/v1/files/${id}/content`);
    expect(new TextDecoder().decode(got.bytes)).toBe('hello again');
    const folder = await user.folder('f');
    const inside = await user.file('b.txt', 'b', folder);
    expect((await user.call('GET', `/v1/files/${inside}`)).body.path).toBe('/f/b.txt');
    expect((await user.upload('A.TXT', 'other')).body.code).toBe('name_conflict');
    expect((await user.upload('A.TXT', 'other', { conflict: 'rename' })).body.name).toBe('A (2).TXT');
    expect((await user.upload('A.TXT', 'other', { conflict: 'replace' })).body).toMatchObject({
      id,
      version: { number: 3 },
    });
    expect((await user.call('GET', '/v1/files')).body.items).toHaveLength(3);
    const [drive] = await system.query('select used_bytes, reserved_bytes, entry_count from storage.drives');
    expect(drive).toEqual({ used_bytes: '27', reserved_bytes: '0', entry_count: '4' });
    const other = await system.newUser();
    expect((await other.call('GET', `/v1/files/${id}`)).body.code).toBe('file_not_found');
  });

  test('shows a workspace to its members by their roles', async () => {
    const [owner, member, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => system.newUser()));
    if (!owner || !member || !viewer || !stranger) throw new Error('people');
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
      [viewer, 'viewer'],
    ]);
    const made = await member.upload('w.txt', 'work', { driveId });
    expect(made.body, JSON.stringify(made.body)).toMatchObject({ driveId, role: 'editor' });
    expect((await viewer.call('GET', `/v1/files/${made.body.id}`)).body.role).toBe('viewer');
    expect((await owner.call('GET', `/v1/files/${made.body.id}`)).body.role).toBe('manager');
    expect((await stranger.call('GET', `/v1/files/${made.body.id}`)).status).toBe(404);
    expect((await viewer.upload('v.txt', 'no', { driveId })).body.code).toBe('role_required');
    await system.removeMember(driveId, member);
    expect((await member.call('GET', `/v1/files/${made.body.id}`)).status).toBe(404);
  });
});

describe('If-None-Match: *', () => {
  const onlyNew = { 'if-none-match': '*' };

  test('writes where nothing is, and touches nothing that is there', async () => {
    const user = await system.newUser();
    const write = (content: string) =>
      user.call('POST', '/v1/files?name=new.txt&conflict=replace', { body: content, headers: onlyNew });
    const made = await write('first');
    expect(made.status).toBe(201);
    expect((await write('second')).body.code).toBe('precondition_failed');
    const put = await user.call('PUT', `/v1/files/${made.body.id}/content`, {
      body: 'third',
      headers: onlyNew,
    });
    expect(put.body.code).toBe('precondition_failed');
    expect((await user.call('GET', `/v1/files/${made.body.id}`)).body.version.number).toBe(1);
  });

  test('lets one of twenty writers of a name win; the others get 412', async () => {
    const user = await system.newUser();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        user.call('POST', '/v1/files?name=contested.txt', { body: `${index}`, headers: onlyNew }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(412)]);
  });
});
