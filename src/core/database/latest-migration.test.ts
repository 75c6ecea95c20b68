import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readMigrations } from '../../local/migrations.ts';
import { startTestDatabase, type TestDatabase } from '../../local/testing/database.ts';
import { checkDatabase, LATEST_MIGRATION } from './latest-migration.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
}, 120_000);
afterAll(() => database.close());

test('the code knows its own last migration', async () => {
  expect(LATEST_MIGRATION).toBe((await readMigrations()).at(-1)?.tag);
});

test('a database that is behind the code is a fault of the environment, one that is ahead is none', async () => {
  await checkDatabase(database.db);
  await database.db.execute(sql`insert into public.migrations (tag) values ('9999_of-a-newer-release')`);
  await checkDatabase(database.db);
  await database.db.execute(sql`delete from public.migrations where tag = ${LATEST_MIGRATION}`);
  await expect(checkDatabase(database.db)).rejects.toMatchObject({
    name: 'ConfigError',
    faults: [expect.stringContaining(LATEST_MIGRATION)],
  });
});
