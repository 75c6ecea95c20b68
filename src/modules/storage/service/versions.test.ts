import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const put = (user: TestUser, id: string, body: string, headers: Record<string, string> = {}) =>
  user.call('PUT', `/v1/files/${id}/content`, { body: new TextEncoder().encode(body), headers });
const versionsOf = async (user: TestUser, id: string) =>
  (await user.call('GET', `/v1/files/${id}/versions`)).body.items;
const at = (id: string, versionId: string) => `/v1/files/${id}/versions/${versionId}`;
const eventsOf = (id: string, type: string) =>
  system.query(
    `select version_id from storage.outbox where file_id = '${idToUuid(id)}' and type = '${type}'`,
  );

/** A file with versions of these contents, the oldest first. */
async function file(user: TestUser, ...contents: string[]) {
  const [first = '', ...others] = contents;
  const id = await user.file(`${newId('file')}.txt`, first);
  for (const content of others) await put(user, id, content);
  const versions = await versionsOf(user, id);
  return { id, versions: versions.map((version: { id: string }) => version.id).reverse() as string[] };
}

async function team() {
  const [owner, member, viewer, stranger] = await Promise.all([1, 2, 3, 4].map(() => system.newUser()));
  if (!owner || !member || !viewer || !stranger) throw new Error('people');
  const driveId = await system.newWorkspace([
    [owner, 'owner'],
    [member, 'member'],
    [viewer, 'viewer'],
  ]);
  const made = await member.upload(`${newId('file')}.txt`, 'one', { driveId });
  const { id } = made.body;
  await put(member, id, 'two');
  const [newest, oldest] = await versionsOf(member, id);
  return { owner, member, viewer, stranger, driveId, id, newest: newest.id, oldest: oldest.id };
}

describe('a version', () => {
  test('is shown by itself as the list shows it', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'three');
    const listed = await versionsOf(user, id);
    const [oldest = '', newest = ''] = versions;
    expect((await user.call('GET', at(id, newest))).body).toEqual(listed[0]);
    expect((await user.call('GET', at(id, oldest))).body).toMatchObject({
      number: 1,
      size: 3,
      current: false,
      label: null,
    });
  });

  test('of another file, or of nobody, is not there', async () => {
    const user = await system.newUser();
    const [a, b] = [await file(user, 'a', 'b'), await file(user, 'c', 'd')];
    for (const versionId of [b.versions[0] ?? '', newId('ver')]) {
      const path = at(a.id, versionId);
      expect((await user.call('GET', path)).body.code).toBe('version_not_found');
      expect((await user.call('PATCH', path, { json: { label: 'x' } })).body.code).toBe('version_not_found');
      expect((await user.call('DELETE', path)).body.code).toBe('version_not_found');
      expect((await user.call('POST', `${path}/restore`)).body.code).toBe('version_not_found');
    }
    expect(await versionsOf(user, b.id)).toHaveLength(2);
  });

  test('is as if it did not exist for whoever does not see its file, byte for byte', async () => {
    const { stranger, id, oldest } = await team();
    const none = newId('file');
    for (const [method, path, json] of [
      ['GET', '', undefined],
      ['PATCH', '', { label: 'mine' }],
      ['DELETE', '', undefined],
      ['POST', '/restore', undefined],
    ] as const) {
      const options = json === undefined ? {} : { json };
      const [theirs, nobodys] = await Promise.all([
        stranger.call(method, at(id, oldest) + path, options),
        stranger.call(method, at(none, oldest) + path, options),
      ]);
      expect(theirs.status).toBe(404);
      expect({ ...theirs.body, requestId: '' }).toEqual({ ...nobodys.body, requestId: '' });
    }
  });

  test('goes with its file into the trash', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    await user.call('DELETE', `/v1/files/${id}`);
    const path = at(id, versions[0] ?? '');
    for (const [method, suffix] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/restore'],
    ] as const)
      expect((await user.call(method, path + suffix)).body.code).toBe('file_not_found');
    expect((await user.call('PATCH', path, { json: { label: 'x' } })).body.code).toBe('file_not_found');
  });
});

describe('a label', () => {
  test('is given and taken away, and told', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const path = at(id, versions[0] ?? '');
    expect((await user.call('PATCH', path, { json: { label: 'signed ✔' } })).body.label).toBe('signed ✔');
    expect((await user.call('GET', path)).body.label).toBe('signed ✔');
    expect((await user.call('PATCH', path, { json: { label: null } })).body.label).toBeNull();
    expect(await eventsOf(id, 'version.labelled')).toHaveLength(2);
  });

  test('has 1 to 100 characters of one line, and nothing comes along with it', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one');
    const path = at(id, versions[0] ?? '');
    for (const json of [
      {},
      { label: '' },
      { label: '  ' },
      { label: 'x'.repeat(101) },
      { label: 'a\nb' },
      { label: 'a\0b' },
      { label: '\ud800' },
      { label: 3 },
      { label: 'x', number: 7 },
    ])
      expect((await user.call('PATCH', path, { json })).status, JSON.stringify(json)).toBe(400);
    expect((await user.call('PATCH', path, { json: { label: 'x'.repeat(100) } })).status).toBe(200);
  });

  test('takes an editor', async () => {
    const { viewer, member, id, oldest } = await team();
    const refused = await viewer.call('PATCH', at(id, oldest), { json: { label: 'x' } });
    expect(refused.body).toMatchObject({ status: 403, code: 'role_required' });
    expect(refused.body.detail).toMatch(/editor.*viewer/);
    expect((await member.call('PATCH', at(id, oldest), { json: { label: 'x' } })).status).toBe(200);
  });
});

describe('deleting a version', () => {
  test('takes it and its bytes away for good, gives the room back, and is told and audited', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'three');
    const [oldest = ''] = versions;
    const [{ key } = { key: '' }] = await system.query(`select o.key from storage.versions v
      join storage.objects o on o.id = v.object_id where v.id = '${idToUuid(oldest)}'`);
    expect((await user.call('DELETE', at(id, oldest))).status).toBe(204);
    await system.settled();
    await system.runCron();
    expect((await user.call('GET', at(id, oldest))).body.code).toBe('version_not_found');
    expect(await versionsOf(user, id)).toHaveLength(1);
    expect(await eventsOf(id, 'version.deleted')).toEqual([{ version_id: idToUuid(oldest) }]);
    const rows = await system.query(`select 1 from storage.objects where key = '${key}'`);
    expect(rows).toEqual([]);
    expect(await system.store.head(String(key))).toBeUndefined();
    const drive = `select used_bytes from storage.drives where id = '${idToUuid(user.id)}'`;
    expect(await system.query(drive)).toEqual([{ used_bytes: '5' }]);
    expect(
      await system.query(`select actor_id from core.audit_events where object_id = '${oldest}'`),
    ).toEqual([{ actor_id: user.id }]);
  });

  test('is refused for the current one', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    expect((await user.call('DELETE', at(id, versions[1] ?? ''))).body).toMatchObject({
      status: 409,
      code: 'version_is_current',
    });
    expect(await versionsOf(user, id)).toHaveLength(2);
  });

  test('takes a manager: who may write may not take away what others wrote', async () => {
    const { owner, member, viewer, id, oldest } = await team();
    for (const user of [member, viewer])
      expect((await user.call('DELETE', at(id, oldest))).body.code).toBe('role_required');
    expect((await owner.call('DELETE', at(id, oldest))).status).toBe(204);
  });

  test('leaves bytes that another version shares', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const [oldest = ''] = versions;
    await user.call('POST', `${at(id, oldest)}/restore`);
    expect((await user.call('DELETE', at(id, oldest))).status).toBe(204);
    await system.runCron();
    const content = await user.call('GET', `/v1/files/${id}/content`);
    expect(new TextDecoder().decode(content.bytes)).toBe('one');
  });

  test('twice at once happens once', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const answers = await Promise.all([1, 2, 3, 4].map(() => user.call('DELETE', at(id, versions[0] ?? ''))));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404, 404]);
    expect(await eventsOf(id, 'version.deleted')).toHaveLength(1);
  });

  test('and restoring it at once end with the restored content, or with the refusal', async () => {
    const user = await system.newUser();
    for (let round = 0; round < 5; round += 1) {
      const { id, versions } = await file(user, 'one', 'two');
      const path = at(id, versions[0] ?? '');
      const [removed, restored] = await Promise.all([
        user.call('DELETE', path),
        user.call('POST', `${path}/restore`),
      ]);
      expect(removed.status).toBe(204);
      expect([200, 404]).toContain(restored.status);
      const content = await user.call('GET', `/v1/files/${id}/content`);
      expect(new TextDecoder().decode(content.bytes)).toBe(restored.status === 200 ? 'one' : 'two');
    }
  });
});

describe('restoring a version', () => {
  test('writes a new one with the same bytes', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const restored = await user.call('POST', `${at(id, versions[0] ?? '')}/restore`);
    expect(restored.body).toMatchObject({ version: { number: 3 }, size: 3 });
    expect(await versionsOf(user, id)).toHaveLength(3);
  });

  test('honours If-Match with the current content', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const path = `${at(id, versions[0] ?? '')}/restore`;
    const [current, old] = await versionsOf(user, id);
    const stale = await user.call('POST', path, { headers: { 'if-match': old.etag } });
    expect(stale.body).toMatchObject({ status: 412, code: 'precondition_failed' });
    expect(await versionsOf(user, id)).toHaveLength(2);
    expect((await user.call('POST', path, { headers: { 'if-match': current.etag } })).status).toBe(200);
  });

  test('with If-Match, at once from many, happens once', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const [current] = await versionsOf(user, id);
    const headers = { 'if-match': current.etag };
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map(() => user.call('POST', `${at(id, versions[0] ?? '')}/restore`, { headers })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
    expect(await versionsOf(user, id)).toHaveLength(3);
  });

  test('takes an editor, and room in the drive', async () => {
    const { viewer, owner, id, oldest } = await team();
    expect((await viewer.call('POST', `${at(id, oldest)}/restore`)).body.code).toBe('role_required');
    const small = system.withEnv({ DRIVE_QUOTA_BYTES: '8' });
    const refused = await small.call('POST', `${at(id, oldest)}/restore`, { token: owner.token });
    expect(refused.body.code).toBe('quota_exceeded');
    expect(await versionsOf(owner, id)).toHaveLength(2);
  });

  test('repeated under its idempotency key makes one', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const headers = { 'idempotency-key': 'again' };
    const path = `${at(id, versions[0] ?? '')}/restore`;
    const first = await user.call('POST', path, { headers });
    const second = await user.call('POST', path, { headers });
    expect(second.body).toEqual(first.body);
    expect(await versionsOf(user, id)).toHaveLength(3);
  });

  test('is refused for bytes that are not handed out', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, 'one', 'two');
    const [oldest = ''] = versions;
    await system.query(`update storage.objects set state = 'infected'
      where id = (select object_id from storage.versions where id = '${idToUuid(oldest)}')`);
    expect((await user.call('POST', `${at(id, oldest)}/restore`)).body.code).toBe('content_infected');
  });
});

describe('retention', () => {
  const keep = (user: TestUser, columns: string) =>
    system.query(`update storage.drives set ${columns} where id = '${idToUuid(user.id)}'`);
  const numbers = async (user: TestUser, id: string) =>
    (await versionsOf(user, id)).map((version: { number: number }) => version.number);

  test('keeps everything unless a drive says otherwise', async () => {
    const user = await system.newUser();
    const { id } = await file(user, '1', '2', '3');
    await system.query(`update storage.versions set created_at = now() - interval '9 years'`);
    await system.runCron();
    expect(await numbers(user, id)).toEqual([3, 2, 1]);
  });

  test('by count keeps the newest, and does not count those with a label', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, '1', '2', '3', '4', '5');
    await user.call('PATCH', at(id, versions[3] ?? ''), { json: { label: 'four' } });
    await keep(user, 'keep_versions = 2');
    await system.runCron();
    expect(await numbers(user, id)).toEqual([5, 4, 3]);
    const told = (await eventsOf(id, 'version.deleted')).map(({ version_id }) => version_id).sort();
    expect(told).toEqual(versions.slice(0, 2).map(idToUuid).sort());
    await Promise.all([system.runCron(), system.runCron()]);
    expect(await numbers(user, id)).toEqual([5, 4, 3]);
    expect(await eventsOf(id, 'version.deleted')).toHaveLength(2);
  });

  test('by age keeps the current one however old it is, and those with a label', async () => {
    const user = await system.newUser();
    const { id, versions } = await file(user, '1', '2', '3', '4');
    const other = await file(user, '1', '2');
    await user.call('PATCH', at(id, versions[1] ?? ''), { json: { label: 'two' } });
    await keep(user, 'keep_version_days = 10');
    await system.query(`update storage.versions set created_at = now() - interval '11 days'
      where file_id = '${idToUuid(id)}'`);
    await system.runCron();
    expect(await numbers(user, id)).toEqual([4, 2]);
    expect(await numbers(user, other.id)).toEqual([2, 1]);
  });

  test('leaves what is in the trash as it was', async () => {
    const user = await system.newUser();
    const { id } = await file(user, '1', '2', '3');
    await keep(user, 'keep_versions = 1');
    await user.call('DELETE', `/v1/files/${id}`);
    await system.runCron();
    await user.call('POST', `/v1/trash/${id}/restore`, { json: {} });
    expect(await numbers(user, id)).toEqual([3, 2, 1]);
  });
});
