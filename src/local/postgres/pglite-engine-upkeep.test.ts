import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createPgliteEngine } from './pglite-engine.ts';
import type { SqlEngine } from './sql-engine.ts';

let dataDir: string;
let engine: SqlEngine;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'acs-autovacuum-'));
  engine = await createPgliteEngine({
    dataDir,
    fsync: false,
    statementTimeoutMs: 60_000,
    maxQueue: 100,
    autovacuumMs: 100,
  });
});

afterAll(async () => {
  await engine.close();
  await rm(dataDir, { recursive: true, force: true });
});

const run = (text: string) => engine.query({ text, params: [] });

test('a table that has grown is analysed without anyone asking, so that plans know its size', async () => {
  await run('create table grown as select generate_series(1, 5000) as n');
  await vi.waitFor(
    async () => {
      const { rows } = await run("select reltuples from pg_class where relname = 'grown'");
      expect(rows[0]?.[0]).toBe('5000');
    },
    { timeout: 10_000, interval: 100 },
  );
});

test('dead rows are removed', async () => {
  await run('create table churned as select generate_series(1, 2000) as n');
  await run('update churned set n = n + 1');
  await vi.waitFor(
    async () => {
      const { rows } = await run(
        "select vacuum_count > 0 from pg_stat_user_tables where relname = 'churned'",
      );
      expect(rows[0]?.[0]).toBe('t');
    },
    { timeout: 10_000, interval: 100 },
  );
});

test('a statement that is repeated keeps working when the schema changes under its plan', async () => {
  await run('create table changing (n int)');
  for (let time = 0; time < 8; time += 1) await run('select * from changing');
  await run('alter table changing add column m int');
  const { fields } = await run('select * from changing');
  expect(fields.map(({ name }) => name)).toEqual(['n', 'm']);
});

test('a repeated statement that fails goes on failing in the same way, and then works', async () => {
  await run('create table once (n int primary key)');
  const insert = () => run('insert into once values (1)');
  await insert();
  for (let time = 0; time < 5; time += 1)
    await expect(insert()).rejects.toMatchObject({ fields: { code: '23505' } });
  await run('delete from once');
  await insert();
});
