import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { idToUuid, newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import type { SearchFilters, SearchMode } from '../models/search.ts';
import type { Candidate, SearchPlan, SearchRepository } from '../ports/search.ts';
import { parseQuery } from '../service/query-language.ts';
import { createSearchRepository } from './search-repository.ts';
import { createTestIndex, TEST_MODEL } from './test-index.ts';

let database: TestDatabase;
let files: ReturnType<typeof createTestIndex>;
let search: SearchRepository;
let user: string;
const uuid = (id: string) => sql`${idToUuid(id)}::uuid`;

beforeAll(async () => {
  database = await startTestDatabase();
  files = createTestIndex(database.db);
  search = createSearchRepository(database.db);
}, 120_000);
afterAll(() => database.close());
beforeEach(async () => {
  user = newId('usr');
});

const vector = { model: TEST_MODEL, values: [1, 0, 0] };
const find = (query: string, filters: SearchFilters = {}, plan: Partial<SearchPlan> = {}) =>
  search.search({ userId: user, filters }, parseQuery(query), {
    keyword: true,
    vectors: [],
    depth: 100,
    ...plan,
  });
const ids = (candidates: readonly Candidate[]) => candidates.map(({ fileId }) => fileId);
const found = async (query: string, filters: SearchFilters = {}) =>
  ids((await find(query, filters)).keyword).sort();
const add = async (text: string, options = {}) =>
  (await files.add(user, [text], [[1, 0, 0]], options)).fileId;

describe('the query language', () => {
  test('asks for a phrase in its order, in every leg', async () => {
    const straight = await add('the quick brown fox');
    await add('a brown and quick fox');
    expect(await found('"quick brown"')).toEqual([straight]);
    const { semantic } = await find('"quick brown"', {}, { vectors: [vector] });
    expect(ids(semantic)).toEqual([straight]);
  });

  test('leaves out what a word or a phrase excludes, in every leg, and by the name too', async () => {
    const wanted = await add('heron by the river');
    await add('heron in winter');
    await add('heron at the cold lake');
    await add('heron', { name: 'winter.txt' });
    const query = 'heron -winter -"cold lake"';
    expect(await found(query)).toEqual([wanted]);
    expect(ids((await find(query, {}, { vectors: [vector] })).semantic)).toEqual([wanted]);
  });

  test('finds the beginning of words', async () => {
    const fileId = await add('vaccination of kittens');
    await add('vacant rooms');
    expect(await found('vacci*')).toEqual([fileId]);
    expect(await found('kittens*')).toEqual([fileId]);
    expect(await found('zebra*')).toEqual([]);
  });

  test('of only a negation, stop words or signs finds nothing by words', async () => {
    await add('anything at all');
    for (const query of ['-winter', 'the of and', ':*', '\\', '"', '- - "', '***', '""', '-""'])
      expect(await found(query), query).toEqual([]);
  });

  test('takes operators of PostgreSQL and numbers as words', async () => {
    const fileId = await add('the list [1,NaN] was sent');
    expect(await found('[1,NaN]')).toEqual([fileId]);
    expect(await found("nan' | !x <-> (y")).toEqual([fileId]);
  });

  test('finds words of scripts without spaces, and pictures, in the middle of others', async () => {
    const fileId = await add('これは日本語の財務報告書です。');
    const fox = await add('he sent a 🦊 yesterday');
    await add('これは何ですか');
    expect(await found('財務報告書')).toEqual([fileId]);
    expect(await found('報告')).toEqual([fileId]);
    expect(await found('🦊')).toEqual([fox]);
    expect(await found('日本 -財務')).toEqual([]);
  });
});

describe('names', () => {
  const names = async (query: string) => ids((await find(query)).names);

  test('are found by their words, whether or not the content is known, and as soon as they are given', async () => {
    const { fileId } = await files.addFile(user, { name: 'Budget_2026-final.xlsx' });
    expect(await names('budget')).toEqual([fileId]);
    await database.db.execute(
      sql`update storage.files set name = 'Forecast.xlsx', name_key = 'forecast.xlsx' where id = ${uuid(fileId)}`,
    );
    expect(await names('budget')).toEqual([]);
    expect(await names('forecasts')).toEqual([fileId]);
  });

  test('of others, and in the trash, are not', async () => {
    await files.addFile(newId('usr'), { name: 'budget.txt' });
    await files.trash((await files.addFile(user, { name: 'budget.txt' })).fileId);
    expect(await names('budget')).toEqual([]);
  });
});

describe('filters', () => {
  test('by what storage knows hold in both legs', async () => {
    const owner = newId('usr');
    const folder = await files.addFolder(user, 'in');
    const deep = await files.addFolder(user, 'deep', folder);
    const fileId = await add('heron', {
      parentId: deep,
      contentType: 'application/pdf; version=1',
      size: 5_000,
      tags: ['a', 'b'],
      metadata: { project: 'x"y' },
      createdBy: owner,
    });
    await add('heron', { contentType: 'image/png' });
    const day = new Date().toISOString().slice(0, 10);
    const holding: SearchFilters[] = [
      { folderId: folder },
      { type: ['document'] },
      { type: ['application/pdf'] },
      { type: ['application/*', 'video'] },
      { tag: ['a', 'b'] },
      { owner },
      { minSize: 2, maxSize: 5_000 },
      { metadata: { project: 'x"y' } },
      { folderId: folder, type: ['document'], tag: ['a'], owner, createdAfter: day, updatedAfter: day },
    ];
    for (const filters of holding) {
      const both = await find('heron', filters, { vectors: [vector] });
      expect([ids(both.keyword), ids(both.semantic)], JSON.stringify(filters)).toEqual([[fileId], [fileId]]);
    }
    const failing: SearchFilters[] = [
      { folderId: newId('file') },
      { type: ['audio'] },
      { tag: ['a', 'c'] },
      { minSize: 5_001 },
      { createdBefore: '2001-01-01T00:00:00+02:00' },
      { driveId: newId('usr') },
      { metadata: { project: 'z' } },
      { language: ['de'] },
      { category: ['nothing'] },
      { field: { total: { min: '1' } } },
    ];
    for (const filters of failing) expect(await found('heron', filters), JSON.stringify(filters)).toEqual([]);
  });

  test('by a folder that the caller does not see find nothing, even of a file in it that they do see', async () => {
    const other = newId('usr');
    const folder = await files.addFolder(other, 'theirs');
    const { fileId } = await files.add(other, ['heron'], [[1, 0, 0]], { parentId: folder });
    await files.run([
      sql`insert into storage.scopes (id, drive_id, parent_id) values (${uuid(fileId)}, ${uuid(other)}, ${uuid(other)})`,
      sql`update storage.files set scope_id = id where id = ${uuid(fileId)}`,
      sql`insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by)
        values (${uuid(newId('grt'))}, ${uuid(fileId)}, 'user', ${uuid(user)}, 'viewer', ${uuid(other)})`,
    ]);
    expect(await found('heron')).toEqual([fileId]);
    expect(await found('heron', { folderId: folder })).toEqual([]);
  });

  test('by category follow what a person has said', async () => {
    const { fileId, versionId } = await files.add(user, ['heron'], [[1, 0, 0]]);
    await database.db.execute(
      sql`insert into ai.categories (version_id, label, score) values (${uuid(versionId)}, 'Invoice', 0.9)`,
    );
    expect(await found('heron', { category: ['invoice'] })).toEqual([fileId]);
    const label = newId('lbl');
    const say = (name: string, positive: boolean) =>
      database.db.execute(sql`insert into ai.label_examples (drive_id, label, file_id, positive, created_by)
        values (${uuid(user)}, ${name}, ${uuid(fileId)}, ${positive}, ${uuid(user)})`);
    await database.db.execute(
      sql`insert into ai.labels (id, drive_id, name, created_by) values (${uuid(label)}, ${uuid(user)}, 'Birds', ${uuid(user)})`,
    );
    await say('Invoice', false);
    await say(label, true);
    expect(await found('heron', { category: ['invoice'] })).toEqual([]);
    expect(await found('heron', { category: ['birds'] })).toEqual([fileId]);
    expect(await found('heron', { category: [label] })).toEqual([fileId]);
    const facets = await search.facets({ userId: user, filters: {} }, parseQuery('heron'), [], ['category']);
    expect(facets.category).toEqual([{ value: label, name: 'Birds', count: 1 }]);
  });

  test('by fields compare numbers as numbers and dates as dates', async () => {
    const { fileId, versionId } = await files.add(user, ['heron']);
    await database.db.execute(sql`insert into ai.field_values (version_id, name, value, number, confidence, start_offset, end_offset)
      values (${uuid(versionId)}, 'total', 'EUR 90.00', 90, 1, 0, 1), (${uuid(versionId)}, 'due', '2026-05-01', null, 1, 0, 1)`);
    for (const field of [
      { total: { min: '9', max: '100' } },
      { total: { value: 'eur 90.00' } },
      { due: { min: '2026-04-30', max: '2026-05-01' } },
    ])
      expect(await found('heron', { field })).toEqual([fileId]);
    for (const field of [{ total: { min: '100' } }, { due: { max: '2026-04-30' } }])
      expect(await found('heron', { field })).toEqual([]);
  });
});

test('facets count all files that match, and nothing that is not visible', async () => {
  await add('heron', { tags: ['x'], contentType: 'image/png' });
  await add('heron heron', { tags: ['x', 'y'] });
  await add('something else', { tags: ['z'] });
  await files.add(newId('usr'), ['heron'], undefined, { tags: ['secret'] });
  const facets = await search.facets(
    { userId: user, filters: {} },
    parseQuery('heron'),
    [],
    ['type', 'tag', 'language', 'owner'],
  );
  expect(facets).toEqual({
    matches: 2,
    complete: true,
    type: [
      { value: 'image', count: 1 },
      { value: 'text', count: 1 },
    ],
    tag: [
      { value: 'x', count: 2 },
      { value: 'y', count: 1 },
    ],
    language: [{ value: 'en', count: 2 }],
    owner: [{ value: user, count: 2 }],
  });
});

test('words like one that is nowhere are those of the caller alone', async () => {
  await add('the vaccination of kittens');
  await files.add(newId('usr'), ['vacination']);
  const like = await search.likeWords({ userId: user, filters: {} }, ['vacination', 'kiten']);
  expect(like.get('vacination')?.map(({ word }) => word)).toEqual(['vaccin']);
  expect(like.get('kiten')?.[0]?.sample).toBe('the vaccination of kittens');
});

test('old versions are found when they are asked for, and the one of a time', async () => {
  const first = await files.add(user, ['zebra'], [[1, 0, 0]]);
  const second = await files.edit(user, first.fileId, ['lemur'], [[1, 0, 0]]);
  await database.db.execute(
    sql`update storage.versions set created_at = '2020-01-01' where id = ${uuid(first.versionId)}`,
  );
  expect(await found('zebra')).toEqual([]);
  const old = (await find('zebra', { versions: 'all' })).keyword;
  expect(old).toMatchObject([{ fileId: first.fileId, versionId: first.versionId }]);
  expect((await find('zebra', { asOf: '2021-01-01' })).keyword).toMatchObject([
    { versionId: first.versionId },
  ]);
  expect(await found('lemur', { asOf: '2021-01-01' })).toEqual([]);
  expect((await find('lemur', { versions: 'all' })).keyword).toMatchObject([{ versionId: second.versionId }]);
  await files.trash(first.fileId);
  expect(await found('zebra', { versions: 'all' })).toEqual([]);
  expect(await found('zebra', { asOf: '2021-01-01' })).toEqual([]);
});

test('freshness is that of the worst version, for the mode that was asked for', async () => {
  const ready = await files.add(user, ['a'], [[1, 0, 0]]);
  const worded = await files.add(user, ['b']);
  const unread = await files.addFile(user);
  const foreign = await files.add(newId('usr'), ['c'], [[1, 0, 0]]);
  const of = async (mode: SearchMode, ...versions: { versionId: string }[]) =>
    (await find('x', {}, { freshness: { mode, versionIds: versions.map(({ versionId }) => versionId) } }))
      .freshness;
  expect(await of('hybrid', ready)).toBe('current');
  expect(await of('keyword', ready, worded)).toBe('current');
  expect(await of('semantic', ready, worded)).toBe('pending');
  expect(await of('keyword', unread)).toBe('pending');
  expect(await of('keyword', foreign)).toBe('gone');
  await database.db.execute(
    sql`update ai.analyses set status = 'failed' where version_id = ${uuid(ready.versionId)}`,
  );
  expect(await of('keyword', ready, foreign)).toBe('failed');
});

test('coverage tells by reason what cannot be found, in the place that was asked for', async () => {
  const folder = await files.addFolder(user, 'here');
  const options = { parentId: folder };
  await files.addFile(user, options);
  await files.add(user, ['a'], undefined, options);
  await files.add(user, ['a'], [[1, 0, 0]], options);
  await files.addFile(user);
  const failing = await files.add(user, [], undefined, options);
  const set = (reason: string) =>
    database.db.execute(
      sql`update ai.analyses set status = 'failed', reason = ${reason} where version_id = ${uuid(failing.versionId)}`,
    );
  await set('The PDF is encrypted; it needs a password to be read.');
  const { coverage } = await find('x', { folderId: folder });
  expect(coverage).toMatchObject({ indexed: 1, pending: 2, failed: 1, skipped: 0 });
  const reasons = Object.fromEntries(coverage.reasons.map(({ reason, count }) => [reason, count]));
  expect(reasons).toEqual({ pending_text: 1, pending_vectors: 1, encrypted: 1 });
});

test('vectors of a model are searched in the drives that have chosen it only', async () => {
  await files.add(user, ['a'], [[1, 0, 0]]);
  const near = (drives: string[]) => find('x', {}, { keyword: false, vectors: [{ ...vector, drives }] });
  expect((await near([idToUuid(user)])).semantic).toHaveLength(1);
  expect((await near([idToUuid(newId('usr'))])).semantic).toHaveLength(0);
});
