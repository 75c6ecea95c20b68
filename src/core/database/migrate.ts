import { NeonDbError, neon, neonConfig } from '@neondatabase/serverless';

/** One generated file of `drizzle/`, in the order of its journal. */
export interface Migration {
  readonly tag: string;
  readonly sql: string;
}

/** First line of a migration whose statements no transaction takes: an index is built while others write. */
export const OUTSIDE_A_TRANSACTION = '-- outside a transaction';
const STATEMENT_BREAK = '--> statement-breakpoint';
/** Any constant will do: whoever migrates this database takes the same lock. */
const LOCK = 'select pg_advisory_xact_lock(727001)';

/**
 * Applies what is missing and returns the tags it applied. Each migration is one transaction together with its
 * entry in the journal, so an interruption leaves whole migrations only and a second run carries on; two runs
 * at once are serialised by a lock and the later one finds the entry taken. One outside of a transaction gets its
 * entry when all of its statements are through, and has to bear being run again from its beginning.
 */
export async function migrate(
  connectionString: string,
  migrations: readonly Migration[],
  endpoint?: string,
): Promise<string[]> {
  if (endpoint) neonConfig.fetchEndpoint = endpoint;
  const sql = neon(connectionString);
  const [, , rows = []] = await sql.transaction([
    sql.query(LOCK),
    sql`create table if not exists public.migrations (
      tag text primary key, applied_at timestamptz not null default now())`,
    sql`select tag from public.migrations`,
  ]);
  const applied = new Set(rows.map((row) => ('tag' in row ? row.tag : undefined)));
  const done: string[] = [];
  for (const { tag, sql: text } of migrations) {
    if (applied.has(tag)) continue;
    const statements = text
      .split(STATEMENT_BREAK)
      .map((statement) => statement.trim())
      .filter((statement) => statement !== '');
    if (text.startsWith(OUTSIDE_A_TRANSACTION)) {
      for (const statement of statements) await sql.query(statement);
      await sql`insert into public.migrations (tag) values (${tag}) on conflict do nothing`;
      done.push(tag);
      continue;
    }
    try {
      await sql.transaction([
        sql.query(LOCK),
        sql`insert into public.migrations (tag) values (${tag})`,
        ...statements.map((statement) => sql.query(statement)),
      ]);
      done.push(tag);
    } catch (error) {
      if (!(error instanceof NeonDbError && error.constraint === 'migrations_pkey')) throw error;
    }
  }
  return done;
}
