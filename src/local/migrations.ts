import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Migration } from '../core/database/migrate.ts';

const DIR = join(import.meta.dirname, '../../drizzle');
const journalSchema = z.object({ entries: z.array(z.object({ idx: z.int(), tag: z.string() })) });

/** The generated migrations, in the order of their journal. */
export async function readMigrations(): Promise<Migration[]> {
  const journal = journalSchema.parse(JSON.parse(await readFile(join(DIR, 'meta/_journal.json'), 'utf8')));
  const entries = journal.entries.toSorted((a, b) => a.idx - b.idx);
  return Promise.all(
    entries.map(async ({ tag }) => ({ tag, sql: await readFile(join(DIR, `${tag}.sql`), 'utf8') })),
  );
}
