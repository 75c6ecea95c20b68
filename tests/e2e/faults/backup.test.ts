import { copyFile, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Stack, startStack } from '../../../src/local/stack.ts';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { type Account, newAccount, signIn } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal, textOf } from '../harness/client.ts';
import { query } from '../harness/database.ts';
import { analysed, download, getFile, list, makeFolder, sha256, upload } from '../harness/files.ts';
import { BUNDLE_DIR, MODEL_CACHE_DIR, makeTemporaryFolder, waitForModel } from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';
import { databaseOf, drivesOffTruth, fsck } from '../harness/storage-truth.ts';
import { runTool } from '../harness/tools.ts';
import { fileSchema, userSchema, versionPageSchema } from '../harness/wire.ts';

const SENTENCE = 'the lighthouse keeper of Cape Sounion paints his boat in ultramarine';
const SMALL_FILES = 40;
const linkSchema = z.looseObject({ token: z.string() });
const summarySchema = z.object({
  summary: z.looseObject({ missing: z.int().optional(), objects: z.int().optional(), takenAt: z.string() }),
});
const missingSchema = z.object({
  kind: z.literal('missing'),
  key: z.string(),
  why: z.string(),
  versions: z.array(z.looseObject({ fileId: z.string(), path: z.string(), number: z.int() })),
});

/** What was acknowledged before the backup began. */
interface Belongings {
  readonly account: Account;
  readonly friend: Account;
  /** Digest by the id of a file. */
  readonly digests: ReadonlyMap<string, string>;
  readonly notes: string;
  readonly noteDigests: readonly string[];
  readonly shared: string;
  readonly inShared: string;
  readonly link: string;
  readonly trashed: string;
}

const folders: string[] = [];
const running = new Set<Stack>();
const newFolder = async (name: string) => {
  const folder = await makeTemporaryFolder(name);
  folders.push(folder);
  return folder;
};

async function start(dataDir: string): Promise<Stack> {
  const stack = await startStack({
    ...{ composition: 'split', modelCacheDir: MODEL_CACHE_DIR, bundleDir: BUNDLE_DIR, dataDir },
    ...{ port: await findFreePort(), log: () => {}, bindings: { OBJECT_ENCRYPTION: 'envelope' } },
  });
  running.add(stack);
  return stack;
}

async function stop(stack: Stack): Promise<void> {
  running.delete(stack);
  await stack.stop();
}

async function settleIn(api: Client): Promise<Belongings> {
  const [account, friend] = [await newAccount(api), await newAccount(api)];
  const { api: mine } = account;
  const digests = new Map<string, string>();
  const put = async (name: string, content: string | Uint8Array<ArrayBuffer>, parentId?: string) => {
    const file = await upload(mine, name, content, parentId);
    digests.set(file.id, sha256(content));
    return file.id;
  };
  for (let at = 0; at < SMALL_FILES; at += 1) await put(`small-${at}.bin`, `\0content ${at}`);
  await put(
    'large.bin',
    new Uint8Array(6 * 1024 * 1024).map((_, at) => (at * 7) % 253),
  );
  const keeper = await put('keeper.txt', SENTENCE);
  await analysed(mine, keeper);
  const shared = (await makeFolder(mine, 'shared')).id;
  const inShared = await put('in-shared.txt', 'for my friend', shared);
  const { id } = bodyOf(await friend.api.call('GET', '/v1/auth/me'), 200, userSchema);
  const grant = { principal: { kind: 'user', id }, role: 'viewer' };
  expect((await mine.call('POST', `/v1/files/${shared}/grants`, { json: grant })).status).toBe(201);
  const link = await mine.call('POST', `/v1/files/${shared}/links`, { json: { mode: 'download' } });
  const notes = await put('notes.txt', 'version 1');
  for (const body of ['version 2', 'version 3'])
    bodyOf(
      await mine.call('PUT', `/v1/files/${notes}/content`, { body, headers: { 'if-match': '*' } }),
      200,
      fileSchema,
    );
  digests.set(notes, sha256('version 3'));
  const trashed = await put('trashed.txt', 'in the trash');
  expect((await mine.call('DELETE', `/v1/files/${trashed}`)).status).toBe(204);
  digests.delete(trashed);
  const noteDigests = ['version 3', 'version 2', 'version 1'].map(sha256);
  const { token } = bodyOf(link, 201, linkSchema);
  return { account, friend, digests, notes, noteDigests, shared, inShared, link: token, trashed };
}

/** Writes of every kind, one after the other, until it is told to stop. */
function keepWriting(api: Client, notes: string): { stop(): Promise<number> } {
  let isOver = false;
  const writing = (async () => {
    let writes = 0;
    for (; !isOver; writes += 1) {
      const file = await upload(api, `meanwhile-${writes}.txt`, `written meanwhile, ${writes}`);
      if (writes % 3 === 1) await api.call('DELETE', `/v1/files/${file.id}`);
      if (writes % 3 === 2)
        await api.call('PATCH', `/v1/files/${file.id}`, { json: { name: `renamed-${writes}.txt` } });
      await api.call('PATCH', `/v1/files/${notes}`, { json: { tags: [`t${writes}`] } });
    }
    return writes;
  })();
  writing.catch(() => undefined);
  return {
    stop() {
      isOver = true;
      return writing;
    },
  };
}

const summaryOf = (lines: readonly unknown[]) => summarySchema.parse(lines.at(-1)).summary;

describe('a backup that is taken while people write', () => {
  let backup: string;
  let original: string;
  let restored: string;
  let owned: Belongings;
  let feed: string;
  let stack: Stack;
  let mine: Client;
  let friend: Client;

  beforeAll(async () => {
    original = await newFolder('original');
    backup = join(await newFolder('backup'), 'today');
    const first = await start(original);
    await waitForModel(first);
    owned = await settleIn(createClient(first.url));
    const latest = await owned.account.api.call('GET', '/v1/changes/latest');
    feed = bodyOf(latest, 200, z.object({ cursor: z.string() })).cursor;
    const writer = keepWriting(owned.account.api, owned.notes);
    const taken = await runTool('backup', original, backup);
    expect(await writer.stop(), 'writes meanwhile').toBeGreaterThan(0);
    expect([taken.code, taken.lines.length], taken.errors).toEqual([0, 1]);
    expect(taken.errors).toContain('STORAGE_ENCRYPTION_KEYS and AUTH_ENCRYPTION_KEYS are not in it');
    const refused = await runTool('restore', original, backup);
    expect([refused.code, refused.errors]).toEqual([2, expect.stringContaining('in use')]);
    await stop(first);

    restored = await newFolder('restored');
    const strange = await runTool('restore', restored, backup);
    expect([strange.code, strange.errors]).toEqual([2, expect.stringContaining('secrets.json')]);
    await copyFile(join(original, 'secrets.json'), join(restored, 'secrets.json'));
    const back = await runTool('restore', restored, backup);
    expect([back.code, summaryOf(back.lines).missing], back.errors).toEqual([0, 0]);
    stack = await start(restored);
    const api = createClient(stack.url);
    mine = api.as((await signIn(api, owned.account)).accessToken);
    friend = api.as((await signIn(api, owned.friend)).accessToken);
  });
  afterAll(async () => {
    for (const one of [...running]) await stop(one);
    for (const folder of folders) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('has every file that was acknowledged before it began, byte for byte, and each of its versions', async () => {
    expect(owned.digests.size).toBeGreaterThan(SMALL_FILES);
    for (const [id, digest] of owned.digests)
      expect(sha256(new Uint8Array(await download(mine, id))), (await getFile(mine, id)).name).toBe(digest);
    const versions = bodyOf(
      await mine.call('GET', `/v1/files/${owned.notes}/versions`),
      200,
      versionPageSchema,
    );
    expect(versions.items.map((version) => version.sha256)).toEqual(owned.noteDigests);
    const bytes = await mine.call(
      'GET',
      `/v1/files/${owned.notes}/versions/${versions.items[2]?.id}/content`,
    );
    expect(textOf(bytes)).toBe('version 1');
  });

  it('has of what was written meanwhile each file wholly or not at all', async () => {
    const names = (await list(mine, { limit: '200' })).items.filter(({ name }) =>
      /meanwhile|renamed/.test(name),
    );
    for (const { id, sha256: digest } of names)
      expect(sha256(new Uint8Array(await download(mine, id)))).toBe(digest);
    expect(await drivesOffTruth(stack)).toEqual([]);
    expect(await fsck(restored, '--deep')).toEqual({ findings: [], code: 0 });
  });

  it('has grants, links and the trash', async () => {
    expect(textOf(await friend.call('GET', `/v1/files/${owned.inShared}/content`))).toBe('for my friend');
    expect(refusal(await friend.call('GET', `/v1/files/${owned.notes}`))).toMatch(/^404/);
    const visit = `/v1/shared-links/${owned.link}/files/${owned.inShared}/content`;
    expect(textOf(await createClient(stack.url).call('GET', visit))).toBe('for my friend');
    expect((await mine.call('POST', `/v1/trash/${owned.trashed}/restore`, { json: {} })).status).toBe(200);
    expect(new TextDecoder().decode(await download(mine, owned.trashed))).toBe('in the trash');
  });

  it('is searched, and goes on: new files are analysed and told of, and old places in the feed are over', async () => {
    expect(namesFound(await search(mine, 'Sounion', { mode: 'keyword' }))).toContain('keeper.txt');
    expect(namesFound(await search(mine, 'somebody who looks after a beacon on the coast'))).toContain(
      'keeper.txt',
    );
    expect(refusal(await mine.call('GET', `/v1/changes?cursor=${feed}`))).toBe('410 cursor_expired');
    const file = await upload(mine, 'after.txt', 'a heron stands in the reeds');
    expect((await analysed(mine, file.id)).status).toBe('ready');
    expect(namesFound(await search(mine, 'heron', { mode: 'keyword' }))).toEqual(['after.txt']);
    // What was not yet analysed when the backup was taken is analysed here.
    const { items } = await list(mine, { limit: '200' });
    for (const { id } of items.filter(({ name }) => name.endsWith('.txt')))
      expect((await analysed(mine, id, 90_000)).status).toBe('ready');
    expect(
      (await mine.call('POST', `/v1/files/${owned.shared}/links`, { json: { mode: 'view' } })).status,
    ).toBe(201);
  });

  it('with an object removed and another one changed says which files lack theirs, and serves the rest', async () => {
    const damaged = await newFolder('damaged');
    await cp(backup, damaged, { recursive: true });
    const rows = await query(
      databaseOf(stack),
      `select f.name, o.key from storage.files f join storage.versions v on v.id = f.current_version_id
        join storage.objects o on o.id = v.object_id where f.name in ('small-3.bin', 'keeper.txt') order by f.name`,
    );
    const [changed = '', removed = ''] = rows.map(({ key }) => String(key));
    await rm(join(damaged, 'bucket', removed));
    const bytes = await readFile(join(damaged, 'bucket', changed));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(join(damaged, 'bucket', changed), bytes);
    const checked = await runTool('restore', damaged, damaged, '--check');
    expect([checked.code, checked.lines.length]).toEqual([1, 3]);

    const dataDir = await newFolder('holey');
    await copyFile(join(original, 'secrets.json'), join(dataDir, 'secrets.json'));
    const back = await runTool('restore', dataDir, damaged);
    const missing = back.lines.slice(0, -1).map((line) => missingSchema.parse(line));
    const told = missing.map(({ key, why, versions }) => [versions.map(({ path }) => path), key, why]);
    expect([back.code, summaryOf(back.lines).missing], back.errors).toEqual([1, 2]);
    expect(told).toEqual(
      expect.arrayContaining([
        [['/keeper.txt'], changed, expect.stringContaining('were changed')],
        [['/small-3.bin'], removed, expect.stringContaining('missing from the backup')],
      ]),
    );
    const again = await runTool('restore', dataDir, damaged);
    expect([again.code, again.errors]).toEqual([2, expect.stringContaining('not empty')]);

    await stop(stack);
    const holey = await start(dataDir);
    const found = await fsck(dataDir, '--deep');
    expect(found.findings.map(({ kind, key }) => `${kind} ${key}`).toSorted()).toEqual(
      [`missing ${changed}`, `missing ${removed}`].toSorted(),
    );
    const api = createClient(holey.url);
    const me = api.as((await signIn(api, owned.account)).accessToken);
    const lacking = missing.flatMap(({ versions }) => versions.map(({ fileId }) => fileId));
    for (const id of lacking)
      expect((await me.call('GET', `/v1/files/${id}/content`)).status).toBeGreaterThan(400);
    for (const [id, digest] of [...owned.digests].filter(([file]) => !lacking.includes(file)).slice(0, 10))
      expect(sha256(new Uint8Array(await download(me, id)))).toBe(digest);
  });
});
