import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPgEngine } from './pg-engine.ts';
import { createPgliteEngine } from './pglite-engine.ts';
import { type SqlEngine, SqlError, type SqlResult } from './sql-engine.ts';

const STATEMENT_TIMEOUT_MS = 1_500;

interface Subject {
  engine: SqlEngine;
  release(): Promise<void>;
}

const subjects: Record<string, () => Promise<Subject>> = {
  async PGlite() {
    const dataDir = await mkdtemp(join(tmpdir(), 'acs-pglite-'));
    const options = { dataDir, fsync: false, statementTimeoutMs: STATEMENT_TIMEOUT_MS, maxQueue: 50 };
    return {
      engine: await createPgliteEngine(options),
      release: () => rm(dataDir, { recursive: true, force: true }),
    };
  },
};
const databaseUrl = process.env.TEST_DATABASE_URL;
if (databaseUrl) {
  subjects.PostgreSQL = async () => ({
    engine: createPgEngine({ databaseUrl, statementTimeoutMs: STATEMENT_TIMEOUT_MS, maxConnections: 4 }),
    release: async () => undefined,
  });
}

describe.each(Object.entries(subjects))('a SQL engine on %s', (_name, create) => {
  let subject: Subject;
  const query = (text: string, ...params: (string | null)[]): Promise<SqlResult> =>
    subject.engine.query({ text, params });
  const codeOf = (work: Promise<unknown>): Promise<string | undefined> =>
    work.then(
      () => undefined,
      (error: unknown) => (error instanceof SqlError ? error.fields.code : String(error)),
    );

  beforeAll(async () => {
    subject = await create();
    await query('drop table if exists engine_test');
    await query('create table engine_test (id int primary key, note text)');
  });
  afterAll(async () => {
    await subject.engine.close();
    await subject.release();
  });

  test('values come back as the text PostgreSQL prints, whatever their type', async () => {
    const result = await query(
      `select $1::int8 as big, $2::bool as yes, $3::jsonb as doc, $4::text[] as list, $5::bytea as raw,
              $6::uuid as id, $7::timestamptz as at, $8::numeric as amount, $9::text as nothing`,
      '9007199254740993',
      'true',
      '{"a":[1,null]}',
      '{x,"y z",NULL}',
      '\\x00ff',
      '0190a000-0000-7000-8000-000000000001',
      '2026-01-02T03:04:05.678901Z',
      '1.50',
      null,
    );
    expect(result.rows).toEqual([
      [
        '9007199254740993',
        't',
        '{"a": [1, null]}',
        '{x,"y z",NULL}',
        '\\x00ff',
        '0190a000-0000-7000-8000-000000000001',
        '2026-01-02 03:04:05.678901+00',
        '1.50',
        null,
      ],
    ]);
    expect(result.fields.map((field) => field.dataTypeID)).toEqual([
      20, 16, 3802, 1009, 17, 2950, 1184, 1700, 25,
    ]);
  });

  test('the command and the row count come from the command tag', async () => {
    const inserted = await query('insert into engine_test values (1, $1), (2, $1)', 'x');
    expect(inserted).toMatchObject({ command: 'INSERT', rowCount: 2, rows: [] });
    expect(await query('create table if not exists engine_test (id int)')).toMatchObject({
      command: 'CREATE',
      rowCount: null,
    });
    expect(await query('select 1 where false')).toMatchObject({ command: 'SELECT', rowCount: 0, rows: [] });
  });

  test('an error carries its SQLSTATE and what PostgreSQL says about it', async () => {
    await query('insert into engine_test values (10)');
    const error = await query('insert into engine_test values (10)').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(SqlError);
    expect(error).toMatchObject({
      fields: { code: '23505', constraint: 'engine_test_pkey', table: 'engine_test', severity: 'ERROR' },
    });
    expect(await codeOf(query('select * from no_such_table'))).toBe('42P01');
    expect(await codeOf(query('selec'))).toBe('42601');
    expect(await codeOf(query('select $1::int', 'x'))).toBe('22P02');
  });

  test('several statements in one query are refused', async () => {
    expect(await codeOf(query('select 1; select 2'))).toBe('42601');
  });

  test('an error in a transaction undoes all of it', async () => {
    const insert = (id: string): { text: string; params: string[] } => ({
      text: 'insert into engine_test values ($1)',
      params: [id],
    });
    expect(await codeOf(subject.engine.transaction([insert('20'), insert('21'), insert('20')], {}))).toBe(
      '23505',
    );
    expect((await query('select id from engine_test where id in (20, 21)')).rows).toEqual([]);
  });

  test('a transaction has the isolation level and the access mode it asks for', async () => {
    const show = ['transaction_isolation', 'transaction_read_only', 'transaction_deferrable'].map((name) => ({
      text: `show ${name}`,
      params: [],
    }));
    const results = await subject.engine.transaction(show, {
      isolationLevel: 'Serializable',
      readOnly: true,
      deferrable: true,
    });
    expect(results.map((result) => result.rows[0]?.[0])).toEqual(['serializable', 'on', 'on']);
    const write = [{ text: 'insert into engine_test values (30)', params: [] }];
    expect(await codeOf(subject.engine.transaction(write, { readOnly: true }))).toBe('25006');
  });

  test('a SET does not reach the next caller, and neither does an open transaction', async () => {
    await query("set statement_timeout = '77s'");
    expect((await query('show statement_timeout')).rows[0]?.[0]).not.toBe('77s');
    await query('begin');
    await query('insert into engine_test values (40)');
    expect((await query('select id from engine_test where id = 40')).rows).toEqual([['40']]);
  });

  test('SET LOCAL holds for the statements of its own transaction', async () => {
    const results = await subject.engine.transaction(
      [
        { text: "set local work_mem = '5MB'", params: [] },
        { text: 'show work_mem', params: [] },
      ],
      {},
    );
    expect(results[1]?.rows).toEqual([['5MB']]);
    expect((await query('show work_mem')).rows).not.toEqual([['5MB']]);
  });

  test('COPY from the client is an error, not a wait', async () => {
    expect(await codeOf(query('copy engine_test from stdin'))).toBeDefined();
    expect((await query('select 1')).rows).toEqual([['1']]);
  });

  test('a statement over the time-out is ended, and the next one is answered', async () => {
    const started = performance.now();
    expect(await codeOf(query('select count(*) from generate_series(1, 2000000000)'))).toBe('57014');
    expect(performance.now() - started).toBeLessThan(STATEMENT_TIMEOUT_MS + 3_000);
    expect((await query('select count(*) from engine_test where id = 10')).rows).toEqual([['1']]);
  });
});
