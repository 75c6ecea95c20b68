import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;
beforeAll(async () => {
  ai = await startTestAi();
});
afterAll(() => ai.close());

const uuidOf = (id: string) => id.slice(id.indexOf('_') + 1);
const batchOf = async (user: TestUser, id: string) => (await user.call('GET', `/v1/batches/${id}`)).body;
const create = (user: TestUser, operation: string, selection: unknown) =>
  user.call('POST', '/v1/batches', { json: { operation, selection } });
/** As often as it takes; every run does a bounded piece. */
async function workUntilDone(user: TestUser, id: string) {
  for (let run = 0; run < 50; run += 1) {
    const batch = await batchOf(user, id);
    if (batch.state !== 'running') return batch;
    await ai.work();
  }
  throw new Error('the batch does not end');
}

async function library(user: TestUser, files: number): Promise<{ folderId: string; ids: string[] }> {
  const folderId = await user.folder('library');
  const below = await user.folder('below', folderId);
  const ids: string[] = [];
  for (let n = 0; n < files; n += 1)
    ids.push(await user.file(`f${n}.txt`, `Text number ${n} about herons.`, n % 2 ? below : folderId));
  return { folderId, ids };
}

describe('a batch', () => {
  test('over a folder does every file below it once, and says what became of each', async () => {
    const user = await ai.newUser();
    const { folderId, ids } = await library(user, 5);
    await user.file('elsewhere.txt');
    await ai.work();
    const { status, body } = await create(user, 're-analyse', { folderId });
    expect(status).toBe(201);
    expect(body).toMatchObject({ state: 'running', total: 5, counts: { waiting: 5, done: 0 } });
    const done = await workUntilDone(user, body.id);
    expect(done).toMatchObject({ state: 'done', counts: { done: 5, waiting: 0, released: 0, failed: 0 } });
    expect(done.finishedAt).not.toBeNull();
    const items = (await user.call('GET', `/v1/batches/${body.id}/items?limit=200`)).body.items;
    expect(items.map((item: { fileId: string }) => item.fileId).toSorted()).toEqual(ids.toSorted());
    expect((await user.call('GET', `/v1/search?q=herons&mode=keyword&limit=50`)).body.items).toHaveLength(5);
  });

  test('that analyses takes only what is not analysed yet', async () => {
    const user = await ai.newUser();
    const { folderId } = await library(user, 2);
    await ai.work();
    expect((await create(user, 'analyse', { folderId })).body.code).toBe('nothing_selected');
    const [id] = [await user.file('new.txt', 'Fresh text.', folderId)];
    expect((await create(user, 'analyse', { folderId })).body).toMatchObject({ total: 1 });
    expect(id).toBeTruthy();
  });

  test('of a list or a query takes the files that are meant, and no others', async () => {
    const user = await ai.newUser();
    const { ids } = await library(user, 4);
    await ai.work();
    expect((await create(user, 'classify', { fileIds: ids.slice(0, 2) })).body.total).toBe(2);
    expect((await create(user, 're-embed', { query: { q: 'number 3' } })).body.total).toBeGreaterThan(0);
    expect((await create(user, 'extract', { query: { q: 'nothing-of-this-kind' } })).body.code).toBe(
      'nothing_selected',
    );
  });

  test('that is paused gets no further, goes on when it is resumed, and when cancelled never ends the rest', async () => {
    const user = await ai.newUser();
    const { folderId } = await library(user, 3);
    await ai.work();
    const { id } = (await create(user, 're-analyse', { folderId })).body;
    const command = (name: string) => user.call('POST', `/v1/batches/${id}/${name}`);
    expect((await command('pause')).body.state).toBe('paused');
    await ai.work();
    expect(await batchOf(user, id)).toMatchObject({ state: 'paused', counts: { waiting: 3 } });
    expect((await command('resume')).body.state).toBe('running');
    expect(await workUntilDone(user, id)).toMatchObject({ state: 'done', counts: { done: 3 } });
    expect((await command('pause')).body.code).toBe('batch_state');

    const other = (await create(user, 're-analyse', { folderId })).body.id;
    const cancelled = await user.call('POST', `/v1/batches/${other}/cancel`);
    expect(cancelled.body).toMatchObject({ state: 'cancelled', counts: { cancelled: 3, waiting: 0 } });
    await ai.work();
    expect(await batchOf(user, other)).toMatchObject({ state: 'cancelled', counts: { cancelled: 3 } });
  });

  test('shows what was given up with its reason, and tries it again when asked', async () => {
    const user = await ai.newUser();
    const { ids } = await library(user, 2);
    await ai.work();
    const { id } = (await create(user, 're-analyse', { fileIds: ids })).body;
    await ai.query(`update ai.batch_items set state = 'failed', run = 1, reason = 'It broke.'
      where replace(file_id::text, '-', '') = '${uuidOf(ids[0] ?? '')}'`);
    const ended = await workUntilDone(user, id);
    expect(ended.counts).toMatchObject({ done: 1, failed: 1 });
    const failed = await user.call('GET', `/v1/batches/${id}/items?state=failed`);
    expect(failed.body.items).toMatchObject([{ fileId: ids[0], reason: 'It broke.' }]);
    expect((await user.call('POST', `/v1/batches/${id}/retry`)).body).toMatchObject({
      state: 'running',
      counts: { waiting: 1 },
    });
    expect((await workUntilDone(user, id)).counts).toMatchObject({ done: 2, failed: 0 });
  });

  test('is not there for anybody else, takes only what its maker may change, and shows only what they see', async () => {
    const [owner, reader] = [await ai.newUser(), await ai.newUser()];
    const { folderId, ids } = await library(owner, 2);
    await ai.work();
    const shared = await owner.call('POST', `/v1/files/${folderId}/grants`, {
      json: { principal: { kind: 'user', id: reader.id }, role: 'viewer' },
    });
    expect(shared.status).toBe(201);
    expect((await create(reader, 're-analyse', { fileIds: ids })).body.code).toBe('nothing_selected');
    const { id } = (await create(owner, 're-analyse', { fileIds: ids })).body;
    expect((await reader.call('GET', `/v1/batches/${id}`)).body.code).toBe('batch_not_found');
    expect((await reader.call('POST', `/v1/batches/${id}/cancel`)).body.code).toBe('batch_not_found');
    expect((await owner.call('GET', `/v1/batches/${id}`)).body.state).toBe('running');
    expect((await reader.call('GET', '/v1/batches')).body.items).toEqual([]);
    await owner.call('DELETE', `/v1/files/${ids[0]}`);
    const items = (await owner.call('GET', `/v1/batches/${id}/items`)).body.items;
    expect(items.map((item: { fileId: string }) => item.fileId)).toEqual([ids[1]]);
    expect((await workUntilDone(owner, id)).counts).toMatchObject({ waiting: 0, released: 0 });
  });

  test('never lets somebody wait who has just uploaded', async () => {
    const user = await ai.newUser();
    const { folderId } = await library(user, 6);
    await ai.work();
    await create(user, 're-analyse', { folderId });
    const fresh = await user.file('fresh.txt', 'Just now.');
    await ai.query("update ai.analyses set updated_at = '2020-01-01'");
    await ai.work();
    const order = await ai.query(
      `select replace(file_id::text, '-', '') as id from ai.analyses where updated_at > '2021-01-01' order by updated_at`,
    );
    expect(order[0]?.id === uuidOf(fresh) || order[1]?.id === uuidOf(fresh)).toBe(true);
  });

  test.each([
    [{ operation: 'delete', selection: { fileIds: [] } }],
    [{ operation: 'analyse', selection: { fileIds: [] } }],
    [{ operation: 'analyse', selection: { folderId: 'x' } }],
    [{ operation: 'analyse', selection: {}, extra: 1 }],
    [{ operation: 'analyse', selection: { fileIds: ['file_1'], folderId: 'file_1' } }],
  ])('is refused as a bad request: %j', async (json) => {
    const user = await ai.newUser();
    const refused = await user.call('POST', '/v1/batches', { json });
    expect([refused.status, refused.body.code]).toEqual([400, 'invalid_request']);
  });

  test('of a folder that is not there finds nothing to do', async () => {
    const [user, other] = [await ai.newUser(), await ai.newUser()];
    const { folderId } = await library(other, 1);
    expect((await create(user, 're-analyse', { folderId })).body.code).toBe('nothing_selected');
  });
});
