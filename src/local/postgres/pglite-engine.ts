import { startAutovacuum } from './autovacuum.ts';
import { lockDataDir } from './data-dir-lock.ts';
import { PgliteRunner, type PgliteRunnerOptions } from './pglite-runner.ts';
import type { SqlEngine } from './sql-engine.ts';

/**
 * PostgreSQL inside this process, kept in `dataDir`. It has one session, which blocks its thread: it lives in a
 * worker, so that HTTP still answers while a statement runs. Throws DataDirInUseError if another process has the
 * folder.
 */
export async function createPgliteEngine(
  options: PgliteRunnerOptions & { autovacuumMs?: number },
): Promise<SqlEngine> {
  const lock = await lockDataDir(options.dataDir);
  const runner = new PgliteRunner(options);
  try {
    await runner.start();
  } catch (error) {
    await lock.release();
    throw error;
  }
  const query: SqlEngine['query'] = async (statement) => {
    const [result] = await runner.submit([statement]);
    if (!result) throw new Error('PGlite gave no result');
    return result;
  };
  const autovacuum = startAutovacuum({ query }, options.autovacuumMs);
  return {
    query,
    transaction: (queries, mode) => runner.submit(queries, mode),
    async close() {
      await autovacuum.stop();
      await runner.close();
      await lock.release();
    },
  };
}
