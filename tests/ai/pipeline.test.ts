import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import { startTestAi, type TestAi } from './test-ai.ts';

let ai: TestAi;
let user: TestUser;

beforeAll(async () => {
  ai = await startTestAi();
  user = await ai.newUser();
});
afterAll(() => ai.close());

const TEXT =
  'Marie Curie worked in Paris. On 3 May 2024 the harbour of Hamburg paid EUR 12,500.00 for the repair of the crane. ' +
  'The crane had been broken since the winter storm. Write to harbour@example.org for the invoice.';

const uuidOf = (id: string) => id.slice(id.indexOf('_') + 1);
const analysisOf = async (id: string, whose = user) =>
  (await whose.call('GET', `/v1/files/${id}/analysis`)).body;
const rowOf = async (id: string) =>
  (await ai.query(`select * from ai.analyses where file_id = '${uuidOf(id)}'::uuid order by version_id desc`))[0];

/** Without a reader of documents or models: every call to the sidecar is refused. */
const withoutSidecar = () => ai.withEnv({ SIDECAR_URL: 'http://127.0.0.1:9' });
const soon = () => ai.query('update ai.analyses set next_attempt_at = now(), lease_until = null');

test('a document is read, gets vectors and goes through the analysis steps', async () => {
  const id = await user.file('crane.txt', TEXT);
  await ai.work();
  const analysis = await analysisOf(id);
  expect(analysis).toMatchObject({
    status: 'ready',
    language: 'en',
    contentType: 'text/plain',
    work: { stages: [], nextAttemptAt: null, leasedUntil: null, givenUp: false },
    models: { embedding: { model: expect.any(String), provider: 'sidecar' } },
    version: { number: 1, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(analysis.summary.text.length).toBeGreaterThan(10);
  expect(analysis.keywords.length).toBeGreaterThan(0);
  const found = analysis.entities.map(({ type }: { type: string }) => type);
  expect(found).toEqual(expect.arrayContaining(['email', 'date', 'amount']));
  for (const { text, start, end } of analysis.entities) expect(TEXT.slice(start, end)).toBe(text);
  expect(analysis.results.keywords).toMatchObject({ status: 'done', provider: 'sidecar' });
});

test('the text that citations point into is there, whole and in pieces, for who may see the file', async () => {
  const id = await user.file('cited.txt', TEXT);
  await ai.work();
  const whole = await user.call('GET', `/v1/files/${id}/text`);
  expect(whole.body).toMatchObject({ start: 0, length: TEXT.length, text: TEXT });
  const piece = await user.call('GET', `/v1/files/${id}/text?start=6&end=11`);
  expect(piece.body).toMatchObject({ start: 6, end: 11, text: 'Curie', version: { number: 1 } });
  expect((await user.call('GET', `/v1/files/${id}/text?start=0&end=100001`)).status).toBe(400);
  expect((await user.call('GET', `/v1/files/${id}/text?start=5&end=5`)).status).toBe(400);
  const stranger = await ai.newUser();
  for (const path of ['text', 'analysis']) {
    const answer = await stranger.call('GET', `/v1/files/${id}/${path}`);
    expect([answer.status, answer.body.code]).toEqual([404, 'file_not_found']);
  }
  expect((await stranger.call('POST', `/v1/files/${id}/analysis`)).body.code).toBe('file_not_found');
  expect((await stranger.call('GET', '/v1/analyses')).body.items).toEqual([]);
});

test('an older version keeps its own analysis and text; a version of another file is not there', async () => {
  const id = await user.file('versions.txt', 'The first content is about herons.');
  const other = await user.file('other.txt', 'Something else entirely, about basalt.');
  await ai.work();
  const first = (await analysisOf(id)).version.id;
  await user.call('PUT', `/v1/files/${id}/content`, { body: 'The second content is about lemurs.' });
  await ai.work();
  expect((await analysisOf(id)).version.number).toBe(2);
  const old = await user.call('GET', `/v1/files/${id}/text?versionId=${first}`);
  expect(old.body).toMatchObject({ version: { id: first, number: 1 }, text: expect.stringContaining('herons') });
  const wrong = await user.call('GET', `/v1/files/${other}/analysis?versionId=${first}`);
  expect([wrong.status, wrong.body.code]).toEqual([404, 'version_not_found']);
});

test('asking again is idempotent while it waits, and shows the old results until the new ones are there', async () => {
  const id = await user.file('again.txt', TEXT);
  await ai.work();
  const before = await rowOf(id);
  const asked = await Promise.all([
    user.call('POST', `/v1/files/${id}/analysis`),
    user.call('POST', `/v1/files/${id}/analysis`, { json: {} }),
    user.call('POST', `/v1/files/${id}/analysis`, { json: { stages: ['steps'] } }),
  ]);
  expect(asked.map(({ status }) => status)).toEqual([202, 202, 202]);
  const run = (await rowOf(id))?.run;
  await user.call('POST', `/v1/files/${id}/analysis`);
  expect((await rowOf(id))?.run).toBe(run);
  expect(await analysisOf(id)).toMatchObject({
    status: 'ready',
    work: { stages: ['text', 'vectors', 'steps'] },
    summary: { text: expect.any(String) },
  });
  const found = await user.call('GET', '/v1/search?q=crane%20repair');
  expect(found.body.items.map(({ file }: { file: { id: string } }) => file.id)).toContain(id);
  await ai.work();
  expect(await analysisOf(id)).toMatchObject({ status: 'ready', work: { stages: [] } });
  expect(before?.chunk_count).toBe((await rowOf(id))?.chunk_count);
  const bad = await user.call('POST', `/v1/files/${id}/analysis`, { json: { stages: ['everything'] } });
  expect(bad.status).toBe(400);
});

test('while the sidecar is away the file waits, says why, is not given up, and is read when it is back', async () => {
  const id = await user.file('waits.txt', TEXT);
  const dark = withoutSidecar();
  for (let turn = 0; turn < 8; turn += 1) {
    await soon();
    await dark.work();
  }
  expect(await analysisOf(id)).toMatchObject({
    status: 'pending',
    reason: 'Waiting for the part of the service that reads documents and runs models.',
    work: { stages: ['text', 'vectors', 'steps'], givenUp: false },
  });
  await soon();
  await ai.work();
  expect(await analysisOf(id)).toMatchObject({ status: 'ready' });
});

test('what was in the trash when it was to be read is read when it is restored', async () => {
  const id = await user.file('trashed.txt', TEXT);
  await user.call('DELETE', `/v1/files/${id}`);
  await ai.work();
  expect(await rowOf(id)).toMatchObject({
    status: 'skipped',
    reason: 'The file was in the trash when it was to be read.',
  });
  const restored = await user.call('POST', `/v1/files/${id}/restore`);
  expect(restored.status).toBe(200);
  await ai.work();
  expect(await analysisOf(id)).toMatchObject({ status: 'ready' });
});

test('a folder that is restored has the files below it read', async () => {
  const folder = await user.folder('box');
  const id = await user.file('inside.txt', TEXT, folder);
  await user.call('DELETE', `/v1/files/${folder}`);
  await ai.work();
  await user.call('POST', `/v1/files/${folder}/restore`);
  await ai.work();
  expect(await analysisOf(id)).toMatchObject({ status: 'ready' });
});

test('the list tells what is stuck and what was given up', async () => {
  const someone = await ai.newUser();
  const good = await someone.file('good.txt', TEXT);
  const empty = await someone.file('empty.txt', '');
  const dead = await someone.file('dead.txt', TEXT);
  await ai.work();
  await ai.query(`
    update ai.analyses set status = 'failed', reason = 'The analysis was given up after 5 attempts.', todo = '{}',
      given_up_at = now() where file_id = '${uuidOf(dead)}'::uuid`);
  const all = (await someone.call('GET', '/v1/analyses?limit=2')).body;
  expect(all.items.map(({ fileId }: { fileId: string }) => fileId)).toEqual([dead, empty]);
  const rest = (await someone.call('GET', `/v1/analyses?limit=2&cursor=${all.nextCursor}`)).body;
  expect(rest).toMatchObject({ items: [{ fileId: good, status: 'ready' }], nextCursor: null });
  const stuck = (await someone.call('GET', '/v1/analyses?givenUp=true')).body;
  expect(stuck.items).toMatchObject([{ fileId: dead, name: 'dead.txt', status: 'failed', work: { givenUp: true } }]);
  await someone.call('POST', `/v1/files/${dead}/analysis`);
  await ai.work();
  expect(await analysisOf(dead, someone)).toMatchObject({ status: 'ready', work: { givenUp: false } });
});
