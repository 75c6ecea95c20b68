import { setTimeout as sleep } from 'node:timers/promises';
import { type SQL, sql } from 'drizzle-orm';
import { newId } from '../src/core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../src/local/testing/database.ts';
import { keywordLeg } from '../src/modules/ai/repository/keyword-leg.ts';
import { createSearchRepository } from '../src/modules/ai/repository/search-repository.ts';
import { INDEX_SCAN, semanticLeg } from '../src/modules/ai/repository/semantic-leg.ts';
import { createTestIndex, TEST_MODEL } from '../src/modules/ai/repository/test-index.ts';
import { parseQuery } from '../src/modules/ai/service/query-language.ts';
import { type BenchResult, inTurns, median } from './result.ts';

/**
 * The database's part of a hybrid search over 100,000 passages (two legs, coverage and freshness in one transaction)
 * against its two SQL legs sent by hand, one after the other. In the local PostgreSQL, or on the server of
 * `TEST_DATABASE_URL`. Words are drawn by Zipf's law; vectors are random, which is the hard case for their index.
 */

const FILES = 25_000;
const PASSAGES_PER_FILE = 4;
const FILES_AT_ONCE = 1_000;
const WORDS_PER_PASSAGE = 120;
const VOCABULARY = 30_000;
const DIMENSIONS = 384;
const DEPTH = 100;
const QUERIES = 20;
const ROUNDS = 3;
const INDEX_MS = 20 * 60_000;

export async function run(): Promise<BenchResult[]> {
  const database = await startTestDatabase();
  try {
    const userId = await fill(database);
    const search = createSearchRepository(database.db);
    const scope = { userId, filters: {} };
    const times: { whole: number; legs: number }[] = [];
    for (let n = 0; n < QUERIES; n += 1) {
      const terms = parseQuery(queryOf(n));
      const vector = { model: TEST_MODEL, values: vectorOf(n) };
      const legs: SQL[] = [keywordLeg(scope, terms, DEPTH, 1), semanticLeg(scope, terms, vector, DEPTH, 1)];
      const [whole = Number.NaN, byHand = Number.NaN] = await inTurns(ROUNDS, [
        () => timed(() => search.search(scope, terms, { keyword: true, vectors: [vector], depth: DEPTH })),
        () => timed(() => inOrder(database, legs)),
      ]);
      times.push({ whole, legs: byHand });
    }
    const whole = times.map((time) => time.whole).sort((a, b) => a - b);
    return [
      {
        name: `hybrid search over ${FILES * PASSAGES_PER_FILE} passages / its two legs by hand (p50)`,
        ours: median(whole),
        reference: median(times.map((time) => time.legs)),
        unit: 'ms',
        aim: { atMost: 1.3 },
      },
      { name: `  the slowest of ${QUERIES} queries`, ours: whole.at(-1) ?? Number.NaN, unit: 'ms' },
    ];
  } finally {
    await database.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** With the settings that the vector leg needs, which last as long as their transaction. */
async function inOrder({ db }: TestDatabase, statements: readonly SQL[]): Promise<void> {
  for (const statement of statements) await db.batch([db.execute(INDEX_SCAN), db.execute(statement)]);
}

/** One drive with all of it; @returns whose it is */
async function fill({ db }: TestDatabase): Promise<string> {
  const owner = newId('usr');
  const { fileId } = await createTestIndex(db).addFile(owner);
  const drive = sql`(select drive_id from storage.files where id = ${fileId.slice(fileId.indexOf('_') + 1)}::uuid)`;
  for (let from = 0; from < FILES; from += FILES_AT_ONCE) {
    await db.execute(sql`
      with drive as (select ${drive} as id), n as materialized (
        select gen_random_uuid() as f, gen_random_uuid() as v from generate_series(1, ${FILES_AT_ONCE})
      ), passage as materialized (
        select n.v, p.i - 1 as i, words.t, to_tsvector('english', words.t) as lexemes
        from n cross join generate_series(1, ${PASSAGES_PER_FILE}) p (i) cross join lateral (
          select string_agg('w' || floor(${VOCABULARY}::float8 ^ random())::integer + w * 0, ' ') as t
          from generate_series(1, ${WORDS_PER_PASSAGE}) w where p.i > 0 and n.v is not null
        ) words
      ), o as (
        insert into storage.objects (id, key, size, sha256, etag, encryption)
        select v, v::text, 1, repeat(md5(v::text), 2), 'x', 'none' from n
      ), f as (
        insert into storage.files (id, drive_id, scope_id, kind, name, name_key, current_version_id, version_count,
          created_by, size)
        select f, drive.id, drive.id, 'file', f::text, f::text, v, 1, drive.id, 1 from n, drive
      ), e as (
        insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
        select v, f, drive.id, 1, v, 1, 'text/plain', drive.id from n, drive
      ), a as (
        insert into ai.analyses (version_id, file_id, status, todo, embedding_model, chunk_count, word_count, language)
        select v, f, 'ready', '{}', ${TEST_MODEL}, ${PASSAGES_PER_FILE}, ${PASSAGES_PER_FILE * WORDS_PER_PASSAGE}, 'en' from n
      ), c as (
        insert into ai.chunks (version_id, index, start_offset, end_offset, text, lexemes, length)
        select v, i, 0, char_length(t), t, lexemes, ${WORDS_PER_PASSAGE} from passage
      )
      insert into ai.embeddings (model, version_id, index, embedding)
      select ${TEST_MODEL}, v, i, (
        select array_agg(random() - 0.5) from generate_series(1, ${DIMENSIONS}) d where passage.v is not null
      )::vector(${sql.raw(String(DIMENSIONS))}) from passage`);
  }
  await buildIndex(db);
  for (const table of ['storage.files', 'storage.versions', 'ai.analyses', 'ai.chunks', 'ai.embeddings'])
    await db.execute(sql`analyze ${sql.raw(table)}`);
  return owner;
}

/** It takes minutes, and the product's client does not wait for so long: the server goes on by itself. */
async function buildIndex(db: TestDatabase['db']): Promise<void> {
  await db.execute(sql`select set_config('maintenance_work_mem', '512MB', false)`);
  await db.execute(sql`select ai.add_embedding_model(${TEST_MODEL}, ${DIMENSIONS})`).catch(() => undefined);
  const until = performance.now() + INDEX_MS;
  while (performance.now() < until) {
    const found = await db
      .execute(sql`select from ai.embedding_models where model = ${TEST_MODEL}`)
      .catch(() => undefined);
    if (found?.rows.length === 1) return;
    await sleep(1_000);
  }
  throw new Error('the index of the vectors was not built in time');
}

/** Two to six words, from frequent to rare. */
const queryOf = (n: number): string =>
  Array.from(
    { length: 2 + (n % 5) },
    (_, at) => `w${Math.ceil(VOCABULARY ** ((((n + 1) * 0.37 + at * 0.29) % 0.9) + 0.1))}`,
  ).join(' ');

const vectorOf = (n: number): number[] =>
  Array.from({ length: DIMENSIONS }, (_, at) => Math.sin((n + 1) * 12.9898 + at * 78.233) * 0.5);
