import { sql } from 'drizzle-orm';
import { ConfigError } from '../config/config.ts';
import type { Database } from './client.ts';

/** The last one that this code relies on; the database may be ahead of it, never behind. */
export const LATEST_MIGRATION = '0009_traces';

/** @throws ConfigError when the database is behind the code, DependencyError when it does not answer */
export async function checkDatabase(db: Database): Promise<void> {
  const { rows } = await db.execute(
    sql`select exists (select from public.migrations where tag = ${LATEST_MIGRATION}) as "isThere"`,
  );
  if (rows[0]?.isThere !== true)
    throw new ConfigError('database', [`migration ${LATEST_MIGRATION} is missing: run npm run db:migrate`]);
}
