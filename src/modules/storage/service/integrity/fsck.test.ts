import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startIntegrity } from '../../testing/test-integrity.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../../testing/test-system.ts';
import type { FsckRequest, FsckStep } from './fsck.ts';

let system: TestSystem;
let user: TestUser;
/** Of the stand-in, where objects are files. */
let dataDir: string;
beforeAll(async () => {
  system = await startTestSystem();
  dataDir = system.s3.server?.dataDir ?? '';
  user = await system.newUser();
  await system.runCron();
}, 120_000);
afterAll(() => system.close());
beforeEach(() => system.query('truncate storage.orphans'));

const REQUEST: FsckRequest = { deep: false, repair: false, after: '', limit: 1_000, timeMs: 60_000 };
const check = (request: Partial<FsckRequest> = {}, at = system): Promise<FsckStep> =>
  startIntegrity(at).fsck.step({ ...REQUEST, ...request });
const keyOf = async (fileId: string): Promise<string> => {
  const uuid = fileId.slice(5);
  const [row] = await system.query(
    `select o.key from storage.objects o join storage.versions v on v.object_id = o.id where replace(v.file_id::text, '-', '') = '${uuid}'`,
  );
  return String(row?.key);
};
const put = (key: string, text = 'x', metadata: Record<string, string> = {}) => {
  const body = new TextEncoder().encode(text);
  return system.store.put(key, body, { size: body.byteLength, contentType: 'text/plain', metadata });
};
const exists = async (key: string) => (await system.store.head(key)) !== undefined;
const events = async (fileId: string) =>
  (
    await system.query(
      `select type from storage.outbox where replace(file_id::text, '-', '') = '${fileId.slice(5)}' order by id`,
    )
  ).map(({ type }) => type);

/** The one file below the stand-in that has this content. */
function blobWith(content: string): string {
  // Others may be deleted between the list and the look.
  const found = blobsOf().filter((path) => existsSync(path) && readFileSync(path, 'utf8') === content);
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} blobs hold ${content}`);
  return found[0];
}

describe('fsck', () => {
  test.each([[false], [true]])(
    'does not hand out what is not as its uploader announced it (every byte read: %s)',
    async (deep) => {
      const id = await user.file(`announced ${deep}`);
      await system.settled();
      const key = await keyOf(id);
      await system.query(`update storage.objects set sha256 = null, announced_sha256 = '${'0'.repeat(64)}',
      state = 'corrupt', state_reason = 'announced otherwise' where key = '${key}'`);
      const { findings } = await check({ deep, repair: true });
      expect(findings.filter((found) => found.key === key)).toMatchObject([{ kind: 'corrupt' }]);
      expect((await user.call('GET', `/v1/files/${id}/content`)).body.code).toBe('content_corrupt');
      await system.query(`update storage.objects set announced_sha256 = null where key = '${key}'`);
      await check({ deep: true, repair: true });
    },
  );

  test('finds nothing wrong where nothing is', async () => {
    await user.file('gut.txt');
    await system.settled();
    expect(await check({ deep: true })).toMatchObject({ findings: [], next: null });
  });

  test('finds the same in pages of two as in one', async () => {
    await Promise.all(['p1', 'p2', 'p3', 'p4', 'p5'].map((name) => user.file(name)));
    await put('objects/file_alone/1');
    await system.settled();
    const keys: string[] = [];
    let checked = 0;
    for (let after: string | null = ''; after !== null; ) {
      const step: FsckStep = await check({ after, limit: 2, graceSeconds: 0 });
      keys.push(...step.findings.map(({ key }) => key));
      checked += step.checked;
      after = step.next;
    }
    expect(keys).toEqual(['objects/file_alone/1']);
    expect(checked).toBe((await check()).checked);
    await system.store.delete('objects/file_alone/1');
  });

  test('refuses bytes that are gone, tells of it, and serves them again when they are back', async () => {
    const id = await user.file('fehlt.txt', 'fehlende Bytes');
    const key = await keyOf(id);
    const head = await system.store.head(key);
    await system.store.delete(key);
    expect((await check()).findings).toMatchObject([{ kind: 'missing', key }]);
    expect((await user.call('GET', `/v1/files/${id}`)).body.content).toBe('live');
    await check({ repair: true });
    expect((await user.call('GET', `/v1/files/${id}/content`)).body.code).toBe('content_missing');
    await put(key, 'falsche  Bytes', head?.metadata ?? {});
    expect((await check({ repair: true })).findings).toMatchObject([{ kind: 'corrupt', key }]);
    expect((await user.call('GET', `/v1/files/${id}/content`)).body.code).toBe('content_corrupt');
    await system.store.delete(key);
    await put(key, 'fehlende Bytes', head?.metadata ?? {});
    expect(await check({ repair: true })).toMatchObject({ findings: [], repaired: 1 });
    expect((await user.call('GET', `/v1/files/${id}/content`)).status).toBe(200);
    expect(await events(id)).toEqual([
      'version.created',
      'content.refused',
      'content.refused',
      'content.repaired',
    ]);
  });

  test('finds a flipped byte on the disk by reading, and that it was put right', async () => {
    const id = await user.file('kippt.txt', 'ein Byte kippt hier');
    const path = blobWith('ein Byte kippt hier');
    writeFileSync(path, 'ein Byte kippt hieR');
    expect((await check()).findings).toEqual([]);
    expect((await check({ deep: true, repair: true })).findings).toMatchObject([
      { kind: 'corrupt', key: await keyOf(id) },
    ]);
    expect((await user.call('GET', `/v1/files/${id}/content`)).body.code).toBe('content_corrupt');
    writeFileSync(path, 'ein Byte kippt hier');
    expect(await check({ repair: true })).toMatchObject({ findings: [], repaired: 1 });
    expect((await user.call('GET', `/v1/files/${id}/content`)).status).toBe(200);
  });

  test('finds a flipped byte of an encrypted object', async () => {
    const at = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
    const { body } = await at.call('POST', '/v1/files?name=versiegelt.txt', {
      token: user.token,
      body: new TextEncoder().encode('versiegelt'),
    });
    const before = blobsOf();
    const path =
      before.find((candidate) => readFileSync(candidate).length === 'versiegelt'.length + 28) ?? '';
    const bytes = readFileSync(path);
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { findings } = await check({ deep: true, repair: true });
    expect(findings).toMatchObject([{ kind: 'corrupt', key: await keyOf(body.id) }]);
    const content = await at.call('GET', `/v1/files/${body.id}/content`, { token: user.token });
    expect(content.body.code).toBe('content_corrupt');
    await user.call('DELETE', `/v1/files/${body.id}`);
    await user.call('DELETE', `/v1/trash/${body.id}`);
    await system.runCron();
  });

  test('finds an object that says it is another one', async () => {
    const id = await user.file('vertauscht.txt', 'vertauscht');
    const key = await keyOf(id);
    await system.store.delete(key);
    await put(key, 'vertauscht', { 'object-id': `obj_${'0'.repeat(32)}` });
    expect((await check({ deep: true })).findings).toMatchObject([{ kind: 'mislinked', key }]);
    await user.call('DELETE', `/v1/files/${id}`);
    await user.call('DELETE', `/v1/trash/${id}`);
    await system.runCron();
  });
});

describe('an orphan', () => {
  const KEY = 'objects/file_orphan/ver_orphan';
  const repair = { repair: true, graceSeconds: 0 };

  test('goes in a later run than the one that finds it, and not before its time', async () => {
    await put(KEY);
    expect((await check({ graceSeconds: 0 })).findings).toMatchObject([{ kind: 'orphan', key: KEY }]);
    expect(await check(repair)).toMatchObject({ quarantined: 1, deleted: 0 });
    expect(await check({ repair: true, graceSeconds: 3_600 })).toMatchObject({ deleted: 0 });
    await system.runCron();
    expect(await exists(KEY)).toBe(true);
    expect(await check(repair)).toMatchObject({ deleted: 1 });
    await system.runCron();
    expect(await exists(KEY)).toBe(false);
  });

  test('stays when a row has come to name it', async () => {
    const id = await user.file('doch.txt', 'doch gebraucht');
    const key = await keyOf(id);
    await system.query(
      `insert into storage.orphans (object_key, size, first_seen_at) values ('${key}', 1, 'epoch')`,
    );
    expect(await check(repair)).toMatchObject({ deleted: 0 });
    await system.runCron();
    expect(await exists(key)).toBe(true);
    expect(await system.query('select * from storage.orphans')).toEqual([]);
  });

  test('is not what belongs to an upload that goes on, or has just come', async () => {
    const begun = await user.call('POST', '/v1/uploads', {
      json: { name: 'unterwegs.bin', size: 10, contentType: 'text/plain' },
    });
    expect(begun.status, JSON.stringify(begun.body)).toBe(201);
    const [row] = await system.query(`select object_key from storage.uploads where state = 'active'`);
    await put(String(row?.object_key), '0123456789');
    const resumable = await user.call('POST', '/v1/tus', {
      body: 'what is left of a part',
      headers: {
        'tus-resumable': '1.0.0',
        'content-type': 'application/offset+octet-stream',
        'upload-length': '100',
      },
    });
    expect(resumable.status, JSON.stringify(resumable.body)).toBe(201);
    await put(KEY);
    expect((await check({ repair: true })).findings).toEqual([]);
    expect((await check(repair)).findings).toMatchObject([{ key: KEY }]);
    await check(repair);
    await system.runCron();
    expect([await exists(String(row?.object_key)), await exists(KEY)]).toEqual([true, false]);
    for (const id of [begun.body.id, resumable.headers.get('location')?.split('/').at(-1)])
      await user.call('DELETE', `/v1/uploads/${id}`);
    await system.runCron();
  });

  test('is swept by cron, after quarantine', async () => {
    const at = system.withEnv({ ORPHAN_GRACE_SECONDS: '0', UPLOAD_LIFETIME_SECONDS: '1' });
    const id = await user.file('bleibt.txt', 'bleibt');
    await put(KEY);
    await new Promise((resolve) => setTimeout(resolve, 2_100));
    await at.runCron();
    expect(
      (await system.query('select object_key from storage.orphans')).map((row) => row.object_key),
    ).toEqual([KEY]);
    await at.runCron();
    await at.runCron();
    expect(await exists(KEY)).toBe(false);
    expect(await exists(await keyOf(id))).toBe(true);
  });
});

describe('an administrator', () => {
  const asAdmin = async () => {
    const admin = await system.newUser();
    await system.query(
      `update auth.users set role = 'admin' where replace(id::text, '-', '') = '${admin.id.slice(4)}'`,
    );
    return admin;
  };

  test('checks in pieces and sees what is known to be wrong', async () => {
    const admin = await asAdmin();
    const id = await user.file('weg.txt', 'ist weg');
    await system.store.delete(await keyOf(id));
    const { status, body } = await admin.call('POST', '/v1/admin/storage/fsck', { json: { repair: true } });
    expect([status, body.nextCursor]).toEqual([200, null]);
    expect(body.findings).toMatchObject([{ kind: 'missing' }]);
    await put('objects/file_x/ver_x');
    await check({ repair: true, graceSeconds: 0 });
    const { body: findings } = await admin.call('GET', '/v1/admin/storage/findings?limit=1');
    expect(findings.items).toHaveLength(1);
    const { body: rest } = await admin.call(
      'GET',
      `/v1/admin/storage/findings?cursor=${encodeURIComponent(findings.nextCursor)}`,
    );
    expect([...findings.items, ...rest.items].map(({ kind }) => kind).sort()).toEqual(['missing', 'orphan']);
    const [entry] = await system.query(
      `select details from core.audit_events where action = 'integrity.check'`,
    );
    expect(entry?.details).toMatchObject({ repair: true, findings: 1 });
  });

  test('is asked for: others may not, and bad input is refused', async () => {
    expect((await user.call('POST', '/v1/admin/storage/fsck', { json: {} })).status).toBe(403);
    expect((await user.call('GET', '/v1/admin/storage/findings')).status).toBe(403);
    const admin = await asAdmin();
    expect((await admin.call('POST', '/v1/admin/storage/fsck', { json: { deeper: true } })).body.code).toBe(
      'invalid_request',
    );
    expect((await admin.call('GET', '/v1/admin/storage/findings?limit=0')).body.code).toBe('invalid_request');
  });

  test('repairs nothing in the bucket of another database', async () => {
    const admin = await asAdmin();
    const [row] = await system.query(`delete from storage.upkeep where name = 'journal' returning state`);
    const { body } = await admin.call('POST', '/v1/admin/storage/fsck', { json: { repair: true } });
    expect(body.code).toBe('bucket_of_another_database');
    await system.query(`insert into storage.upkeep values ('journal', '${JSON.stringify(row?.state)}')`);
  });
});

function blobsOf(): string[] {
  const files = readdirSync(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  return files.filter((entry) => entry.isFile()).map((file) => join(file.parentPath, file.name));
}
