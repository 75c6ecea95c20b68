import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../../core/database/columns.ts';
import { startTestDatabase, type TestDatabase } from '../../../local/testing/database.ts';
import { createSimilarRepository } from './similar.ts';
import { createTestIndex } from './test-index.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
}, 120_000);
afterAll(() => database.close());

test('the files of others, and what is in the trash, take no places among those that are similar', async () => {
  const files = createTestIndex(database.db);
  const similar = createSimilarRepository(database.db);
  const user = newId('usr');
  for (let n = 0; n < 3; n += 1) await files.add(newId('usr'), ['heron']);
  const trashed = await files.add(user, ['heron']);
  const file = await files.add(user, ['heron']);
  const twin = await files.add(user, ['heron']);
  const foreign = await files.add(newId('usr'), ['heron']);
  await files.trash(trashed.fileId);
  await database.db.execute(sql`update ai.analyses set simhash = 42`);
  for (const limit of [1, 10]) {
    const found = await similar.similar(user, file.fileId, { limit, minScore: 0.5 });
    expect(found).toMatchObject({ candidates: [{ fileId: twin.fileId, kind: 'near-duplicate' }] });
  }
  expect(await similar.similar(user, foreign.fileId, { limit: 10, minScore: 0.5 })).toBeUndefined();
});
