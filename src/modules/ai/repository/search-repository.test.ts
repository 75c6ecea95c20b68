import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import type { SearchFilters } from '../models/search.ts';
import type { QueryVector, SearchPlan, SearchRepository } from '../ports/search.ts';
import { parseQuery } from '../service/query-language.ts';
import { createSearchRepository } from './search-repository.ts';
import { createTestIndex, TEST_MODEL } from './test-index.ts';

let database: TestDatabase;
let files: ReturnType<typeof createTestIndex>;
let search: SearchRepository;
let user: string;

beforeAll(async () => {
  database = await startTestDatabase();
  files = createTestIndex(database.db);
  search = createSearchRepository(database.db);
}, 120_000);

afterAll(() => database.close());

beforeEach(async () => {
  user = newId('usr');
  await database.db.execute(sql`truncate ai.analyses, ai.chunks, ai.embeddings cascade`);
});

const DIMENSIONS = 384;
const index = (texts: readonly string[], vectors?: readonly (readonly number[])[], owner = user) =>
  files.add(owner, texts, vectors);

const find = (query: string, plan: Partial<SearchPlan>, filters: SearchFilters = {}) =>
  search.search({ userId: user, filters }, parseQuery(query), {
    keyword: false,
    vectors: [],
    depth: 100,
    ...plan,
  });
const keyword = async (query: string, depth = 100) => (await find(query, { keyword: true, depth })).keyword;
const semantic = async (
  values: readonly number[],
  depth = 100,
  vector: QueryVector = { model: TEST_MODEL, values },
) => (await find('x', { vectors: [vector], depth })).semantic;

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

test('the ranking model is that of the drive that is searched, else the caller’s own, else the deployment’s', async () => {
  const rankedBy = (filters: SearchFilters = {}) => search.rankingModel({ userId: user, filters });
  const choose = (drive: string, model: string) =>
    database.db.execute(sql`insert into ai.model_choices (drive_id, task, model)
      values (${drive}::uuid, 'text-ranking', ${model})`);
  const other = newId('usr');
  expect(await rankedBy()).toBeNull();
  await choose('00000000-0000-0000-0000-000000000000', 'ranker-1');
  expect(await rankedBy()).toBe('ranker-1');
  await choose(idToUuid(user), 'ranker-2');
  await choose(idToUuid(other), 'ranker-3');
  expect([await rankedBy(), await rankedBy({ driveId: other })]).toEqual(['ranker-2', 'ranker-3']);
  await database.db.execute(sql`delete from ai.model_choices where task = 'text-ranking'`);
});

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

  test('counts a word as often as it is there: as far as PostgreSQL keeps its places', async () => {
    const counts = [1, 2, 3, 50, 120, 254, 255];
    const passages = counts.map((count) => Array(count).fill('zebra').concat(['heron']));
    const documents = await Promise.all(passages.map((passage) => index([passage.join(' ')])));
    const expected = bm25(['zebra'], passages);
    for (const { fileId, score } of await keyword('zebra'))
      expect(score).toBeCloseTo(expected[documents.findIndex((file) => file.fileId === fileId)] ?? 0, 9);
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
    expect((await find('basalt', { keyword: true })).coverage).toEqual({
      indexed: 0,
      pending: 1,
      failed: 0,
      skipped: 0,
      reasons: [{ reason: 'pending_vectors', count: 1 }],
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
    expect(await search.passages(parseQuery(query), [{ versionId: newId('ver'), index: 0 }])).toEqual([]);
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

  test.each([
    ['one by one', 1],
    ['through the index', 60_000],
  ])('fills a page for somebody who sees 1 % of all, with what is nearest: %s', async (_, chunkCount) => {
    const OTHERS = 2_970;
    const OWN = 30;
    await Promise.all([files.addFile(user), files.addFile('usr_'.padEnd(36, 'e'))]);
    const vectors = Array.from({ length: OWN }, (_, at) => random(at + 7_000));
    const own = await Promise.all(vectors.map((vector) => index(['own'], [vector])));
    const query = random(1_000);
    // What others have is nearer than all of one's own.
    await addMany('usr_'.padEnd(36, 'e'), OTHERS, query);
    await database.db.execute(sql`update ai.analyses set chunk_count = ${chunkCount}`);
    const expected = own
      .map(({ fileId }, at) => ({ fileId, score: cosine(query, vectors[at] ?? []) }))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, 20)
      .map(({ fileId }) => fileId);
    const found = (await semantic(query, 20)).map(({ fileId }) => fileId);
    expect(found).toHaveLength(20);
    expect(found.filter((id) => expected.includes(id)).length / 20).toBeGreaterThanOrEqual(0.99);
  });

  /** Files of one passage, with vectors around one; `at` in the inner query has it done for each. */
  const addMany = (owner: string, count: number, around: readonly number[]) =>
    database.db.execute(sql`
      with n as materialized (
        select gen_random_uuid() as f, gen_random_uuid() as v, at,
          (select array_agg(x + (random() - 0.5) * 0.2 + at * 0 order by i)
            from unnest(${sql.param([...around])}::float8[]) with ordinality as given (x, i))::vector as embedding
        from generate_series(1, ${count}) at
      ), o as (
        insert into storage.objects (id, key, size, sha256, etag, encryption)
        select v, v::text, 1, repeat(md5(v::text), 2), 'x', 'none' from n
      ), f as (
        insert into storage.files (id, drive_id, scope_id, kind, name, name_key, current_version_id, version_count,
          created_by, size)
        select f, ${idToUuid(owner)}::uuid, ${idToUuid(owner)}::uuid, 'file', f::text, f::text, v, 1,
          ${idToUuid(owner)}::uuid, 1 from n
      ), e as (
        insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
        select v, f, ${idToUuid(owner)}::uuid, 1, v, 1, 'text/plain', ${idToUuid(owner)}::uuid from n
      ), a as (
        insert into ai.analyses (version_id, file_id, status, todo, embedding_model, chunk_count, word_count, language)
        select v, f, 'ready', '{}', ${TEST_MODEL}, 1, 1, 'en' from n
      ), c as (
        insert into ai.chunks (version_id, index, start_offset, end_offset, text, lexemes, length)
        select v, 0, 0, 5, 'other', to_tsvector('simple', 'other'), 1 from n
      )
      insert into ai.embeddings (model, version_id, index, embedding)
      select ${TEST_MODEL}, v, 0, embedding from n`);

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
    await files.trash(trashed.fileId);
    await files.edit(user, changed.fileId);
    const found = await find('heron', { keyword: true, vectors: [{ model: TEST_MODEL, values: vector }] });
    expect(found.keyword.map(({ fileId }) => fileId)).toEqual([mine.fileId]);
    expect(found.semantic.map(({ fileId }) => fileId)).toEqual([mine.fileId]);
    expect(found.coverage).toEqual({
      indexed: 1,
      pending: 1,
      failed: 0,
      skipped: 0,
      reasons: [{ reason: 'pending_text', count: 1 }],
    });
  });
});

test('a passage is shown letter for letter, its words marked; marks of the text itself do not count', async () => {
  const filler = 'lorem ipsum dolor '.repeat(40);
  const { versionId } = await index([`${filler} the \uE000quick\uE001 heron flies ${filler}`]);
  const [passage] = await search.passages(parseQuery('herons fly'), [{ versionId, index: 0 }]);
  expect(passage).toMatchObject({ versionId, index: 0, start: 0, page: null });
  expect(passage?.marked).toContain('quick  \uE000heron\uE001 \uE000flies\uE001');
});
