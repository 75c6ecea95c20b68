import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless';
import { sql as raw } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/neon-http';
import { bigint, integer, jsonb, pgTable, text, timestamp, vector } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningService } from '../process.ts';
import { startNeonFront } from './neon-front.ts';
import { createPgliteEngine } from './pglite-engine.ts';
import type { SqlEngine } from './sql-engine.ts';

const CREDENTIALS = { user: 'acs', password: 'p@ss/wörd' };
const connectionString = (password = CREDENTIALS.password): string =>
  `postgresql://${CREDENTIALS.user}:${encodeURIComponent(password)}@db.localtest.me/acs`;
const sql = neon(connectionString());

let dataDir: string;
let engine: SqlEngine;
let front: RunningService;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'acs-neon-'));
  engine = await createPgliteEngine({ dataDir, fsync: false, statementTimeoutMs: 30_000, maxQueue: 200 });
  front = await startNeonFront({ engine, host: '127.0.0.1', port: 0, ...CREDENTIALS });
  neonConfig.fetchEndpoint = () => `http://127.0.0.1:${front.port}/sql`;
  await sql`create extension vector`;
  await sql`create extension pg_trgm`;
  await sql`create table notes (id int primary key, body text, size bigint, doc jsonb, at timestamptz, embedding vector(3))`;
});
afterAll(async () => {
  await front.close();
  await engine.close();
  await rm(dataDir, { recursive: true, force: true });
});

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test('the driver reads every type it knows', async () => {
  const at = new Date('2026-01-02T03:04:05.678Z');
  const [row] = await sql`
    select ${'9007199254740993'}::int8 as big, ${true}::bool as yes, ${JSON.stringify({ a: [1, 'ü'] })}::jsonb as doc,
           ${['x', 'y z', '"q"']}::text[] as list, ${at}::timestamptz as at, ${null}::text as nothing,
           ${Buffer.from([0, 255, 10])}::bytea as bytes, ${1.5}::float8 as real, ${'日本語 🗂️'} as words`;
  expect(row).toEqual({
    big: '9007199254740993',
    yes: true,
    doc: { a: [1, 'ü'] },
    list: ['x', 'y z', '"q"'],
    at,
    nothing: null,
    bytes: Buffer.from([0, 255, 10]),
    real: 1.5,
    words: '日本語 🗂️',
  });
});

test('array mode and full results have the shape the driver promises', async () => {
  const full = await sql.query('select 1 as a, 2 as a', [], { arrayMode: true, fullResults: true });
  expect(full).toMatchObject({ command: 'SELECT', rowCount: 1, rows: [[1, 2]], rowAsArray: true });
  expect(full.fields.map((field) => [field.name, field.dataTypeID])).toEqual([
    ['a', 23],
    ['a', 23],
  ]);
});

test('a plain HTTP client that does not ask for arrays gets objects', async () => {
  const response = await fetch(`http://127.0.0.1:${front.port}/sql`, {
    method: 'POST',
    headers: { 'Neon-Connection-String': connectionString(), 'Neon-Raw-Text-Output': 'true' },
    body: JSON.stringify({ query: 'select $1::int as n', params: [7] }),
  });
  expect(await response.json()).toMatchObject({ rows: [{ n: '7' }], rowAsArray: false });
});

test('errors are NeonDbErrors with the SQLSTATE and the constraint', async () => {
  await sql`insert into notes (id) values (1)`;
  const duplicate = await failure(sql`insert into notes (id) values (1)`);
  expect(duplicate).toBeInstanceOf(NeonDbError);
  expect(duplicate).toMatchObject({
    code: '23505',
    constraint: 'notes_pkey',
    table: 'notes',
    schema: 'public',
  });
  expect(await failure(sql`select * from missing`)).toMatchObject({ code: '42P01', position: '15' });
});

test('a wrong password and a wrong user are refused the way Neon does', async () => {
  expect(await failure(neon(connectionString('nope'))`select 1`)).toMatchObject({ code: '28P01' });
  const stranger = neon(connectionString().replace('//acs:', '//root:'));
  expect(await failure(stranger`select 1`)).toMatchObject({ code: '28P01' });
  const response = await fetch(`http://127.0.0.1:${front.port}/sql`, {
    method: 'POST',
    body: '{"query":"select 1"}',
  });
  expect(response.status).toBe(400);
});

test('a batch is one transaction with its isolation level', async () => {
  const [level, only] = await sql.transaction(
    [sql`show transaction_isolation`, sql`show transaction_read_only`],
    {
      isolationLevel: 'RepeatableRead',
      readOnly: true,
    },
  );
  expect(level).toEqual([{ transaction_isolation: 'repeatable read' }]);
  expect(only).toEqual([{ transaction_read_only: 'on' }]);
  const broken = sql.transaction([
    sql`insert into notes (id) values (50)`,
    sql`insert into notes (id) values (1)`,
  ]);
  expect(await failure(broken)).toMatchObject({ code: '23505' });
  expect(await sql`select id from notes where id = 50`).toEqual([]);
});

test('many callers at once each get their own answer', async () => {
  const numbers = Array.from({ length: 100 }, (_, index) => index);
  const answers = await Promise.all(numbers.map((number) => sql`select ${number}::int as n`));
  expect(answers.map(([row]) => row?.n)).toEqual(numbers);
});

test('Drizzle selects, inserts and batches over it', async () => {
  const notes = pgTable('notes', {
    id: integer().primaryKey(),
    body: text(),
    size: bigint({ mode: 'bigint' }),
    doc: jsonb(),
    at: timestamp({ withTimezone: true }),
    embedding: vector({ dimensions: 3 }),
  });
  const db = drizzle({ client: sql });
  const note = {
    id: 100,
    body: 'über ’quotes’',
    size: 9007199254740993n,
    doc: { tags: ['a'] },
    at: new Date('2026-05-06T07:08:09.010Z'),
    embedding: [1, 2, 3],
  };
  expect(await db.insert(notes).values(note).returning()).toEqual([note]);
  const [counted, found] = await db.batch([
    db.select({ n: raw<string>`count(*)` }).from(notes).where(raw`id = 100`),
    db.select().from(notes).where(raw`${notes.doc} @> '{"tags":["a"]}'`),
  ]);
  expect(counted).toEqual([{ n: '1' }]);
  expect(found).toEqual([note]);
  const clash = db.batch([db.insert(notes).values({ id: 101 }), db.insert(notes).values({ id: 100 })]);
  expect(await failure(clash)).toMatchObject({ code: '23505' });
  expect(await db.select({ id: notes.id }).from(notes).where(raw`id = 101`)).toEqual([]);
});

test('vector search runs on an HNSW index with an iterative scan set for its own transaction', async () => {
  await sql`create table points (id int primary key, owner int, at vector(3))`;
  await sql`insert into points select n, n % 50, array[n, n % 7, 1]::vector from generate_series(1, 2000) n`;
  await sql`create index on points using hnsw (at vector_l2_ops)`;
  const [, , rows] = await sql.transaction([
    sql`set local hnsw.iterative_scan = strict_order`,
    sql`set local enable_seqscan = off`,
    sql`select id from points where owner = 3 order by at <-> ${'[3,3,1]'}::vector limit 5`,
  ]);
  expect(rows?.map((row) => row.id)).toHaveLength(5);
  expect(rows?.[0]).toEqual({ id: 3 });
  const [near] = await sql`select ('[1,0,0]'::vector <=> '[0,1,0]'::vector) as distance`;
  expect(near).toEqual({ distance: 1 });
});

test('full-text search and trigrams work', async () => {
  const [row] = await sql`
    select to_tsvector('english', 'The quick foxes') @@ plainto_tsquery('english', 'fox') as hit,
           ts_headline('english', 'The quick foxes', plainto_tsquery('english', 'fox')) as headline,
           similarity('document', 'documents') > 0.5 as similar_word`;
  expect(row).toEqual({ hit: true, headline: 'The quick <b>foxes</b>', similar_word: true });
});

test('a body that is no query and a path that is none are refused', async () => {
  const post = (path: string, body: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${front.port}${path}`, {
      method: 'POST',
      headers: { 'Neon-Connection-String': connectionString() },
      body,
    });
  expect((await post('/sql', '{"query":1}')).status).toBe(400);
  expect((await post('/sql', 'not json')).status).toBe(400);
  expect((await post('/other', '{}')).status).toBe(404);
});

test('a body over 64 MB is refused before it is all there', async () => {
  const response = await fetch(`http://127.0.0.1:${front.port}/sql`, {
    method: 'POST',
    headers: { 'Neon-Connection-String': connectionString() },
    body: JSON.stringify({ query: 'select $1', params: ['x'.repeat(64 * 1024 * 1024)] }),
  }).catch(() => undefined);
  // The server may close the connection while the client still sends.
  expect(response?.status ?? 413).toBe(413);
});

test('health is 200 once the database answers', async () => {
  expect((await fetch(`http://127.0.0.1:${front.port}/healthz`)).status).toBe(200);
});
