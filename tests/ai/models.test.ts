import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { spawnService } from '../../src/local/testing/spawn-service.ts';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import { createTinyModel } from '../../src/sidecar/testing/tiny-model.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

const TASK = 'feature-extraction';
const DEFAULT = `/v1/models/defaults/${TASK}`;
const SIDECAR = new URL('../../src/sidecar/main.ts', import.meta.url);

let folder: string;
let sidecarEnv: Record<string, string>;
let ai: TestAi;
let admin: TestUser;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'models-'));
  const models = [];
  for (const [id, dimensions] of Object.entries({ 'tiny-32': 32, 'tiny-48': 48, 'tiny-64': 64, broken: 16 }))
    models.push(await createTinyModel(join(folder, id), { dimensions }));
  await writeFile(join(folder, 'broken', 'onnx', 'model.onnx'), 'not a model');
  await writeFile(join(folder, 'registry.json'), JSON.stringify({ models }));
  sidecarEnv = {
    MODEL_REGISTRY: join(folder, 'registry.json'),
    MODELS_DIR: folder,
    EMBEDDING_MODEL: 'tiny-32',
    MODEL_SOURCES: 'local',
  };
  ai = await startTestAi({ sidecarEnv });
  admin = await ai.newAdmin();
});
afterAll(async () => {
  await ai.close();
  await rm(folder, { recursive: true });
});
// Each test has a deployment to itself, where the default model of the sidecar is yet to be chosen.
beforeEach(async () => {
  await ai.query('delete from ai.analyses');
  await ai.query('delete from ai.model_choices');
});

async function goOnUntilDone() {
  for (let round = 0; round < 4; round += 1) await ai.work();
}
const choose = (model: string, as = admin, path = DEFAULT) => as.call('PUT', path, { json: { model } });
/** Of the deployment, or of a drive. */
async function choiceOf(user: TestUser, path?: string) {
  const { body } = await (path === undefined ? admin : user).call('GET', path ?? '/v1/models/defaults');
  return body.items.find((choice: { task: string }) => choice.task === TASK) ?? { model: null, next: null };
}
const driveOf = (user: TestUser) => `/v1/drives/${user.id}/models`;
const uuid = (id: string) => `'${id.slice(id.indexOf('_') + 1)}'::uuid`;
const semantic = async (user: TestUser, q = 'herons') =>
  (await user.call('GET', `/v1/search?q=${encodeURIComponent(q)}&mode=semantic&limit=50`)).body;
const embeddingOf = async (user: TestUser, id: string) =>
  (await user.call('GET', `/v1/files/${id}/analysis`)).body.models.embedding?.model;
const vectorsOf = async (model: string, table = 'embeddings') =>
  Number((await ai.query(`select count(*) from ai.${table} where model = '${model}'`))[0]?.count);
/** As if more than a minute had passed since the last change. */
const aMinuteLater = () =>
  ai.query(`update ai.model_choices set changed_at = changed_at - interval '2 minutes'`);
/** A worker that has the version and says nothing. */
const hold = (id: string) =>
  ai.query(`update ai.analyses set todo = '{vectors}', lease_token = gen_random_uuid(),
    lease_until = now() + interval '1 hour' where file_id = ${uuid(id)}`);
const letGo = (id: string) =>
  ai.query(`update ai.analyses set lease_until = now() - interval '1 second', next_attempt_at = now()
    where file_id = ${uuid(id)}`);

async function library(count = 3) {
  const user = await ai.newUser();
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await user.file(`${n}.txt`, `Herons at pond number ${n}.`));
  await ai.work();
  return { user, ids };
}

describe('the registry', () => {
  test('lists models with their figures, for anybody', async () => {
    const { user } = await library(1);
    const { status, body } = await user.call('GET', '/v1/models');
    expect(status).toBe(200);
    const used = body.models.find(({ id }: { id: string }) => id === 'tiny-32');
    expect(used).toMatchObject({ task: TASK, dimensions: 32, state: 'ready', isDefault: true });
    expect(used.figures.requests).toBeGreaterThan(0);
    expect(used.figures.p50Milliseconds).not.toBeNull();
    expect(body.memory.budgetBytes).toBeGreaterThan(0);
    expect((await user.call('GET', '/v1/models/tiny-64')).body).toMatchObject({
      id: 'tiny-64',
      dimensions: 64,
    });
    expect((await user.call('GET', '/v1/models/unheard-of')).body.code).toBe('model_not_found');
  });

  test('is managed by administrators of the deployment only', async () => {
    const user = await ai.newUser();
    for (const [method, path] of [
      ...['pull', 'warm', 'unload', 'pin', 'unpin'].map((command) => [
        'POST',
        `/v1/models/tiny-48/${command}`,
      ]),
      ['DELETE', '/v1/models/tiny-48'],
      ['GET', '/v1/models/defaults'],
      ['PUT', DEFAULT],
    ] as [string, string][]) {
      const json = method === 'PUT' ? { json: { model: 'tiny-48' } } : {};
      expect((await user.call(method, path, json)).status, `${method} ${path}`).toBe(403);
    }
    expect((await choiceOf(user)).next).toBeNull();
  });

  test('does as it is told', async () => {
    const command = (name: string, id = 'tiny-48') => admin.call('POST', `/v1/models/${id}/${name}`);
    expect((await command('pull')).status).toBe(202);
    expect((await command('warm')).status).toBe(202);
    await expect.poll(async () => (await admin.call('GET', '/v1/models/tiny-48')).body.state).toBe('ready');
    expect((await command('pin')).body.pinned).toBe(true);
    expect((await command('unload')).body.code).toBe('model_in_use');
    expect((await command('unpin')).body.pinned).toBe(false);
    expect((await command('unload')).body.state).toBe('pulled');
    expect((await command('warm', 'unheard-of')).body.code).toBe('model_not_found');
    expect((await command('explode')).status).toBe(400);
  });

  test('keeps the files of a model that is chosen, or is about to be', async () => {
    await library(1);
    await choose('tiny-64');
    for (const id of ['tiny-32', 'tiny-64']) {
      const { status, body } = await admin.call('DELETE', `/v1/models/${id}`);
      expect([status, body.code], id).toEqual([409, 'model_in_use']);
    }
    expect(await readdir(folder)).toContain('tiny-64');
  });
});

describe('another embedding model for the deployment', () => {
  test('answers when all its vectors are there, and until then the present one does', async () => {
    const { user, ids } = await library(3);
    const [first = ''] = ids;
    await hold(first);
    expect((await choose('tiny-64')).status).toBe(200);
    await ai.work();
    const { model, next } = await choiceOf(user);
    expect(model).toBe('tiny-32');
    expect(next).toMatchObject({ model: 'tiny-64', versionsLeft: 1 });
    expect(next.versions).toBeGreaterThanOrEqual(3);
    const during = await semantic(user);
    expect(during).toMatchObject({ degraded: false, providers: { embedding: [{ model: 'tiny-32' }] } });
    expect(during.items).toHaveLength(3);
    expect(await embeddingOf(user, first)).toBe('tiny-32');

    const fresh = await user.file('new.txt', 'Herons of today.');
    await ai.work();
    const both =
      await ai.query(`select d.model from ai.document_vectors d join ai.analyses a using (version_id)
      where a.file_id = ${uuid(fresh)} order by d.model`);
    expect(both.map((row) => row.model)).toEqual(['tiny-32', 'tiny-64']);
    expect((await semantic(user)).items).toHaveLength(4);

    await letGo(first);
    await ai.work();
    expect(await choiceOf(user)).toMatchObject({ model: 'tiny-64', next: null });
    const after = await semantic(user);
    expect(after).toMatchObject({ degraded: false, providers: { embedding: [{ model: 'tiny-64' }] } });
    expect(after.items).toHaveLength(4);
    for (const id of [...ids, fresh]) expect(await embeddingOf(user, id)).toBe('tiny-64');
  });

  test('leaves the old vectors to searches under way, and then they and their index go', async () => {
    const { user } = await library(2);
    await choose('tiny-64');
    await ai.work();
    expect(await vectorsOf('tiny-32')).toBeGreaterThan(0);
    await aMinuteLater();
    await goOnUntilDone();
    expect(await vectorsOf('tiny-32')).toBe(0);
    expect(await vectorsOf('tiny-32', 'document_vectors')).toBe(0);
    const indexes = await ai.query(
      `select indexdef from pg_indexes where indexname like 'embeddings_hnsw%' and indexdef like '%tiny-32%'`,
    );
    expect(indexes).toEqual([]);
    expect((await semantic(user)).items).toHaveLength(2);
  });

  test('can be taken back in the middle, and chosen again', async () => {
    const { user, ids } = await library(3);
    await hold(ids[0] ?? '');
    await choose('tiny-64');
    await ai.work();
    expect((await choose('tiny-32')).body.items).toContainEqual(
      expect.objectContaining({ model: 'tiny-32', next: null }),
    );
    expect((await semantic(user)).items).toHaveLength(3);
    await letGo(ids[0] ?? '');
    await aMinuteLater();
    await ai.work();
    expect(await vectorsOf('tiny-64')).toBe(0);
    await choose('tiny-64');
    await goOnUntilDone();
    expect(await choiceOf(user)).toMatchObject({ model: 'tiny-64', next: null });
    expect((await semantic(user)).items).toHaveLength(3);
  });

  test('is not thought complete where only some of its vectors were made', async () => {
    const user = await ai.newUser();
    const id = await user.file('long.txt', 'Herons stand in the water for hours on end. '.repeat(400));
    await ai.work();
    const count = await vectorsOf('tiny-32');
    expect(count).toBeGreaterThan(3);
    await ai.query(`insert into ai.embeddings (model, version_id, index, embedding)
      select 'tiny-64', version_id, index, array_fill(0.1::real, array[64])::vector from ai.embeddings e
      where model = 'tiny-32' and index = 0 and version_id in (
        select version_id from ai.analyses where file_id = ${uuid(id)})`);
    await user.call('POST', `/v1/files/${id}/analysis`, { json: { stages: ['vectors'] } });
    await ai.work();
    await choose('tiny-64');
    await goOnUntilDone();
    expect((await choiceOf(user)).model).toBe('tiny-64');
    expect(await vectorsOf('tiny-64')).toBe(count);
  });

  test('chosen twice, or by two administrators at once, is one change', async () => {
    const { user } = await library(2);
    const other = await ai.newAdmin();
    const answers = await Promise.all([
      choose('tiny-64'),
      choose('tiny-48', other),
      choose('tiny-64', other),
      choose('tiny-48'),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { next } = await choiceOf(user);
    await Promise.all([ai.work(), ai.work()]);
    await goOnUntilDone();
    expect(await choiceOf(user)).toMatchObject({ model: next.model, next: null });
    await choose(next.model);
    expect(await choiceOf(user)).toMatchObject({ model: next.model, next: null });
    expect((await semantic(user)).items).toHaveLength(2);
  });

  test('does not wait for ever for what was trashed, deleted or given up meanwhile', async () => {
    const { user, ids } = await library(5);
    const [trashed = '', gone = '', dead = ''] = ids;
    await choose('tiny-64');
    await user.call('DELETE', `/v1/files/${trashed}`);
    await user.call('DELETE', `/v1/files/${gone}`);
    await user.call('DELETE', `/v1/trash/${gone}`);
    await ai.query(`update ai.analyses set given_up_at = now(), reason = 'The last attempt failed.'
      where file_id = ${uuid(dead)}`);
    await goOnUntilDone();
    expect(await choiceOf(user)).toMatchObject({ model: 'tiny-64', next: null });
    expect(await embeddingOf(user, dead)).toBeUndefined();
    expect((await semantic(user)).items).toHaveLength(2);
    await user.call('POST', `/v1/trash/${trashed}/restore`);
    await goOnUntilDone();
    expect((await semantic(user)).items).toHaveLength(3);
  });

  test('tries what had been given up before, and takes nothing over that it fails for', async () => {
    const { user, ids } = await library(3);
    await ai.query(`update ai.analyses set given_up_at = now() where file_id = ${uuid(ids[0] ?? '')}`);
    await choose('tiny-48');
    await goOnUntilDone();
    expect((await choiceOf(user)).model).toBe('tiny-48');
    expect((await semantic(user)).items).toHaveLength(3);
    await choose('tiny-64');
    await ai.query('update ai.analyses set given_up_at = now() where embedding_model is not null');
    await goOnUntilDone();
    const { model, next } = await choiceOf(user);
    expect(model).toBe('tiny-48');
    expect(next.versionsFailed).toBe(next.versions);
    await ai.query('update ai.analyses set given_up_at = null');
  });

  test('that cannot be loaded never takes over, says why it waits, and keeps nothing else waiting', async () => {
    const { user } = await library(2);
    expect((await choose('broken')).status).toBe(200);
    await goOnUntilDone();
    const { model, next } = await choiceOf(user);
    expect(model).toBe('tiny-32');
    expect(next).toMatchObject({ model: 'broken', waitsFor: expect.stringMatching(/^Waiting for/) });
    expect(next.versionsLeft).toBe(next.versions);
    const fresh = await user.file('new.txt', 'Herons of today.');
    for (let n = 0; n < 6; n += 1) {
      await ai.query('update ai.analyses set next_attempt_at = now()');
      await ai.work();
      // The breaker of the model that fails is not that of the one that answers.
      expect((await semantic(user, `herons ${n}`)).degraded).toBe(false);
    }
    expect((await user.call('GET', `/v1/files/${fresh}/analysis`)).body.status).toBe('ready');
    expect((await semantic(user)).items).toHaveLength(3);
    expect((await user.call('GET', '/v1/models/broken')).body).toMatchObject({ state: 'failed' });
  });

  test('goes on after the sidecar was lost in the middle', async () => {
    const { user } = await library(2);
    const second = await spawnService(SIDECAR, {
      S3_ENDPOINT: String(ai.storage.env.S3_ENDPOINT),
      SERVICE_TOKEN_SECRET: String(ai.storage.env.SERVICE_TOKEN_SECRET),
      LOG_LEVEL: 'silent',
      ...sidecarEnv,
    });
    const other = ai.withEnv({ SIDECAR_URL: second.url });
    await choose('tiny-64', other.as(admin));
    await second.stop('SIGKILL');
    await other.work();
    expect((await choiceOf(user)).model).toBe('tiny-32');
    expect((await choiceOf(user)).next.waitsFor).toMatch(/^Waiting for/);
    expect((await semantic(other.as(user))).items).toHaveLength(2);
    await ai.query('update ai.analyses set next_attempt_at = now()');
    await goOnUntilDone();
    expect(await choiceOf(user)).toMatchObject({ model: 'tiny-64', next: null });
    expect((await semantic(user)).items).toHaveLength(2);
  });

  test('has to exist, and to be for the task', async () => {
    expect((await choose('unheard-of')).body.code).toBe('model_not_found');
    expect(
      (await admin.call('PUT', '/v1/models/defaults/text-ranking', { json: { model: 'tiny-64' } })).body.code,
    ).toBe('model_of_another_task');
    expect((await choose('../etc')).status).toBe(400);
    // The registry of the sidecar says which model summarises.
    for (const task of ['juggling', 'summarization'])
      expect(
        (await admin.call('PUT', `/v1/models/defaults/${task}`, { json: { model: 'tiny-64' } })).status,
      ).toBe(400);
  });
});

describe('another embedding model for one drive', () => {
  test('leaves the others theirs, and a search over both finds in both', async () => {
    const { user, ids } = await library(2);
    const { user: other, ids: theirs } = await library(1);
    const [shared = ''] = theirs;
    const grant = { json: { principal: { kind: 'user', id: user.id }, role: 'viewer' } };
    expect((await other.call('POST', `/v1/files/${shared}/grants`, grant)).status).toBe(201);
    expect((await choose('tiny-48', user, `${driveOf(user)}/${TASK}`)).status).toBe(200);
    await ai.work();
    expect(await choiceOf(user, driveOf(user))).toMatchObject({
      model: 'tiny-48',
      chosenBy: 'drive',
      next: null,
    });
    expect(await choiceOf(other, driveOf(other))).toMatchObject({ model: 'tiny-32', chosenBy: 'deployment' });
    expect((await semantic(other)).providers.embedding).toMatchObject([{ model: 'tiny-32' }]);
    // Asked a second time the vectors come from the cache; those of one model are never taken for another's.
    for (let time = 0; time < 2; time += 1) {
      const found = await semantic(user);
      expect(found.degraded).toBe(false);
      expect(found.providers.embedding.map(({ model }: { model: string }) => model).toSorted()).toEqual([
        'tiny-32',
        'tiny-48',
      ]);
      expect(found.items.map(({ file }: { file: { id: string } }) => file.id).toSorted()).toEqual(
        [...ids, shared].toSorted(),
      );
    }
    const fresh = await user.file('new.txt', 'Herons of today.');
    await ai.work();
    expect(await embeddingOf(user, fresh)).toBe('tiny-48');
  });

  test('is that of files that go there, with everything below a folder', async () => {
    const user = await ai.newUser();
    const drive = await ai.storage.newWorkspace([[user, 'owner']]);
    const folderId = await user.folder('ponds');
    const id = await user.file('a.txt', 'Herons at a pond.', folderId);
    await ai.work();
    await choose('tiny-48', user, `/v1/drives/${drive}/models/${TASK}`);
    expect((await user.call('PATCH', `/v1/files/${folderId}`, { json: { driveId: drive } })).status).toBe(
      200,
    );
    await ai.work();
    expect(await embeddingOf(user, id)).toBe('tiny-48');
    expect((await semantic(user)).items).toHaveLength(1);
  });

  test('ends when the drive goes back, in the middle of a change too', async () => {
    const { user, ids } = await library(2);
    const path = `${driveOf(user)}/${TASK}`;
    await choose('tiny-48', user, path);
    await ai.work();
    expect((await user.call('DELETE', path)).status).toBe(204);
    expect((await choiceOf(user, driveOf(user))).next).toMatchObject({ model: 'tiny-32' });
    await ai.work();
    expect(await choiceOf(user, driveOf(user))).toMatchObject({ model: 'tiny-32', chosenBy: 'deployment' });
    await hold(ids[0] ?? '');
    await choose('tiny-64', user, path);
    await ai.work();
    expect((await user.call('DELETE', path)).status).toBe(204);
    expect(await choiceOf(user, driveOf(user))).toMatchObject({ chosenBy: 'deployment', next: null });
    await letGo(ids[0] ?? '');
    await goOnUntilDone();
    expect((await semantic(user)).items).toHaveLength(2);
  });

  test('may change while that of the deployment does', async () => {
    const { user, ids } = await library(2);
    await hold(ids[0] ?? '');
    await choose('tiny-64');
    await ai.work();
    await letGo(ids[0] ?? '');
    const path = `${driveOf(user)}/${TASK}`;
    await choose('tiny-48', user, path);
    await goOnUntilDone();
    await choose('tiny-64', user, path);
    await goOnUntilDone();
    for (const id of ids) expect(await embeddingOf(user, id)).toBe('tiny-64');
  });

  test('is chosen by those who manage it; others learn at most what it is', async () => {
    const [owner, member, viewer, stranger] = [
      await ai.newUser(),
      await ai.newUser(),
      await ai.newUser(),
      await ai.newUser(),
    ];
    const drive = await ai.storage.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
      [viewer, 'viewer'],
    ]);
    const path = `/v1/drives/${drive}/models`;
    const put = (user: TestUser) => choose('tiny-32', user, `${path}/${TASK}`);
    expect((await put(owner)).status).toBe(200);
    for (const user of [member, viewer]) {
      expect((await user.call('GET', path)).status).toBe(200);
      expect((await put(user)).body.code).toBe('role_required');
      expect((await user.call('DELETE', `${path}/${TASK}`)).body.code).toBe('role_required');
    }
    const nowhere = path.replace(drive, `wsp_${'0'.repeat(32)}`);
    for (const [method, at] of [
      ['GET', ''],
      ['DELETE', `/${TASK}`],
    ] as const)
      expect((await stranger.call(method, path + at)).body.code).toBe(
        (await stranger.call(method, nowhere + at)).body.code,
      );
    expect((await put(stranger)).body.code).toBe('drive_not_found');
    expect((await choose('tiny-32', stranger, `${driveOf(owner)}/${TASK}`)).body.code).toBe(
      'drive_not_found',
    );
  });
});
