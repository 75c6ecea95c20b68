import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
  (
    await ai.query(`select * from ai.analyses where file_id = '${uuidOf(id)}'::uuid order by version_id desc`)
  )[0];

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
  expect(old.body).toMatchObject({
    version: { id: first, number: 1 },
    text: expect.stringContaining('herons'),
  });
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
  const restored = await user.call('POST', `/v1/trash/${id}/restore`);
  expect(restored.status).toBe(200);
  await ai.work();
  expect(await analysisOf(id)).toMatchObject({ status: 'ready' });
});

test('a folder that is restored has the files below it read', async () => {
  const folder = await user.folder('box');
  const id = await user.file('inside.txt', TEXT, folder);
  await user.call('DELETE', `/v1/files/${folder}`);
  await ai.work();
  await user.call('POST', `/v1/trash/${folder}/restore`);
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
  expect(stuck.items).toMatchObject([
    { fileId: dead, name: 'dead.txt', status: 'failed', work: { givenUp: true } },
  ]);
  await someone.call('POST', `/v1/files/${dead}/analysis`);
  await ai.work();
  expect(await analysisOf(dead, someone)).toMatchObject({ status: 'ready', work: { givenUp: false } });
});

/** The sidecar, but for one file over which the connection breaks. */
async function sidecarThatDiesOver(name: string): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    const body = Buffer.concat(parts);
    if (body.includes(`"${name}"`)) return void request.socket.destroy();
    const { authorization = '', 'content-type': type = 'application/json' } = request.headers;
    const answer = await fetch(new URL(request.url ?? '/', ai.sidecar?.url), {
      method: request.method ?? 'GET',
      headers: { authorization, 'content-type': type },
      ...(request.method === 'POST' ? { body } : {}),
    });
    const model = answer.headers.get('x-model');
    response.writeHead(answer.status, {
      'content-type': 'application/json',
      ...(model ? { 'x-model': model } : {}),
    });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

test('a document over which the reader dies every time is given up after five attempts, and others go on', async () => {
  const someone = await ai.newUser();
  const id = await someone.file('poison.txt', TEXT);
  const other = await someone.file('fine.txt', TEXT);
  const sidecar = await sidecarThatDiesOver('poison.txt');
  const dying = ai.withEnv({ SIDECAR_URL: sidecar.url });
  for (let turn = 1; turn <= 5; turn += 1) {
    expect((await analysisOf(id, someone)).status).toBe('pending');
    await dying.work();
    await soon();
  }
  await sidecar.close();
  expect(await analysisOf(id, someone)).toMatchObject({
    status: 'failed',
    reason: 'The analysis was given up after 5 attempts.',
    work: { stages: [], givenUp: true },
  });
  expect(await analysisOf(other, someone)).toMatchObject({ status: 'ready' });
});

test('many workers at once do each file once', async () => {
  const someone = await ai.newUser();
  const ids: string[] = [];
  for (let at = 0; at < 12; at += 1) ids.push(await someone.file(`many-${at}.txt`, `${TEXT} Number ${at}.`));
  await Promise.all([ai.work(), ai.work(), ai.withEnv({}).work()]);
  for (const id of ids) {
    expect(await analysisOf(id, someone)).toMatchObject({
      status: 'ready',
      work: { stages: [], attempts: 1 },
    });
    const [{ n, d } = {}] = await ai.query(`
      select count(*)::int as n, count(distinct index)::int as d from ai.chunks c join ai.analyses a using (version_id)
      where a.file_id = '${uuidOf(id)}'::uuid`);
    expect(n).toBe(d);
  }
});

test('a file that is deleted for good while it is read leaves nothing behind', async () => {
  const id = await user.file('gone.txt', TEXT.repeat(40));
  const working = ai.work();
  await user.call('DELETE', `/v1/files/${id}`);
  await user.call('DELETE', `/v1/trash/${id}`);
  await working;
  await soon();
  await ai.work();
  expect(await rowOf(id)).toBeUndefined();
  expect((await user.call('GET', `/v1/files/${id}/analysis`)).body.code).toBe('file_not_found');
});

test('only who may change a file has it done again', async () => {
  const viewer = await ai.newUser();
  const id = await user.file('shared.txt', TEXT);
  await ai.work();
  const shared = await user.call('POST', `/v1/files/${id}/grants`, {
    json: { principal: { kind: 'user', id: viewer.id }, role: 'viewer' },
  });
  expect(shared.status).toBeLessThan(300);
  expect(await analysisOf(id, viewer)).toMatchObject({ status: 'ready' });
  const asked = await viewer.call('POST', `/v1/files/${id}/analysis`);
  expect([asked.status, asked.body.code]).toEqual([403, 'role_required']);
  expect(await rowOf(id)).toMatchObject({ run: 1, todo: [] });
});

test.each([
  [
    'page.html',
    '<html><head><title>Harbour</title></head><body><h1>Crane</h1><p>The crane was repaired in Hamburg.</p></body></html>',
    'ready',
  ],
  ['notes.md', '# Crane\n\nThe crane was repaired in Hamburg.', 'ready'],
  ['table.csv', 'place,cost\nHamburg,12500\nParis,7\n', 'ready'],
  ['nothing.txt', '', 'skipped'],
  ['program.exe', 'MZ\0\0\0\0\0\0', 'skipped'],
])('%s ends in a stated way', async (name, content, status) => {
  const id = await user.file(name, content);
  await ai.work();
  const analysis = await analysisOf(id);
  expect(analysis).toMatchObject({ status, work: { stages: [] } });
  if (status !== 'ready') expect(analysis.reason).toMatch(/\w/);
});
