import { logLine } from '../process.ts';
import type { SqlEngine } from './sql-engine.ts';

const INTERVAL_MS = 10_000;

/** PostgreSQL's own thresholds (autovacuum_vacuum_* and autovacuum_analyze_*). */
const DUE = `
  select format('vacuum (analyze) %I.%I', schemaname, relname) as command
  from pg_stat_user_tables where n_dead_tup > 50 + 0.2 * n_live_tup
  union all
  select format('analyze %I.%I', schemaname, relname)
  from pg_stat_user_tables
  where n_mod_since_analyze > 50 + 0.1 * n_live_tup and n_dead_tup <= 50 + 0.2 * n_live_tup`;

/**
 * PGlite is a PostgreSQL without background processes: nothing gathers the statistics that plans depend on, and
 * nothing removes dead rows. This does both, one table at a time, between the queries of everyone else.
 */
export function startAutovacuum(
  engine: Pick<SqlEngine, 'query'>,
  intervalMs: number = INTERVAL_MS,
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const round = async (): Promise<void> => {
    const due = await engine.query({ text: DUE, params: [] });
    for (const [command] of due.rows) {
      if (stopped || typeof command !== 'string') return;
      await engine.query({ text: command, params: [] });
    }
  };

  const timer = setInterval(() => {
    running = running
      .then(round)
      .catch((error: unknown) => logLine('postgres', 'autovacuum failed', { reason: String(error) }));
  }, intervalMs);
  return {
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
