import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestDatabase, type TestDatabase } from '../../local/testing/database.ts';
import { migrate, OUTSIDE_A_TRANSACTION } from './migrate.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.close());

const run = (migration: { tag: string; sql: string }) =>
  migrate(database.url, [migration], database.endpoint);
const indexes = async () => {
  const { rows } = await database.db.execute(
    sql`select i.indexrelid::regclass::text as name, i.indisvalid as valid from pg_index i
      where i.indrelid = 'public.planted'::regclass`,
  );
  return rows;
};

it('a migration outside of a transaction builds an index while others write, and is entered once', async () => {
  const build = {
    tag: '9001_index',
    sql: `${OUTSIDE_A_TRANSACTION}
DROP INDEX CONCURRENTLY IF EXISTS public.planted_a;--> statement-breakpoint
CREATE INDEX CONCURRENTLY planted_a ON public.planted (a);`,
  };
  await run({ tag: '9000_table', sql: 'CREATE TABLE public.planted (a integer);' });
  expect(await run(build)).toEqual(['9001_index']);
  expect(await indexes()).toEqual([{ name: 'planted_a', valid: true }]);
  expect(await run(build)).toEqual([]);
});

it('one that fails half-way is not entered, and the next run begins it again', async () => {
  const statements = (last: string) => `${OUTSIDE_A_TRANSACTION}
DROP INDEX CONCURRENTLY IF EXISTS public.planted_b;--> statement-breakpoint
CREATE INDEX CONCURRENTLY planted_b ON public.planted (a);--> statement-breakpoint
${last}`;
  await expect(run({ tag: '9002_two', sql: statements('SELECT 1 / 0;') })).rejects.toThrow(
    'division by zero',
  );
  expect(await run({ tag: '9002_two', sql: statements('SELECT 1;') })).toEqual(['9002_two']);
  expect(await indexes()).toContainEqual({ name: 'planted_b', valid: true });
});

it('one in a transaction that fails leaves nothing of itself', async () => {
  const broken = {
    tag: '9003_broken',
    sql: 'CREATE TABLE public.left_over (a integer);--> statement-breakpoint\nSELECT 1 / 0;',
  };
  await expect(run(broken)).rejects.toThrow('division by zero');
  const { rows } = await database.db.execute(sql`select to_regclass('public.left_over') as found`);
  expect(rows).toEqual([{ found: null }]);
});
