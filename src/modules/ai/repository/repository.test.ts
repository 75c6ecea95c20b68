import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import type { AnalysisRepository } from '../ports/analyses.ts';
import type { Job, JobRepository } from '../ports/jobs.ts';
import type { QueryVector, SearchRepository } from '../ports/search.ts';
import { createAnalysisRepository } from './analysis-repository.ts';
import { createJobRepository } from './job-repository.ts';
import { createSearchRepository } from './search-repository.ts';

let database: TestDatabase;
let jobs: JobRepository;
let search: SearchRepository;
let analyses: AnalysisRepository;
let user: string;

beforeAll(async () => {
  database = await startTestDatabase();
  jobs = createJobRepository(database.db);
  search = createSearchRepository(database.db);
  analyses = createAnalysisRepository(database.db);
}, 120_000);

afterAll(() => database.close());

beforeEach(async () => {
  user = newId('usr');
  await database.db.execute(sql`truncate ai.analyses, ai.chunks, ai.embeddings, ai.cursors cascade`);
});

const DIMENSIONS = 384;
const MODEL = 'test-model';
const properties = { contentType: 'text/plain', language: 'en', metadata: { words: 3 } };
const LEASE = 60;

interface Document {
  fileId: string;
  versionId: string;
}

const newObject = (versionId: string) => sql`
  insert into storage.objects (id, key, size, sha256, etag, encryption)
  values (${idToUuid(versionId)}::uuid, ${versionId}, 1, 'x', 'x', 'none')`;

/** A file of the user in storage, without an analysis. */
async function addFile(owner = user): Promise<Document> {
  const [fileId, versionId] = [newId('file'), newId('ver')];
  const [file, version, person] = [fileId, versionId, owner].map((id) => sql`${idToUuid(id)}::uuid`);
  await database.db.batch([
    database.db.execute(sql`select storage.ensure_drive(${person}, 'person')`),
    database.db.execute(sql`
      with o as (${newObject(versionId)}), f as (
        insert into storage.files (id, drive_id, scope_id, kind, name, name_key, current_version_id, version_count, created_by)
        values (${file}, ${person}, ${person}, 'file', ${fileId}, ${fileId}, ${version}, 1, ${person})
      )
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
      values (${version}, ${file}, ${person}, 1, ${version}, 1, 'text/plain', ${person})`),
  ]);
  return { fileId, versionId };
}

let position = 0;
const record = (documents: readonly Document[]) =>
  jobs.recordEvents(
    documents.map(({ fileId, versionId }) => ({
      cursor: `1000:${++position}`,
      type: 'version.created',
      fileId,
      versionId,
    })),
  );

async function claim(): Promise<Job> {
  const job = await jobs.claim(crypto.randomUUID(), LEASE);
  if (job === undefined) throw new Error('nothing is due');
  return job;
}

const toChunks = (texts: readonly string[]) =>
  texts.map((text, index) => ({ index, start: index * 100, end: index * 100 + text.length, text }));

/** A document that has gone all the way, or only to the end of its text. */
async function index(texts: readonly string[], vectors?: readonly (readonly number[])[], owner = user) {
  const document = await addFile(owner);
  await record([document]);
  const job = await claim();
  await jobs.saveChunks(job, toChunks(texts));
  await jobs.completeText(job, properties);
  if (vectors) {
    await jobs.saveVectors(
      job,
      MODEL,
      vectors.map((values, at) => ({ index: at, values })),
    );
    await jobs.finish(job, { status: 'ready' });
  }
  return document;
}

const keyword = async (query: string, depth = 100) =>
  (await search.search(user, query, { keyword: true, vector: undefined }, depth)).keyword;
const semantic = async (
  values: readonly number[],
  depth = 100,
  vector: QueryVector = { model: MODEL, values },
) => (await search.search(user, 'x', { keyword: false, vector }, depth)).semantic;
const statusOf = async ({ fileId }: Document) => analyses.find(user, fileId);
const expireLeases = () =>
  database.db.execute(sql`update ai.analyses set lease_until = now() - interval '1 second'`);

describe('events', () => {
  test('become jobs once, however often they are recorded', async () => {
    const document = await addFile();
    const event = { cursor: '7:1', type: 'version.created' as const, ...document };
    await jobs.recordEvents([event]);
    await jobs.recordEvents([event]);
    expect((await claim()).versionId).toBe(document.versionId);
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    expect(await jobs.cursor()).toBe('7:1');
  });

  test('that are not about content only move the cursor', async () => {
    const { fileId } = await addFile();
    await jobs.recordEvents([{ cursor: '7:2', type: 'file.renamed', fileId, versionId: null }]);
    expect(await jobs.cursor()).toBe('7:2');
    expect(await jobs.secondsUntilDue()).toBeUndefined();
  });

  test('that something is gone for good take what was read of it, and nothing else, with them', async () => {
    const vector = new Array(DIMENSIONS).fill(1);
    const [kept, purged, changed] = [
      await index(['heron'], [vector]),
      await index(['heron'], [vector]),
      await index(['heron'], [vector]),
    ];
    const unread = await addFile();
    await jobs.recordEvents([
      { cursor: '2000:1', type: 'version.created', ...unread },
      { cursor: '2000:2', type: 'file.purged', fileId: unread.fileId, versionId: null },
      { cursor: '2000:3', type: 'file.purged', fileId: purged.fileId, versionId: null },
      { cursor: '2000:4', type: 'version.deleted', ...changed },
      { cursor: '2000:5', type: 'something.new', fileId: kept.fileId, versionId: kept.versionId },
    ]);
    expect(await jobs.cursor()).toBe('2000:5');
    for (const table of ['analyses', 'chunks', 'embeddings']) {
      const left = await database.db.execute(sql`select version_id from ai.${sql.identifier(table)}`);
      expect(left.rows, table).toEqual([{ version_id: idToUuid(kept.versionId) }]);
    }
  });

  test('never move the cursor back, whichever of two readers comes last', async () => {
    const { fileId } = await addFile();
    const at = (cursor: string) =>
      jobs.recordEvents([{ cursor, type: 'file.moved', fileId, versionId: null }]);
    for (const cursor of ['10:5', '9:99', '10:4', '10:5']) await at(cursor);
    expect(await jobs.cursor()).toBe('10:5');
    await at('18446744073709551615:1');
    expect(await jobs.cursor()).toBe('18446744073709551615:1');
  });
});

describe('a job', () => {
  test('is given to one of many who ask at once', async () => {
    await record([await addFile()]);
    const given = await Promise.all(Array.from({ length: 6 }, () => jobs.claim(crypto.randomUUID(), LEASE)));
    expect(given.filter((job) => job !== undefined)).toHaveLength(1);
  });

  test('whose worker died is given to another when the lease is over, and the first one is fenced out', async () => {
    const document = await addFile();
    await record([document]);
    const dead = await claim();
    await jobs.saveChunks(dead, toChunks(['left by the dead']));
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    await expireLeases();
    const heir = await claim();
    expect(heir).toMatchObject({ versionId: document.versionId, attempts: 2, hasText: false });
    await jobs.clearText(heir);
    await jobs.saveChunks(heir, toChunks(['by the heir']));

    expect(await jobs.renew(dead, LEASE)).toBe(false);
    await jobs.clearText(dead);
    await jobs.saveChunks(dead, [{ index: 5, start: 0, end: 1, text: 'late' }]);
    await jobs.saveVectors(dead, MODEL, [{ index: 0, values: new Array(DIMENSIONS).fill(1) }]);
    await jobs.completeText(dead, properties);
    await jobs.release(dead, 'late', 0);
    await jobs.finish(dead, { status: 'failed', reason: 'late' });

    expect(await jobs.renew(heir, LEASE)).toBe(true);
    expect(await jobs.unembedded(heir, 10)).toEqual([{ index: 0, text: 'by the heir' }]);
    expect(await statusOf(document)).toMatchObject({ status: 'processing', reason: null });
  });

  test('that was released says why and is due after the delay, not before', async () => {
    const document = await addFile();
    await record([document]);
    await jobs.release(await claim(), 'Waiting for the embedding model.', 30);
    expect(await statusOf(document)).toMatchObject({
      status: 'pending',
      reason: 'Waiting for the embedding model.',
    });
    expect(await jobs.claim(crypto.randomUUID(), LEASE)).toBeUndefined();
    expect(await jobs.secondsUntilDue()).toBeGreaterThan(25);
    await database.db.execute(sql`update ai.analyses set next_attempt_at = now()`);
    expect((await claim()).attempts).toBe(2);
  });

  test('that waits for something that is away has not used up an attempt, and waits longer the longer it has waited', async () => {
    const document = await addFile();
    await record([document]);
    await jobs.postpone(await claim(), 'Waiting for the embedding model.');
    expect(await statusOf(document)).toMatchObject({
      status: 'pending',
      reason: 'Waiting for the embedding model.',
    });
    expect(await jobs.secondsUntilDue()).toBeLessThanOrEqual(2);
    await database.db.execute(
      sql`update ai.analyses set next_attempt_at = now(), created_at = now() - interval '1 day'`,
    );
    const again = await claim();
    expect(again.attempts).toBe(1);
    await jobs.postpone(again, 'Still waiting.');
    expect(await jobs.secondsUntilDue()).toBeGreaterThan(250);
    expect(await jobs.secondsUntilDue()).toBeLessThanOrEqual(300);
  });

  test('carries on with the vectors when its text is complete', async () => {
    const vector = new Array(DIMENSIONS).fill(0.5);
    await index(['one', 'two', 'three']);
    await expireLeases();
    const job = await claim();
    expect(job.hasText).toBe(true);
    await jobs.saveVectors(job, MODEL, [{ index: 1, values: vector }]);
    expect((await jobs.unembedded(job, 1)).map((chunk) => chunk.index)).toEqual([0]);
    expect((await jobs.unembedded(job, 9)).map((chunk) => chunk.index)).toEqual([0, 2]);
  });

  test('that starts anew leaves no vector of the text it had before', async () => {
    await index(['old text'], undefined);
    await expireLeases();
    const job = await claim();
    await jobs.saveVectors(job, MODEL, [{ index: 0, values: new Array(DIMENSIONS).fill(1) }]);
    await jobs.clearText(job);
    await jobs.saveChunks(job, toChunks(['new text']));
    expect(await jobs.unembedded(job, 9)).toEqual([{ index: 0, text: 'new text' }]);
    expect(await keyword('text')).toEqual([]);
  });

  test('that is ready is not due any more, and names the model', async () => {
    const document = await index(['text'], [new Array(DIMENSIONS).fill(1)]);
    expect(await jobs.secondsUntilDue()).toBeUndefined();
    expect(await statusOf(document)).toMatchObject({
      status: 'ready',
      embeddingModel: MODEL,
      language: 'en',
    });
  });

  test('keeps any text that a document may hold', async () => {
    await record([await addFile()]);
    const job = await claim();
    await jobs.saveChunks(job, toChunks(["nul \0, half \ud83d, quote ' and \\ and 🎉"]));
    expect(await jobs.unembedded(job, 1)).toEqual([
      { index: 0, text: "nul  , half \ufffd, quote ' and \\ and 🎉" },
    ]);
  });
});

/** An independent BM25, over the words of each passage, as a share of the most that the query could reach. */
function bm25(query: readonly string[], passages: readonly (readonly string[])[]): number[] {
  const average = passages.reduce((sum, words) => sum + words.length, 0) / passages.length;
  const terms = [...new Set(query)].map((term) => {
    const having = passages.filter((words) => words.includes(term)).length;
    return { term, idf: Math.log(1 + (passages.length - having + 0.5) / (having + 0.5)) };
  });
  const most = terms.reduce((sum, { idf }) => sum + idf, 0);
  return passages.map((words) =>
    terms.reduce((score, { term, idf }) => {
      const frequency = words.filter((word) => word === term).length;
      const norm = 0.9 * (1 - 0.4 + (0.4 * words.length) / average);
      return score + ((idf / most) * frequency) / (frequency + norm);
    }, 0),
  );
}

describe('the keyword leg', () => {
  // Words that the English dictionary leaves alone.
  const words = ['zebra', 'quartz', 'lemur', 'basalt', 'heron', 'x42'];

  test('scores as BM25 computed by itself does, best passage first', async () => {
    const corpus = fc.array(fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 12 }), {
      minLength: 2,
      maxLength: 6,
    });
    const query = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(corpus, query, async (passages, terms) => {
        user = newId('usr');
        const documents = [];
        for (const passage of passages) documents.push(await index([passage.join(' ')]));
        const expected = bm25(terms, passages);
        const found = await keyword(terms.join(' '));
        expect(found.length).toBe(expected.filter((score) => score > 0).length);
        for (const { fileId, score } of found) {
          expect(score).toBeCloseTo(
            expected[documents.findIndex((document) => document.fileId === fileId)] ?? 0,
            9,
          );
        }
        const scores = found.map(({ score }) => score);
        expect(scores).toEqual(scores.toSorted((a, b) => b - a));
      }),
      { numRuns: 8 },
    );
  });

  test('shows each file once, with its best passage', async () => {
    const { fileId, versionId } = await index([
      'a zebra among many other words of no interest',
      'zebra zebra',
    ]);
    expect(await keyword('zebra')).toMatchObject([{ fileId, versionId, index: 1 }]);
  });

  test('finds a document that still waits for its vectors', async () => {
    const { fileId } = await index(['basalt']);
    expect(await keyword('basalt')).toMatchObject([{ fileId }]);
    expect((await search.search(user, 'basalt', { keyword: true, vector: undefined }, 10)).coverage).toEqual({
      indexed: 0,
      pending: 1,
      failed: 0,
      skipped: 0,
    });
  });

  test('scores as if nobody else had any files', async () => {
    await index(['zebra quartz']);
    await index(['lemur']);
    const alone = await keyword('zebra');
    for (let others = 0; others < 5; others += 1)
      await index(['zebra zebra basalt'], undefined, newId('usr'));
    expect(await keyword('zebra')).toEqual(alone);
  });

  test.each([
    "'",
    "''; drop table x",
    '\\',
    "it\\'s",
    'a:* & !b | (c',
    'the of and',
    '🎉',
    'https://example.com/a?b=c',
    `${'x'.repeat(3_000)}`,
    '名前',
    '"',
  ])('takes the query %j as words and nothing else', async (query) => {
    await index([`zebra ${query}`]);
    const found = await keyword(query);
    expect(found.length).toBeLessThanOrEqual(1);
    expect(await search.passages(query, [{ versionId: newId('ver'), index: 0 }])).toEqual([]);
  });

  test.each(["o'neil", 'back\\slash', 'c:\\temp\\file.txt', '/usr/lib/x.so'])(
    'finds %s again',
    async (text) => {
      const { fileId } = await index([`before ${text} after`]);
      expect(await keyword(text)).toMatchObject([{ fileId }]);
    },
  );
});

describe('the semantic leg', () => {
  const random = (seed: number) =>
    Array.from(
      { length: DIMENSIONS },
      (_, at) => Math.sin(seed * 12.9898 + at * 78.233) * Math.cos(seed + at),
    );
  const cosine = (a: readonly number[], b: readonly number[]) => {
    const dot = (x: readonly number[], y: readonly number[]) =>
      x.reduce((sum, value, at) => sum + value * (y[at] ?? 0), 0);
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };

  async function corpus() {
    const documents: { fileId: string; vectors: number[][] }[] = [];
    for (let at = 0; at < 12; at += 1) {
      const vectors = [random(at * 2), random(at * 2 + 1)];
      documents.push({ ...(await index(['one', 'two'], vectors)), vectors });
    }
    for (let at = 0; at < 6; at += 1) await index(['other'], [random(1_000)], newId('usr'));
    return documents;
  }

  test.each([
    ['one by one in a small scope', false],
    ['through the index in a large one', true],
  ])('compares %s, and shows the best passage of each file as brute force does', async (_, large) => {
    const documents = await corpus();
    if (large) await database.db.execute(sql`update ai.analyses set chunk_count = 60000`);
    const query = random(1_000);
    const expected = documents
      .map(({ fileId, vectors }) => ({
        fileId,
        score: Math.max(...vectors.map((vector) => cosine(query, vector))),
      }))
      .toSorted((a, b) => b.score - a.score);
    const found = await semantic(query);
    expect(found.map(({ fileId }) => fileId)).toEqual(expected.map(({ fileId }) => fileId));
    for (const [at, { score }] of found.entries()) expect(score).toBeCloseTo(expected[at]?.score ?? 0, 5);
    expect(await semantic(query, 5)).toEqual(found.slice(0, 5));
    // The passages of somebody else are nearer than any of these, and more than the index is asked for.
    expect(await semantic(query, 1)).toEqual(found.slice(0, 1));
  });

  test('does not mix the vectors of models', async () => {
    await index(['one'], [random(1)]);
    expect(await semantic([], 10, { model: 'another', values: random(1) })).toEqual([]);
  });
});

describe('what a user may not see', () => {
  test('is in neither leg, nor in the coverage, once it is in the trash or has a newer version', async () => {
    const vector = new Array(DIMENSIONS).fill(1);
    const mine = await index(['heron'], [vector]);
    await index(['heron'], [vector], newId('usr'));
    const trashed = await index(['heron'], [vector]);
    const changed = await index(['heron'], [vector]);
    await database.db.execute(
      sql`update storage.files set trashed_at = now(), trash_root_id = id where id = ${idToUuid(trashed.fileId)}::uuid`,
    );
    const newer = newId('ver');
    await database.db.execute(sql`
      with o as (${newObject(newer)}), v as (
        insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
        values (${idToUuid(newer)}::uuid, ${idToUuid(changed.fileId)}::uuid, ${idToUuid(user)}::uuid, 2,
          ${idToUuid(newer)}::uuid, 1, 'x', ${idToUuid(user)}::uuid)
      )
      update storage.files set current_version_id = ${idToUuid(newer)}::uuid where id = ${idToUuid(changed.fileId)}::uuid`);
    const legs = { keyword: true, vector: { model: MODEL, values: vector } };
    const found = await search.search(user, 'heron', legs, 10);
    expect(found.keyword.map(({ fileId }) => fileId)).toEqual([mine.fileId]);
    expect(found.semantic.map(({ fileId }) => fileId)).toEqual([mine.fileId]);
    expect(found.coverage).toEqual({ indexed: 1, pending: 1, failed: 0, skipped: 0 });
    const other = await addFile(newId('usr'));
    expect(await analyses.find(user, other.fileId)).toBeUndefined();
    expect(await analyses.find(user, trashed.fileId)).toBeUndefined();
    expect(await analyses.find(user, changed.fileId)).toMatchObject({ status: 'pending' });
  });
});

test('a passage is shown around its words, which are marked; marks of the text itself do not count', async () => {
  const filler = 'lorem ipsum dolor '.repeat(40);
  const { versionId } = await index([`${filler} the \uE000quick\uE001 heron flies ${filler}`]);
  const [passage] = await search.passages('herons fly', [{ versionId, index: 0 }]);
  expect(passage).toMatchObject({ versionId, index: 0, start: 0, page: null });
  expect(passage?.marked).toContain('quick \uE000heron\uE001 \uE000flies\uE001');
});
