import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { databaseConfigSchema, parseConfig } from '../../core/config/config.ts';
import { createDatabase } from '../../core/database/client.ts';
import type { ObjectStore } from '../../core/objects/object-store.ts';
import { createS3ObjectStore } from '../../core/objects/s3-object-store.ts';
import { keyringSchema } from '../../core/security/keyring.ts';
import {
  startTestSystem,
  type TestSystem,
  type TestUser,
} from '../../modules/storage/testing/test-system.ts';
import type { DeploymentConfig } from '../deployment.ts';
import { startTestDatabase, type TestDatabase } from '../testing/database.ts';
import { startTestBucket, type TestBucket } from '../testing/test-bucket.ts';
import { adoptBranch } from './adopt-branch.ts';
import { rowsQuery } from './catalogue.ts';
import { objectPath, readManifest } from './manifest.ts';
import { type Missing, restoreBackup } from './restore-backup.ts';
import { restoreObjects } from './restore-objects.ts';
import { type BackupDatabase, openBackupDatabase } from './sql.ts';
import { readCatalogue, takeBackup } from './take-backup.ts';
import { verifyBackup } from './verify-backup.ts';

const KEYS = { STORAGE_ENCRYPTION_KEYS: keyringSchema.parse(`k1:${'A'.repeat(43)}`) };
const OTHER_KEYS = { STORAGE_ENCRYPTION_KEYS: keyringSchema.parse(`k1:${'B'.repeat(43)}`) };
/** Begin anew with a restore. */
const NOT_COMPARED = ['storage.upkeep', 'storage.cursors', 'ai.cursors', 'storage.changes', 'storage.outbox'];

let source: TestSystem;
let sourceDatabase: BackupDatabase;
let folder: string;
let target: { database: TestDatabase; bucket: TestBucket } | undefined;

beforeAll(async () => {
  source = await startTestSystem({ OBJECT_ENCRYPTION: 'envelope' });
  sourceDatabase = openBackupDatabase(addressOf(source.env));
}, 120_000);
afterAll(() => source.close());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-backup-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await target?.database.close();
  await target?.bucket.close();
  target = undefined;
  // The driver has one endpoint for all of a process: whoever was the last to open a database.
  createDatabase(addressOf(source.env));
});

const addressOf = (env: unknown) => parseConfig('test', z.object(databaseConfigSchema.shape), env);

async function take(store: Pick<ObjectStore, 'get'> = source.store) {
  const notCopied: unknown[] = [];
  const dependencies = { database: sourceDatabase, store, keys: KEYS, now: () => new Date() };
  const summary = await takeBackup({ ...dependencies, progress: () => undefined }, folder, (found) =>
    notCopied.push(found),
  );
  return { summary, notCopied };
}

/** An empty, migrated database and an empty bucket. */
async function newTarget() {
  const [database, bucket] = await Promise.all([startTestDatabase(), startTestBucket()]);
  target = { database, bucket };
  const address = { DATABASE_URL: database.url, DATABASE_FETCH_ENDPOINT: database.endpoint };
  const at = source.withEnv({ ...bucket.config, ...address });
  return {
    at,
    bucket,
    rows: openBackupDatabase(address),
    store: createS3ObjectStore(bucket.config),
  };
}
type Target = Awaited<ReturnType<typeof newTarget>>;

function configOf({ bucket }: Pick<Target, 'bucket'>, keys: typeof KEYS = KEYS): DeploymentConfig {
  return {
    ...{ ...keys, ...bucket.config, DATABASE_URL: 'postgres://unused', OBJECT_ENCRYPTION: 'envelope' },
    ...{ ORPHAN_GRACE_SECONDS: 0, UPLOAD_LIFETIME_SECONDS: 1 },
  };
}

async function restore({ rows, store, bucket }: Target, database = rows, keys: typeof KEYS = KEYS) {
  const missing: Missing[] = [];
  const config = configOf({ bucket }, keys);
  const dependencies = { config, database, store, now: () => new Date(), progress: () => undefined };
  const summary = await restoreBackup(
    dependencies,
    await verifyBackup(folder),
    { otherKeys: false },
    (found) => missing.push(found),
  );
  return { summary, missing };
}

async function rowsOf(database: BackupDatabase): Promise<Record<string, string[]>> {
  const { tables } = await readCatalogue(database);
  const compared = tables.filter(({ name }) => !NOT_COMPARED.includes(name));
  const answers = await database.run(compared.map((table) => ({ text: rowsQuery(table) })));
  return Object.fromEntries(compared.map(({ name }, at) => [name, (answers[at] ?? []).toSorted()]));
}

/** A folder that is shared, with a file of two versions; something in the trash; a link; a remark. */
async function someLife(): Promise<{ user: TestUser; other: TestUser; folderId: string; fileId: string }> {
  const [user, other] = [await source.newUser(), await source.newUser()];
  const folderId = await user.folder('Bücher "für" immer');
  const fileId = await user.file('notes.txt', 'first', folderId);
  await user.call('PUT', `/v1/files/${fileId}/content`, { body: 'second', headers: { 'if-match': '*' } });
  const json = { principal: { kind: 'user', id: other.id }, role: 'viewer' };
  await user.call('POST', `/v1/files/${folderId}/grants`, { json });
  await user.call('POST', `/v1/files/${folderId}/links`, { json: { mode: 'view' } });
  await user.call('POST', `/v1/files/${fileId}/comments`, {
    json: { text: 'a "remark" \\\nof two\u2028lines' },
  });
  const gone = await user.file('gone.txt', 'in the trash');
  await user.call('DELETE', `/v1/files/${gone}`);
  await source.settled();
  return { user, other, folderId, fileId };
}

describe('a backup that is restored', () => {
  test('is the same rows and bytes, and the system goes on from there', async () => {
    const { user, folderId, fileId } = await someLife();
    const before = await rowsOf(sourceDatabase);
    const { summary, notCopied } = await take();
    expect(notCopied).toEqual([]);
    expect(await verifyBackup(folder)).toMatchObject({ unusable: new Map() });
    const to = await newTarget();
    expect(await restore(to)).toMatchObject({ missing: [], summary: { put: summary.objects, there: 0 } });
    const after = await rowsOf(to.rows);
    const withoutGeneration = (row: string) => JSON.parse(row).filter((_: unknown, at: number) => at !== 2);
    for (const rows of [before, after])
      rows['storage.drives'] = (rows['storage.drives'] ?? []).map((row) =>
        JSON.stringify(withoutGeneration(row)),
      );
    expect(after).toEqual(before);
    expect((await readCatalogue(to.rows)).foreignKeys).toEqual(
      (await readCatalogue(sourceDatabase)).foreignKeys,
    );
    const { token } = user;
    const read = (path: string) => to.at.call('GET', path, { token });
    expect(new TextDecoder().decode((await read(`/v1/files/${fileId}/content`)).bytes)).toBe('second');
    // Triggers and identities work again: a new file is counted, and told of.
    const { body: drive } = await read(`/v1/drives/${user.id}`);
    const made = await to.at.call('POST', `/v1/files?name=new.txt&parentId=${folderId}`, {
      body: 'new',
      token,
    });
    expect(made.status).toBe(201);
    expect((await read(`/v1/drives/${user.id}`)).body.usedBytes).toBe(drive.usedBytes + 3);
  });

  test('keeps nobody waiting for those who were at work when it was taken', async () => {
    await someLife();
    await source.runCron();
    await sourceDatabase.run([
      {
        text: `insert into storage.cursors (name, transaction_id, event_id, lease_until)
          values ('webhooks', '0', 0, now() + interval '1 hour')
          on conflict (name) do update set lease_until = excluded.lease_until`,
      },
    ]);
    await take();
    const to = await newTarget();
    await restore(to);
    const [all, held] = await to.rows.run([
      { text: 'select name from storage.cursors' },
      { text: 'select name from storage.cursors where lease_until is not null' },
    ]);
    expect(all?.length).toBeGreaterThan(0);
    expect(held).toEqual([]);
  });

  test('loses no event that a reader had not read, and tells none twice to those that had', async () => {
    const { user } = await someLife();
    await source.runCron();
    await source.query(`insert into ai.cursors (name, transaction_id, event_id)
      select 'storage', o.transaction_id, o.id from storage.outbox o order by o.transaction_id, o.id limit 1 offset 2
      on conflict (name) do update set transaction_id = excluded.transaction_id, event_id = excluded.event_id`);
    const unread = `select o.id::text from storage.outbox o, ai.cursors c
      where (o.transaction_id, o.id) > (c.transaction_id, c.event_id)
        and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot()) order by o.id`;
    const [before = []] = await sourceDatabase.run([{ text: unread }]);
    expect(before.length).toBeGreaterThan(3);
    const { body: feed } = await user.call('GET', '/v1/changes/latest');
    await take();
    const to = await newTarget();
    await restore(to);
    expect(await to.rows.run([{ text: unread }])).toEqual([before]);
    const { token } = user;
    await to.at.call('POST', '/v1/files?name=later.txt', { body: 'later', token });
    const [after = []] = await to.rows.run([{ text: unread }]);
    expect(after.length).toBe(before.length + 1);
    // A place of the old life is no place here, whatever numbers come later.
    const stale = await to.at.call('GET', `/v1/changes?cursor=${feed.cursor}`, { token });
    expect([stale.status, stale.body.code]).toEqual([410, 'cursor_expired']);
    const latest = await to.at.call('GET', '/v1/changes/latest', { token });
    expect((await to.at.call('GET', `/v1/changes?cursor=${latest.body.cursor}`, { token })).status).toBe(200);
  });

  test('in a database where the restore was broken off begins anew, and is whole', async () => {
    await someLife();
    await take();
    const to = await newTarget();
    let calls = 0;
    const breaking: BackupDatabase = {
      ...to.rows,
      async run(statements) {
        calls += 1;
        if (calls > 12) throw new Error('the line is cut');
        return to.rows.run(statements);
      },
    };
    await expect(restore(to, breaking)).rejects.toThrow('the line is cut');
    expect((await readCatalogue(to.rows)).unfinished).toEqual(['public.restore_progress']);
    expect((await restore(to)).missing).toEqual([]);
    const [restored, original] = [await readCatalogue(to.rows), await readCatalogue(sourceDatabase)];
    expect(restored).toEqual(original);
  });

  test('says of each object that is not there which versions of which file lack it', async () => {
    const { fileId } = await someLife();
    await take();
    const named = await source.query(`select o.key, v.number from storage.objects o
      join storage.versions v on v.object_id = o.id join storage.files f on f.id = v.file_id
      where f.name = 'notes.txt' and f.id::text = '${uuidOf(fileId)}' order by v.number`);
    const [removed = '', flipped = ''] = named.map(({ key }) => String(key));
    await rm(objectPath(folder, removed));
    const bytes = await readFile(objectPath(folder, flipped));
    bytes[0] = (bytes[0] ?? 0) ^ 1;
    await writeFile(objectPath(folder, flipped), bytes);
    const to = await newTarget();
    const { missing } = await restore(to);
    const path = '/Bücher "für" immer/notes.txt';
    expect(
      missing.toSorted((a, b) => (a.versions[0]?.number ?? 0) - (b.versions[0]?.number ?? 0)),
    ).toMatchObject([
      {
        key: removed,
        why: expect.stringContaining('is missing from'),
        versions: [{ fileId, number: 1, path, isCurrent: false }],
      },
      {
        key: flipped,
        why: expect.stringContaining('were changed'),
        versions: [{ fileId, number: 2, path, isCurrent: true }],
      },
    ]);
  });
});

const uuidOf = (id: string) => id.replace(/^\w+_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

describe('a restore is refused, and nothing is written,', () => {
  test('into a database that has something in it, under other keys, of another schema, and of damaged rows', async () => {
    await someLife();
    await take();
    const to = await newTarget();
    await expect(restore(to, sourceDatabase)).rejects.toThrow(/not empty.*storage\.files/);
    await expect(restore(to, to.rows, OTHER_KEYS)).rejects.toThrow('STORAGE_ENCRYPTION_KEYS is not the one');
    const path = join(folder, 'manifest.json');
    const manifest = await readFile(path, 'utf8');
    const { migrations } = await readManifest(folder);
    const withMigrations = (tags: string[]) =>
      writeFile(path, JSON.stringify({ ...JSON.parse(manifest), migrations: tags }));
    await withMigrations([...migrations, '9999_future']);
    await expect(restore(to)).rejects.toThrow('lacks migrations of the backup: 9999_future');
    await withMigrations(migrations.slice(1));
    await expect(restore(to)).rejects.toThrow('newer than the backup');
    await writeFile(path, manifest);
    await writeFile(join(folder, 'database/storage.files.ndjson'), '[]\n');
    await expect(restore(to)).rejects.toThrow('database/storage.files.ndjson is not what its manifest says');
    expect((await readCatalogue(to.rows)).unfinished).toEqual([]);
    expect((await to.store.list({ prefix: '', limit: 10 })).objects).toEqual([]);
  });
});

test('an object that is too large for one request goes back in parts, and one that is there is left', async () => {
  const body = new Uint8Array(11 * 1024 * 1024).map((_, at) => at % 251);
  await source.store.put('objects/large', body, {
    ...{ size: body.length, contentType: 'video/mp4' },
    metadata: { name: 'ein Film ü.mp4' },
  });
  await source.query(`insert into storage.objects (id, key, size, etag, encryption) values
    (gen_random_uuid(), 'objects/large', ${body.length}, 'x', 'none')`);
  await take();
  const { store } = await newTarget();
  const backup = await verifyBackup(folder);
  const options = { store, kmsKeyId: undefined, partBytes: 5 * 1024 * 1024 };
  const first = await restoreObjects(options, backup);
  const head = await store.head('objects/large');
  expect(head).toMatchObject({
    size: body.length,
    contentType: 'video/mp4',
    metadata: { name: 'ein Film ü.mp4' },
  });
  const back = new Uint8Array((await (await store.get('objects/large'))?.arrayBuffer()) ?? new ArrayBuffer());
  expect(Buffer.compare(back, body)).toBe(0);
  expect(await restoreObjects(options, backup)).toMatchObject({ put: 0, there: first.put + first.there });
});

test('a branch of an earlier moment goes on with its bucket: its journal sorts last, old places in the feed are over', async () => {
  const { user } = await someLife();
  await source.runCron();
  const { body: feed } = await user.call('GET', '/v1/changes/latest');
  const journal = async () => (await source.store.list({ prefix: 'journal/', limit: 1_000 })).objects;
  const before = (await journal()).at(-1)?.key ?? '';
  const config = configOf({ bucket: source.s3 });
  await adoptBranch({ config, database: sourceDatabase, store: source.store, now: () => new Date(0) });
  await user.file('on the branch.txt');
  await source.settled();
  for (let run = 0; run < 2; run += 1) await source.runCron();
  const after = (await journal()).map(({ key }) => key);
  expect(after.length).toBeGreaterThan(0);
  expect(after.filter((key) => key <= before)).toEqual([]);
  expect((await user.call('GET', `/v1/changes?cursor=${feed.cursor}`)).status).toBe(410);
});

describe('a backup', () => {
  test('names what was deleted for good while it was taken, and what should have been there', async () => {
    const user = await source.newUser();
    const [going, lost] = [await user.file('going.txt', 'going'), await user.file('lost.txt', 'lost')];
    const keyOf = async (id: string) => {
      const [row] =
        await source.query(`select o.key from storage.objects o join storage.versions v on v.object_id = o.id
        where v.file_id = '${uuidOf(id)}'`);
      return String(row?.key);
    };
    const [goingKey, lostKey] = [await keyOf(going), await keyOf(lost)];
    await source.store.delete(lostKey);
    let isFirst = true;
    const meanwhile: Pick<ObjectStore, 'get'> = {
      async get(key) {
        if (isFirst) {
          isFirst = false;
          await user.call('DELETE', `/v1/files/${going}`);
          await user.call('DELETE', `/v1/trash/${going}`);
          await source.settled();
          await source.runCron();
        }
        return source.store.get(key);
      },
    };
    const { notCopied, summary } = await take(meanwhile);
    expect(notCopied).toEqual(
      expect.arrayContaining([
        { kind: 'deleted', key: goingKey },
        { kind: 'lost', key: lostKey },
      ]),
    );
    expect(summary).toMatchObject({ deleted: 1, lost: 1 });
    const to = await newTarget();
    const { missing } = await restore(to);
    expect(missing.map(({ key }) => key).toSorted()).toEqual([goingKey, lostKey].toSorted());
    await source
      .query(`delete from storage.versions where file_id = '${uuidOf(lost)}'`)
      .catch(() => undefined);
  });

  test('goes into no folder that has something in it', async () => {
    await writeFile(join(folder, 'diary.txt'), 'mine');
    await expect(take()).rejects.toThrow('is not empty');
  });

  test('that was broken off is none', async () => {
    const broken = { get: () => Promise.reject(new Error('the bucket is away')) };
    await someLife();
    await expect(take(broken)).rejects.toThrow('the bucket is away');
    await expect(verifyBackup(folder)).rejects.toThrow('no complete backup');
  });
});
