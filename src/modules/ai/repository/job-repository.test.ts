import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { StepResult } from '../../../contracts/sidecar.ts';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import type { AnalysisRepository, StoredAnalysis } from '../ports/analyses.ts';
import { type Job, type JobRepository, NOT_HANDED_OUT } from '../ports/jobs.ts';
import { createAnalysisRepository } from './analysis-repository.ts';
import { createJobRepository } from './job-repository.ts';
import { createTestIndex, TEST_MODEL as MODEL, type TestFile } from './test-index.ts';
import { requestWork } from './work.ts';

let database: TestDatabase;
let jobs: JobRepository;
let analyses: AnalysisRepository;
let files: ReturnType<typeof createTestIndex>;
let user: string;

beforeAll(async () => {
  database = await startTestDatabase();
  jobs = createJobRepository(database.db);
  analyses = createAnalysisRepository(database.db);
  files = createTestIndex(database.db);
}, 120_000);

afterAll(() => database.close());

beforeEach(async () => {
  user = newId('usr');
  await database.db.execute(sql`truncate ai.analyses, ai.cursors, ai.model_choices, ai.rules cascade`);
});

const properties = { contentType: 'text/plain', language: 'en', metadata: { words: 3 } };
const LEASE = 60;
const VECTOR = new Array(384).fill(1);

let position = 0;
const tell = (...events: readonly (readonly [type: string, file: TestFile])[]) =>
  jobs.recordEvents(
    events.map(([type, { fileId, versionId }]) => ({
      cursor: `1000:${++position}`,
      type,
      fileId,
      versionId: type.startsWith('file.') ? null : versionId,
    })),
  );

async function claim(): Promise<Job> {
  const job = await jobs.claim(crypto.randomUUID(), LEASE);
  if (job === undefined) throw new Error('nothing is due');
  return job;
}

async function newJob(): Promise<{ file: TestFile; job: Job }> {
  const file = await files.addFile(user);
  await tell(['version.created', file]);
  return { file, job: await claim() };
}

const toChunks = (texts: readonly string[]) =>
  texts.map((text, index) => ({ index, start: index * 100, end: index * 100 + text.length, text }));
const putText = (job: Job, texts: readonly string[]) =>
  jobs.completeText(job, properties, { chunks: toChunks(texts), count: texts.length });
const vectorsFor = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ index, values: VECTOR }));

async function readyFile(texts: readonly string[]): Promise<TestFile> {
  const { file, job } = await newJob();
  await putText(job, texts);
  await jobs.addSpace(MODEL, VECTOR.length);
  await jobs.saveVectors(job, MODEL, vectorsFor(texts.length));
  await jobs.completeVectors(job, MODEL, 'sidecar');
  await jobs.finish(job, []);
  return file;
}

async function stateOf({ fileId }: TestFile): Promise<StoredAnalysis> {
  const found = await analyses.find(user, fileId);
  if (typeof found === 'string') throw new Error(found);
  return found;
}
const textOf = async ({ versionId }: TestFile) => {
  const { rows } = await database.db.execute(
    sql`select text from ai.chunks where version_id = ${idToUuid(versionId)}::uuid order by index`,
  );
  return rows.map(({ text }) => text);
};
const expireLeases = () =>
  database.db.execute(sql`update ai.analyses set lease_until = now() - interval '1 second'`);
const done = (step: string, output: Record<string, unknown>): StepResult => ({
  step,
  version: '1.0.0',
  status: 'done',
  output,
  milliseconds: 1,
});

describe('events', () => {
  test('become jobs once, however often they are recorded', async () => {
    const file = await files.addFile(user);
    const event = { cursor: '7:1', type: 'version.created', ...file };
    await jobs.recordEvents([event]);
    await jobs.recordEvents([event]);
    expect(await claim()).toMatchObject({ versionId: file.versionId, todo: ['text', 'vectors', 'steps'] });
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    expect(await jobs.cursor()).toBe('7:1');
  });

  test('that are not about content only move the cursor', async () => {
    const { fileId } = await files.addFile(user);
    await jobs.recordEvents([{ cursor: '7:2', type: 'file.renamed', fileId, versionId: null }]);
    expect(await jobs.cursor()).toBe('7:2');
    expect(await jobs.secondsUntilDue()).toBeUndefined();
  });

  test('that something is gone for good take what was read of it, and nothing else, with them', async () => {
    const [kept, purged, changed] = [
      await readyFile(['heron']),
      await readyFile(['heron']),
      await readyFile(['heron']),
    ];
    const unread = await files.addFile(user);
    await tell(
      ['version.created', unread],
      ['file.purged', unread],
      ['file.purged', purged],
      ['version.deleted', changed],
      ['something.new', kept],
    );
    for (const table of ['analyses', 'chunks', 'embeddings', 'document_vectors']) {
      const left = await database.db.execute(sql`select version_id from ai.${sql.identifier(table)}`);
      expect(left.rows, table).toEqual([{ version_id: idToUuid(kept.versionId) }]);
    }
  });

  test('never move the cursor back, whichever of two readers comes last', async () => {
    const { fileId } = await files.addFile(user);
    const at = (cursor: string) =>
      jobs.recordEvents([{ cursor, type: 'file.moved', fileId, versionId: null }]);
    for (const cursor of ['10:5', '10:5', '9:99', '10:4']) await at(cursor);
    expect(await jobs.cursor()).toBe('10:5');
    await at('18446744073709551615:1');
    expect(await jobs.cursor()).toBe('18446744073709551615:1');
  });

  test.each([
    ['file.restored', 'trashed'],
    ['content.repaired', 'corrupt'],
  ] as const)('%s has what was away read again, and nothing else', async (type, why) => {
    const { file, job } = await newJob();
    await jobs.refuse(job, { status: 'skipped', reason: NOT_HANDED_OUT[why] });
    const [ready, empty] = [await readyFile(['heron']), await newJob()];
    await jobs.refuse(empty.job, { status: 'skipped', reason: 'The file is empty.' });
    await tell([type, file], [type, ready], [type, empty.file]);
    expect(await claim()).toMatchObject({ versionId: file.versionId, todo: ['text', 'vectors', 'steps'] });
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
  });

  test('of a file that comes back while somebody finds it away have it looked at again', async () => {
    const { file, job } = await newJob();
    await tell(['file.restored', file]);
    await jobs.abandon(job, NOT_HANDED_OUT.trashed, { givenUp: false });
    expect(await stateOf(file)).toMatchObject({ status: 'pending' });
    expect((await claim()).versionId).toBe(file.versionId);
  });

  test('of refused content have it looked at once more', async () => {
    const file = await readyFile(['heron']);
    await tell(['content.refused', file]);
    const job = await claim();
    await jobs.refuse(job, { status: 'skipped', reason: NOT_HANDED_OUT.infected });
    expect(await stateOf(file)).toMatchObject({ status: 'skipped', chunkCount: 0, embeddingModel: null });
    expect(await textOf(file)).toEqual([]);
  });
});

describe('a job', () => {
  test('is given to one of many who ask at once', async () => {
    await tell(['version.created', await files.addFile(user)]);
    const given = await Promise.all(Array.from({ length: 6 }, () => jobs.claim(crypto.randomUUID(), LEASE)));
    expect(given.filter((job) => job !== undefined)).toHaveLength(1);
  });

  test('whose worker died is given to another when the lease is over, and the first one is fenced out', async () => {
    const { file, job: dead } = await newJob();
    await jobs.saveChunks(dead, toChunks(['left by the dead']));
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    await expireLeases();
    const heir = await claim();
    expect(heir).toMatchObject({ versionId: file.versionId, attempts: 2, isRedo: false });
    await putText(heir, ['by the heir']);

    expect(await jobs.renew(dead, LEASE)).toBe('lost');
    await jobs.saveChunks(dead, [{ index: 5, start: 0, end: 1, text: 'late' }]);
    await putText(dead, ['late', 'late']);
    await jobs.saveVectors(dead, MODEL, vectorsFor(1));
    await jobs.completeVectors(dead, 'late', 'late');
    await jobs.release(dead, 'late', 0);
    await jobs.postpone(dead, 'late');
    await jobs.pause(dead);
    await jobs.refuse(dead, { status: 'failed', reason: 'late' });
    await jobs.abandon(dead, 'late', { givenUp: true });
    await jobs.finish(dead, [
      done('keywords', { keywords: [] }),
      done('classification', { categories: [{ label: 'late', score: 1 }] }),
    ]);

    expect(await jobs.renew(heir, LEASE)).toBe('held');
    expect(await textOf(file)).toEqual(['by the heir']);
    expect(await jobs.unembedded(heir, MODEL, 10)).toEqual([{ index: 0, text: 'by the heir' }]);
    expect(await stateOf(file)).toMatchObject({
      status: 'processing',
      reason: null,
      embeddingModel: null,
      results: {},
      categories: [],
      todo: ['vectors', 'steps'],
    });
  });

  test('that was released says why and is due after the delay, not before', async () => {
    const { file, job } = await newJob();
    await jobs.release(job, 'Broken.', 30);
    expect(await stateOf(file)).toMatchObject({ status: 'pending', reason: 'Broken.' });
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    expect(await jobs.secondsUntilDue()).toBeGreaterThan(25);
    await database.db.execute(sql`update ai.analyses set next_attempt_at = now()`);
    expect((await claim()).attempts).toBe(2);
  });

  test('that waits for something that is away has not used up an attempt, and waits longer each time', async () => {
    let { job } = await newJob();
    const waits: number[] = [];
    for (let turn = 0; turn < 30; turn += 1) {
      await jobs.postpone(job, 'Waiting.');
      const seconds = Math.round((await jobs.secondsUntilDue()) ?? 0);
      waits.push(seconds);
      await database.db.execute(sql`
        update ai.analyses set next_attempt_at = next_attempt_at - ${seconds + 1} * interval '1 second',
          updated_at = updated_at - ${seconds + 1} * interval '1 second'`);
      job = await claim();
      expect(job.attempts).toBe(1);
    }
    expect(waits[0]).toBe(2);
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    expect(waits.at(-1)).toBe(300);
  });

  test('that is paused is due at once and has not used up an attempt', async () => {
    const { job } = await newJob();
    await jobs.pause(job);
    expect((await claim()).attempts).toBe(1);
  });

  test('carries on after the stages that are through, with its attempts counted anew', async () => {
    const { job } = await newJob();
    await putText(job, ['one', 'two', 'three']);
    await expireLeases();
    const heir = await claim();
    expect(heir).toMatchObject({ todo: ['vectors', 'steps'], attempts: 2 });
    await jobs.saveVectors(heir, MODEL, [{ index: 1, values: VECTOR }]);
    expect((await jobs.unembedded(heir, MODEL, 1)).map((chunk) => chunk.index)).toEqual([0]);
    expect((await jobs.unembedded(heir, MODEL, 9)).map((chunk) => chunk.index)).toEqual([0, 2]);
    expect((await jobs.unembedded(heir, 'another', 9)).map((chunk) => chunk.index)).toEqual([0, 1, 2]);
  });

  test('that is ready is not due any more, and names what made its vectors', async () => {
    const file = await readyFile(['text']);
    expect(await jobs.secondsUntilDue()).toBeUndefined();
    expect(await stateOf(file)).toMatchObject({
      status: 'ready',
      embeddingModel: MODEL,
      embeddingProvider: 'sidecar',
      language: 'en',
    });
  });

  test('of higher priority comes first, and one of a batch gives way to it', async () => {
    const [batch, person] = [await files.addFile(user), await files.addFile(user)];
    await requestWork(database.db, [batch.versionId], ['text'], 1);
    const slow = await claim();
    expect(slow).toMatchObject({ versionId: batch.versionId, priority: 1 });
    expect(await jobs.renew(slow, LEASE)).toBe('held');
    await tell(['version.created', person]);
    expect(await jobs.renew(slow, LEASE)).toBe('give_way');
    await jobs.pause(slow);
    expect((await claim()).versionId).toBe(person.versionId);
    expect((await claim()).versionId).toBe(batch.versionId);
  });

  test('keeps any text that a document may hold', async () => {
    const { file, job } = await newJob();
    await jobs.completeText(
      job,
      { ...properties, metadata: { title: 'nul \0 and half \udc00', author: '\\u0000 "' } },
      { chunks: toChunks(["nul \0, half \ud83d, quote ' and \\ and \\u0000 and 🎉"]), count: 1 },
    );
    expect(await textOf(file)).toEqual(["nul  , half \ufffd, quote ' and \\ and \\u0000 and 🎉"]);
    expect((await stateOf(file)).metadata).toEqual({ title: 'nul   and half \ufffd', author: '\\u0000 "' });
  });
});

describe('work that is asked for', () => {
  test('of a version that is ready is done while it stays ready, and vectors of text that stays the same stay', async () => {
    const file = await readyFile(['one', 'two', 'three']);
    await requestWork(database.db, [file.versionId], ['text'], 0);
    const job = await claim();
    expect(job).toMatchObject({ isRedo: true, todo: ['text', 'vectors', 'steps'], attempts: 1 });
    expect(await stateOf(file)).toMatchObject({ status: 'ready', chunkCount: 3 });
    await putText(job, ['one', 'changed']);
    expect(await textOf(file)).toEqual(['one', 'changed']);
    expect(await jobs.unembedded(job, MODEL, 9)).toEqual([{ index: 1, text: 'changed' }]);
    expect(await stateOf(file)).toMatchObject({ status: 'ready', chunkCount: 2 });
    await jobs.postpone(job, 'Waiting.');
    expect(await stateOf(file)).toMatchObject({ status: 'ready', reason: 'Waiting.' });
  });

  test('meanwhile is not taken for done', async () => {
    const { file, job } = await newJob();
    const [asked] = await requestWork(database.db, [file.versionId], ['steps'], 0);
    await putText(job, ['text']);
    await jobs.finish(job, []);
    const state = await stateOf(file);
    expect(state).toMatchObject({ status: 'ready', todo: ['text', 'vectors', 'steps'] });
    const again = await claim();
    expect(again.run).toBe(asked?.run);
    await jobs.finish(again, []);
    expect(await stateOf(file)).toMatchObject({ status: 'ready', todo: [] });
  });

  test('is the union of all that was asked for, at the highest priority, by however many at once', async () => {
    const file = await readyFile(['text']);
    await requestWork(database.db, [file.versionId], ['vectors'], 1);
    await Promise.all(
      Array.from({ length: 4 }, () => requestWork(database.db, [file.versionId], ['steps'], 0)),
    );
    expect(await claim()).toMatchObject({ todo: ['vectors', 'steps'], priority: 0, run: 6 });
  });

  test('of a dead letter begins anew; of a version that storage does not have there is none', async () => {
    const { file, job } = await newJob();
    await jobs.abandon(job, 'Given up.', { givenUp: true });
    expect(await stateOf(file)).toMatchObject({ status: 'failed', givenUpAt: expect.any(Date), todo: [] });
    const asked = await requestWork(database.db, [file.versionId, newId('ver')], ['steps'], 1);
    expect(asked).toEqual([{ versionId: file.versionId, run: 2 }]);
    expect(await stateOf(file)).toMatchObject({ status: 'pending', reason: null, givenUpAt: null });
    expect(await claim()).toMatchObject({ attempts: 1, priority: 1, todo: ['text', 'vectors', 'steps'] });
  });

  test('in vain leaves what was found before; of steps alone it does not make a version unfindable', async () => {
    const redone = await readyFile(['text']);
    await requestWork(database.db, [redone.versionId], ['text'], 0);
    await jobs.abandon(await claim(), 'Given up.', { givenUp: true });
    expect(await stateOf(redone)).toMatchObject({ status: 'ready', reason: 'Given up.', chunkCount: 1 });
    const { file, job } = await newJob();
    await putText(job, ['text']);
    await jobs.completeVectors(job, null, undefined);
    await jobs.abandon(job, 'Given up.', { givenUp: true });
    expect(await stateOf(file)).toMatchObject({ status: 'ready', givenUpAt: expect.any(Date) });
  });
});

describe('models', () => {
  test('are the drive’s, else the deployment’s, which whoever comes first chooses', async () => {
    const { job } = await newJob();
    expect(await jobs.embeddingModels(job)).toEqual({ current: null, next: null });
    await Promise.all(['a', 'b', 'c'].map((model) => jobs.chooseModel(model)));
    const { current } = await jobs.embeddingModels(job);
    await jobs.chooseModel('late');
    expect((await jobs.embeddingModels(job)).current).toBe(current);
    await database.db.execute(sql`
      insert into ai.model_choices (drive_id, task, model, next_model)
      values (${idToUuid(user)}::uuid, 'feature-extraction', 'own', 'coming')`);
    expect(await jobs.embeddingModels(job)).toEqual({ current: 'own', next: 'coming' });
  });

  test('of other dimensions live side by side, each with the mean of its vectors, of length 1', async () => {
    const { job } = await newJob();
    await putText(job, ['one', 'two']);
    await Promise.all([jobs.addSpace('three-d', 3), jobs.addSpace('three-d', 3), jobs.addSpace(MODEL, 384)]);
    await jobs.saveVectors(job, MODEL, vectorsFor(2));
    await jobs.saveVectors(job, 'three-d', [
      { index: 0, values: [1, 0, 0] },
      { index: 1, values: [0, 1, 0] },
    ]);
    await jobs.completeVectors(job, 'three-d', 'sidecar');
    const { vector } = (await jobs.stepInput(job, 10)) ?? {};
    expect(vector?.model).toBe('three-d');
    const half = expect.closeTo(Math.SQRT1_2, 5);
    expect(vector?.values).toEqual([half, half, 0]);
  });
});

describe('results of steps', () => {
  test('take the place of those before, and rules that they reach are asked for once', async () => {
    const file = await readyFile(['text']);
    const rule = newId('rul');
    await database.db.execute(sql`
      insert into ai.rules (id, drive_id, label, min_score, action, created_by)
      values (${idToUuid(rule)}::uuid, ${idToUuid(user)}::uuid, 'invoice', 0.5, '{"kind":"tag","tag":"x"}', ${idToUuid(user)}::uuid)`);
    await database.db.execute(sql`
      insert into ai.fields (drive_id, name, type, description, created_by)
      select ${idToUuid(user)}::uuid, name, 'amount', '', ${idToUuid(user)}::uuid from unnest(array['a', 'b', 'c']) name`);
    const results = (score: number, fields: readonly string[]) => [
      done('classification', {
        categories: [
          { label: 'invoice', score },
          { label: 'invoice', score: 0.1 },
        ],
      }),
      done('fingerprint', { simhash: 'ffffffffffffffff' }),
      done('fields', {
        fields: fields.map((name) => ({ name, value: 'EUR 12.50', confidence: 0.9, start: 1, end: 4 })),
      }),
      done('keywords', { keywords: [{ text: 'nul \0', score: 1 }] }),
    ];
    for (const [score, fields] of [
      [0.4, ['a', 'b']],
      [0.8, ['b', 'c']],
      [0.9, ['c']],
    ] as const) {
      await requestWork(database.db, [file.versionId], ['steps'], 0);
      await jobs.finish(await claim(), results(score, fields));
      const state = await stateOf(file);
      expect(state.categories).toEqual([
        { label: 'invoice', name: 'invoice', score: expect.closeTo(score, 5), source: 'model' },
      ]);
      expect(state.fields.map(({ name, number }) => [name, number])).toEqual(
        fields.map((name) => [name, 12.5]),
      );
      const runs = await database.db.execute(sql`select state from ai.rule_runs`);
      // One that has acted on the version is not asked again.
      expect(runs.rows).toEqual(score > 0.5 ? [{ state: score > 0.8 ? 'done' : 'pending' }] : []);
      await database.db.execute(sql`update ai.rule_runs set state = 'done'`);
      expect(state.results.keywords?.output).toEqual({ keywords: [{ text: 'nul  ', score: 1 }] });
    }
    const { rows } = await database.db.execute(sql`select simhash::text from ai.analyses`);
    expect(rows).toEqual([{ simhash: '-1' }]);
  });

  test('what a person has said stands above what was found', async () => {
    const file = await readyFile(['text']);
    await requestWork(database.db, [file.versionId], ['steps'], 0);
    const categories = [
      { label: 'invoice', score: 0.9 },
      { label: 'letter', score: 0.8 },
    ];
    await jobs.finish(await claim(), [done('classification', { categories })]);
    const said = (label: string, positive: boolean) =>
      database.db.execute(sql`
      insert into ai.label_examples (drive_id, label, file_id, positive, created_by)
      values (${idToUuid(user)}::uuid, ${label}, ${idToUuid(file.fileId)}::uuid, ${positive}, ${idToUuid(user)}::uuid)`);
    await said('invoice', false);
    await said('contract', true);
    expect((await stateOf(file)).categories).toMatchObject([
      { label: 'contract', score: 1, source: 'user' },
      { label: 'letter', source: 'model' },
    ]);
  });

  test('are not filed under labels of another drive, nor under ones that are gone', async () => {
    const file = await readyFile(['text']);
    await requestWork(database.db, [file.versionId], ['steps'], 0);
    const [own, foreign, gone] = [newId('lbl'), newId('lbl'), newId('lbl')];
    const drives = [
      [own, user],
      [foreign, newId('usr')],
    ] as const;
    for (const [label, drive] of drives)
      await database.db.execute(sql`
        insert into ai.labels (id, drive_id, name, created_by)
        values (${idToUuid(label)}::uuid, ${idToUuid(drive)}::uuid, 'Secret', ${idToUuid(drive)}::uuid)`);
    const categories = [own, foreign, gone].map((label) => ({ label, score: 0.9 }));
    await jobs.finish(await claim(), [done('classification', { categories })]);
    expect((await stateOf(file)).categories).toMatchObject([{ label: own, name: 'Secret' }]);
  });
});
