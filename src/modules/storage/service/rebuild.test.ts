import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFaultProxy } from '../../../local/s3/test-fault-proxy.ts';
import { startIntegrity } from '../testing/test-integrity.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const TABLES = [
  ...[
    'cursors',
    'upkeep',
    'orphans',
    'object_deletions',
    'idempotency_keys',
    'webhooks',
    'previews',
    'uploads',
  ],
  ...[
    'changes',
    'outbox',
    'favourites',
    'comments',
    'links',
    'grants',
    'versions',
    'files',
    'objects',
    'scopes',
    'drives',
  ],
];
/** The same person at the same bucket, whichever instance and database answers. */
type Person = Pick<TestUser, 'id' | 'token'>;

/** Of all that somebody can see: rows, contents, versions, rights, trash. */
async function everythingOf(at: TestSystem, { token }: Person, driveId: string) {
  const get = async (path: string) => {
    const { status, body, bytes } = await at.call('GET', path, { token });
    return { status, body: withoutId(body), bytes: Buffer.from(bytes).toString('base64') };
  };
  const seen: Record<string, unknown> = {};
  const trash = await at.call('GET', `/v1/trash?driveId=${driveId}`, { token });
  seen.trash = trash.body;
  seen.drive = (await at.call('GET', `/v1/drives/${driveId}`, { token })).body;
  const walk = async (parentId: string | undefined) => {
    const query = parentId ? `parentId=${parentId}` : `driveId=${driveId}`;
    const { body } = await at.call('GET', `/v1/files?limit=200&${query}`, { token });
    seen[`list ${parentId ?? ''}`] = body;
    for (const { id, kind } of body.items) {
      seen[id] = (await get(`/v1/files/${id}`)).body;
      seen[`${id} access`] = (await get(`/v1/files/${id}/access`)).body;
      if (kind === 'folder') await walk(id);
      else {
        seen[`${id} content`] = (await get(`/v1/files/${id}/content`)).bytes;
        const { body: versions } = await at.call('GET', `/v1/files/${id}/versions`, { token });
        seen[`${id} versions`] = versions;
        for (const version of versions.items)
          seen[version.id] = (await get(`/v1/files/${id}/versions/${version.id}/content`)).bytes;
      }
    }
  };
  await walk(undefined);
  return seen;
}

function withoutId(body: unknown): unknown {
  return typeof body === 'object' && body !== null ? { ...body, requestId: undefined } : body;
}

async function emptyDatabase(at: TestSystem): Promise<void> {
  await at.query(`truncate ${TABLES.map((name) => `storage.${name}`).join(', ')} cascade`);
}

async function emptyBucket(at: TestSystem): Promise<void> {
  for (;;) {
    const { objects } = await at.store.list({ prefix: '', limit: 1_000 });
    if (objects.length === 0) return;
    await at.store.deleteMany(objects.map(({ key }) => key));
  }
}

async function fill(at: TestSystem) {
  const [owner, friend] = await Promise.all([at.newUser(), at.newUser()]);
  const driveId = await at.newWorkspace([
    [owner, 'owner'],
    [friend, 'viewer'],
  ]);
  const call = async (method: string, path: string, json?: unknown) => {
    const answer = await at.call(method, path, { token: owner.token, ...(json ? { json } : {}) });
    expect(answer.status, `${method} ${path} ${JSON.stringify(answer.body)}`).toBeLessThan(300);
    return answer.body;
  };
  const put = (name: string, content: string, query: Record<string, string> = {}) =>
    at.call('POST', `/v1/files?${new URLSearchParams({ name, driveId, ...query })}`, {
      token: owner.token,
      body: new TextEncoder().encode(content),
      headers: { 'content-type': 'text/plain' },
    });
  const folder = (await call('POST', '/v1/folders', { name: 'Ordner', driveId })).id;
  const deep = (await call('POST', '/v1/folders', { name: 'leer', parentId: folder })).id;
  const { body: file } = await put('bericht.txt', 'eins', { parentId: folder });
  for (const content of ['zwei', 'drei, länger'])
    await at.call('PUT', `/v1/files/${file.id}/content`, {
      token: owner.token,
      body: new TextEncoder().encode(content),
    });
  const { items } = await call('GET', `/v1/files/${file.id}/versions`);
  await call('PATCH', `/v1/files/${file.id}/versions/${items[1].id}`, { label: 'freigegeben' });
  await call('PATCH', `/v1/files/${file.id}`, {
    name: 'Bericht ✓.txt',
    tags: ['wichtig'],
    metadata: { jahr: '2026' },
  });
  await call('POST', `/v1/files/${file.id}/copy`, { name: 'kopie.txt', parentId: deep });
  await call('PATCH', `/v1/files/${deep}`, { name: 'umbenannt' });
  const principal = { kind: 'user', id: friend.id };
  await call('POST', `/v1/files/${folder}/grants`, { principal, role: 'none' });
  await call('POST', `/v1/files/${deep}/grants`, { principal, role: 'editor' });
  await put('leer.bin', '');
  const { body: gone } = await put('weg.txt', 'im Papierkorb');
  await call('DELETE', `/v1/files/${gone.id}`);
  const { body: purged } = await put('geheim.txt', 'nie wieder');
  await call('DELETE', `/v1/files/${purged.id}`);
  await call('DELETE', `/v1/trash/${purged.id}`);
  return { owner, friend, driveId, folder, file, purged };
}

for (const encryption of ['none', 'envelope']) {
  describe(`a tree under ${encryption}`, () => {
    let at: TestSystem;
    beforeAll(() => {
      at = system.withEnv({ OBJECT_ENCRYPTION: encryption, ANSWER_CACHE: 'off' });
    });

    test('comes back from the bucket alone, byte for byte', async () => {
      await emptyDatabase(at);
      await emptyBucket(at);
      const { owner, friend, driveId, purged } = await fill(at);
      await at.settled();
      for (let run = 0; run < 3; run += 1) await at.runCron();
      const before = [await everythingOf(at, owner, driveId), await everythingOf(at, friend, driveId)];
      expect(JSON.stringify(before)).toContain('umbenannt');

      await emptyDatabase(at);
      const problems: unknown[] = [];
      const { rebuild } = startIntegrity(at);
      const summary = await rebuild((problem) => problems.push(problem));
      expect(problems).toEqual([]);
      expect(summary).toMatchObject({ files: 6, strays: 0 });
      const after = [await everythingOf(at, owner, driveId), await everythingOf(at, friend, driveId)];
      expect(after).toEqual(before);
      expect((await at.call('GET', `/v1/files/${purged.id}`, { token: owner.token })).body.code).toBe(
        'file_not_found',
      );
    });

    test('has in it what was uploaded after the last journal', async () => {
      const user = await at.newUser();
      const folder = await user.folder('neu');
      await at.settled();
      await at.runCron();
      const { rebuild } = startIntegrity(at);
      // The journal stands still from here on.
      await at.query(
        `update storage.cursors set lease_until = 'infinity', lease_token = gen_random_uuid() where name = 'journal'`,
      );
      const { body: file } = await user.upload('spät.txt', 'gerade noch', { parentId: folder });
      await user.call('PUT', `/v1/files/${file.id}/content`, { body: 'zweite Fassung' });
      const before = (await user.call('GET', `/v1/files/${file.id}/versions`)).body;
      await at.settled();
      await emptyDatabase(at);
      expect(await rebuild(() => undefined)).toMatchObject({ strays: 2 });
      const after = (await user.call('GET', `/v1/files/${file.id}/versions`)).body;
      const told = ({ id, number, size, sha256, etag }: Record<string, unknown>) => ({
        id,
        number,
        size,
        sha256,
        etag,
      });
      expect(after.items.map(told)).toEqual(before.items.map(told));
      expect((await user.call('GET', `/v1/files/${file.id}`)).body).toMatchObject({
        parentId: folder,
        path: '/neu/spät.txt',
      });
      const { bytes } = await user.call('GET', `/v1/files/${file.id}/content`);
      expect(new TextDecoder().decode(bytes)).toBe('zweite Fassung');
    });

    test('may be rebuilt again after it was broken off, and keeps a journal of its own afterwards', async () => {
      const user = await at.newUser();
      const id = await user.file('a.txt', 'a');
      await at.settled();
      await at.runCron();
      await emptyDatabase(at);
      const { rebuild, broken } = startIntegrity(at);
      await expect(broken(() => undefined)).rejects.toThrow('broken off');
      await at.runCron();
      await rebuild(() => undefined);
      expect((await user.call('GET', `/v1/files/${id}`)).body.name).toBe('a.txt');
      await user.call('PATCH', `/v1/files/${id}`, { json: { name: 'b.txt' } });
      for (let run = 0; run < 3; run += 1) await at.runCron();
      await emptyDatabase(at);
      await rebuild(() => undefined);
      expect((await user.call('GET', `/v1/files/${id}`)).body.name).toBe('b.txt');
    });
  });
}

test('what the store did not take of the journal is written the next time', async () => {
  const proxy = await startFaultProxy(system.s3.server?.port ?? 0);
  const at = system.withEnv({ S3_ENDPOINT: proxy.endpoint });
  await emptyDatabase(at);
  await emptyBucket(at);
  const user = await at.newUser();
  await user.folder('before');
  await at.settled();
  for (let run = 0; run < 2; run += 1) await at.runCron();
  proxy.fault = (method, path) =>
    method === 'PUT' && path.includes('/journal/')
      ? { kind: 'status', status: 503, code: 'SlowDown' }
      : undefined;
  const folder = await user.folder('in the journal alone');
  await at.settled();
  await at.runCron();
  proxy.fault = () => undefined;
  await at.runCron();
  await emptyDatabase(at);
  await startIntegrity(at).rebuild(() => undefined);
  expect((await user.call('GET', `/v1/files/${folder}`)).body.name).toBe('in the journal alone');
  await proxy.close();
});

test('a database with files in it is not written over', async () => {
  const { rebuild } = startIntegrity(system);
  await expect(rebuild(() => undefined)).rejects.toThrow('--force');
});

test('the journal tells nothing in clear where objects are encrypted', async () => {
  const at = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
  await emptyDatabase(at);
  await emptyBucket(at);
  const user = await at.newUser();
  await user.file('Kündigung.txt');
  await at.settled();
  await at.runCron();
  const { objects } = await at.store.list({ prefix: 'journal/', limit: 1_000 });
  expect(objects.length).toBeGreaterThan(0);
  for (const { key } of objects) {
    const text = await (await at.store.get(key))?.text();
    expect(text).toMatch(/^v1\.k1\./);
  }
});

test('a bucket that is about another database is neither swept nor written into', async () => {
  const at = system.withEnv({ ORPHAN_GRACE_SECONDS: '0', UPLOAD_LIFETIME_SECONDS: '1' });
  const user = await at.newUser();
  await user.file('noch da.txt');
  await at.settled();
  await at.runCron();
  const keys = async () => (await at.store.list({ prefix: '', limit: 1_000 })).objects.map(({ key }) => key);
  const before = await keys();
  await emptyDatabase(at);
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  for (let run = 0; run < 3; run += 1) await at.runCron();
  expect(await keys()).toEqual(before);
  expect(await system.query('select object_key from storage.orphans')).toEqual([]);
});

test('a purged name is out of the journal a day later, and what is left still makes the tree', async () => {
  await emptyDatabase(system);
  await emptyBucket(system);
  const user = await system.newUser();
  const stays = await user.file('bleibt.txt');
  const goes = await user.file('Geheimnis.txt');
  await system.settled();
  for (let run = 0; run < 2; run += 1) await system.runCron();
  const journal = async () => {
    const { objects } = await system.store.list({ prefix: 'journal/', limit: 1_000 });
    const texts = await Promise.all(objects.map(async ({ key }) => (await system.store.get(key))?.text()));
    return texts.join('\n');
  };
  expect(await journal()).toContain('Geheimnis');
  await user.call('DELETE', `/v1/files/${goes}`);
  await user.call('DELETE', `/v1/trash/${goes}`);
  for (let run = 0; run < 2; run += 1) await system.runCron();
  await system.query(`update storage.upkeep set state = jsonb_set(state, '{complete,at}', '"2020-01-01T00:00:00Z"')
    where name = 'journal'`);
  for (let run = 0; run < 2; run += 1) await system.runCron();
  expect(await journal()).not.toContain('Geheimnis');
  await emptyDatabase(system);
  expect(await startIntegrity(system).rebuild(() => undefined)).toMatchObject({
    files: 1,
    strays: 0,
    problems: 0,
  });
  expect((await user.call('GET', `/v1/files/${stays}`)).body.name).toBe('bleibt.txt');
});
