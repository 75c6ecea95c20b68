import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type SpawnedService, spawnService } from '../../src/local/testing/spawn-service.ts';
import type { TestUser } from '../../src/modules/storage/testing/test-system.ts';
import {
  makeGzipOfZeros,
  makeZip,
  makeZipOfMany,
  nestZips,
  overlapEntries,
} from '../../src/sidecar/testing/archives.ts';
import { makeDocx, makePdf, makePdfBomb } from '../../src/sidecar/testing/documents.ts';
import { makeXlsx } from '../../src/sidecar/testing/office-documents.ts';
import { makePixelFlood } from '../../src/sidecar/testing/pictures.ts';
import { seeded, seedOfRun } from '../e2e/harness/seeded.ts';
import { MODEL_CACHE_DIR, startTestAi, type TestAi } from './test-ai.ts';

const SEED = seedOfRun();
/** Fewer than the attempts after which a file is given up. */
const KILLS = 4;
const WITHIN_MS = 1_500;

let ai: TestAi;
const spawned: SpawnedService[] = [];

beforeAll(async () => {
  ai = await startTestAi();
});
afterEach(async () => {
  for (const sidecar of spawned.splice(0)) await sidecar.stop('SIGKILL');
});
afterAll(() => ai.close());

/** One more sidecar, with its model loaded, to do harm to. */
async function startVictim(): Promise<SpawnedService> {
  const { S3_ENDPOINT, SERVICE_TOKEN_SECRET } = ai.storage.env;
  const sidecar = await spawnService(new URL('../../src/sidecar/main.ts', import.meta.url), {
    S3_ENDPOINT: String(S3_ENDPOINT),
    SERVICE_TOKEN_SECRET: String(SERVICE_TOKEN_SECRET),
    MODEL_CACHE_DIR,
    LOG_LEVEL: 'silent',
  });
  spawned.push(sidecar);
  await expect
    .poll(async () => (await fetch(`${sidecar.url}/readyz`)).json(), { timeout: 60_000 })
    .toMatchObject({ status: 'ready' });
  return sidecar;
}

const uuidOf = (id: string) => id.slice(id.indexOf('_') + 1);
const analysisOf = async (user: TestUser, id: string) =>
  (await user.call('GET', `/v1/files/${id}/analysis`)).body;
const leasesEnd = () =>
  ai.query(`update ai.analyses set next_attempt_at = now(), lease_until = now() - interval '1 second'
    where todo <> '{}'`);

/** All that is kept of a file's current version, but for times and tokens. */
async function keptOf(id: string) {
  const [kept] = await ai.query(`
    select a.status, a.reason, a.todo::text, a.lease_token, a.chunk_count, a.word_count, a.language,
      (select array_agg(c.index || ' ' || md5(c.text) order by c.index) from ai.chunks c
        where c.version_id = a.version_id)::text as passages,
      (select array_agg(e.index order by e.index) from ai.embeddings e
        where e.version_id = a.version_id)::text as vectors,
      (select count(*)::int from ai.document_vectors d where d.version_id = a.version_id) as means,
      (select array_agg(c.label order by c.label) from ai.categories c
        where c.version_id = a.version_id)::text as categories,
      a.results->'keywords'->>'status' as keywords
    from ai.analyses a where a.file_id = '${uuidOf(id)}'::uuid`);
  return kept;
}

const report = (n: number) =>
  Array.from(
    { length: 60 },
    (_, at) =>
      `Report ${n}, paragraph ${at}. The harbour of Hamburg paid EUR ${n}${at}.00 for the repair of crane ${at}, ` +
      'which had been broken since the winter storm, and Marie Curie signed the invoice in Paris on 3 May 2024.',
  ).join('\n\n');

test(`a reader that is killed at any moment leaves nothing twice and nothing out (SEED=${SEED})`, {
  timeout: 180_000,
}, async () => {
  const random = seeded(SEED);
  const user = await ai.newUser();
  const quiet: string[] = [];
  for (let n = 0; n < 3; n += 1) quiet.push(await user.file(`quiet-${n}.txt`, report(n)));
  await ai.work();
  const twins: [string, string][] = [];
  for (const [n, twin] of quiet.entries()) twins.push([twin, await user.file(`struck-${n}.txt`, report(n))]);
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill += 1) {
    for (const [, struck] of twins)
      expect((await user.call('POST', `/v1/files/${struck}/analysis`)).status).toBe(202);
    const victim = await startVictim();
    const working = ai.withEnv({ SIDECAR_URL: victim.url }).work();
    await sleep(WITHIN_MS * random());
    await victim.stop('SIGKILL');
    await working;
    const left = await ai.query(`select 1 from ai.analyses where todo <> '{}'`);
    if (left.length > 0) interrupted += 1;
    await leasesEnd();
  }
  await ai.work();
  for (const [twin, struck] of twins) {
    const kept = await keptOf(struck);
    expect(kept).toEqual(await keptOf(twin));
    expect(kept).toMatchObject({ status: 'ready', todo: '{}', lease_token: null, means: 1 });
    expect(JSON.parse(String(kept?.vectors).replace('{', '[').replace('}', ']'))).toHaveLength(
      Number(kept?.chunk_count),
    );
  }
  // Else nothing was tried.
  expect(interrupted).toBeGreaterThan(0);
});

test('while the reader hangs files come and go; who waited for it longer than their lease changes nothing any more', {
  timeout: 120_000,
}, async () => {
  const victim = await startVictim();
  victim.process.kill('SIGSTOP');
  const user = await ai.newUser();
  const id = await user.file('stale.txt', report(7));
  const stalled = ai.withEnv({ SIDECAR_URL: victim.url });
  const working = stalled.work();
  await expect.poll(async () => (await analysisOf(user, id)).status, { timeout: 10_000 }).toBe('processing');

  const startedAt = Date.now();
  const mine = stalled.as(user);
  const other = await user.file('meanwhile.txt', 'Taken while the reader hung.');
  const read = await mine.call('GET', `/v1/files/${other}/content`);
  expect([read.status, new TextDecoder().decode(read.bytes)]).toEqual([200, 'Taken while the reader hung.']);
  expect((await mine.call('POST', `/v1/files/${other}/analysis`)).status).toBeLessThan(500);
  expect((await mine.call('GET', '/v1/search?q=meanwhile')).body).toMatchObject({
    degraded: true,
    mode: 'keyword',
  });
  expect(Date.now() - startedAt).toBeLessThan(10_000);

  await leasesEnd();
  await ai.work();
  const row = async () =>
    (await ai.query(`select * from ai.analyses where file_id = '${uuidOf(id)}'::uuid`))[0];
  const before = [await row(), await keptOf(id)];
  expect(before[0]).toMatchObject({ status: 'ready', lease_token: null });
  victim.process.kill('SIGCONT');
  await working;
  expect([await row(), await keptOf(id)]).toEqual(before);
});

/** Rows that no limit cuts, because their ends are not written as Excel writes them. */
function makeHugeWorkbook(): Uint8Array<ArrayBuffer> {
  const rows = Array.from({ length: 3_000_000 }, (_, i) => `<row><c t="n"><v>${i}</v></c></row >`);
  const sheet = Buffer.from(`<worksheet><sheetData>${rows.join('')}</sheetData></worksheet>`);
  return new Uint8Array(makeXlsx([{ name: 'S', rows: [['x']] }], { 'xl/worksheets/sheet1.xml': sheet }));
}

/** Each table of references says that the one before it is itself. */
function makeLoopingPdf(): Buffer {
  const head = '%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 1 0 R /Kids [1 0 R] /Count 1 >>\nendobj\n';
  return Buffer.from(
    `${head}xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Root 1 0 R /Size 2 /Prev ${head.length} >>\nstartxref\n${head.length}\n%%EOF\n`,
  );
}

test('files made to do harm are kept byte for byte and end with a reason, without keeping a good one from its turn', {
  timeout: 240_000,
}, async () => {
  const user = await ai.newUser();
  const zeros = new Uint8Array(60_000_000);
  const hostile: Readonly<Record<string, [Uint8Array, string]>> = {
    'memory.xlsx': [makeHugeWorkbook(), 'failed'],
    'bomb.docx': [makeDocx(['x'], { 'bomb.xml': zeros }), 'failed'],
    'nested.zip': [nestZips(6, 4, { 'page.bin': zeros.subarray(0, 4_000_000) }), 'failed'],
    'overlapping.zip': [
      overlapEntries(makeZip({ a: zeros.subarray(0, 9_000), b: zeros.subarray(0, 9_000) })),
      'failed',
    ],
    'zeros.gz': [await makeGzipOfZeros(2), 'failed'],
    'entries.zip': [makeZipOfMany(200_000), 'failed'],
    // Whether its page or its process ends first is a matter of luck.
    'bomb.pdf': [makePdfBomb(400_000_000), 'failed or skipped'],
    'encrypted.pdf': [makePdf({ pages: [['x']], encrypted: true }), 'failed'],
    'looping.pdf': [makeLoopingPdf(), 'failed'],
    'polyglot.html': [
      Buffer.concat([
        makePdf({ pages: [['The visible page of it']] }),
        Buffer.from('<html>'),
        makeZip({ a: zeros.subarray(0, 9) }),
      ]),
      'ready',
    ],
    'flood.png': [makePixelFlood(60_000, 60_000), 'failed'],
    'empty.txt': [new Uint8Array(), 'skipped'],
    'one.txt': [Buffer.from('x'), 'ready'],
    'zero.bin': [new Uint8Array(1), 'skipped'],
  };
  const ids = new Map<string, string>();
  for (const [name, [content]] of Object.entries(hostile)) {
    const answer = await user.upload(name, new Uint8Array(content));
    expect([name, answer.status]).toEqual([name, 201]);
    ids.set(name, answer.body.id);
  }
  const good = await user.file('good.txt', 'The freezer is full of samples of quillwort.');
  const startedAt = Date.now();
  await ai.work();
  expect(Date.now() - startedAt).toBeLessThan(120_000);
  expect(ai.sidecar?.process.exitCode ?? ai.sidecar?.process.signalCode).toBeNull();

  const ends: Record<string, unknown> = {};
  for (const [name, id] of ids) {
    const { status, reason, work } = await analysisOf(user, id);
    const expected = hostile[name]?.[1] ?? '';
    const end = expected.split(' or ').includes(status) ? expected : status;
    ends[name] = [end, status === 'ready' || reason.length > 10, work.stages, work.givenUp];
    const { bytes } = await user.call('GET', `/v1/files/${id}/content`);
    expect([name, Buffer.compare(bytes, hostile[name]?.[0] ?? new Uint8Array())]).toEqual([name, 0]);
  }
  expect(ends).toEqual(
    Object.fromEntries(
      Object.entries(hostile).map(([name, [, status]]) => [name, [status, true, [], false]]),
    ),
  );
  expect(await analysisOf(user, good)).toMatchObject({ status: 'ready', work: { attempts: 1 } });
  const found = await user.call('GET', '/v1/search?q=quillwort');
  expect(found.body.items.map(({ file }: { file: { id: string } }) => file.id)).toContain(good);
});
