import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import type { Priority, RequestedWork, Stage } from '../ports/work.ts';

/**
 * Rows `(version_id, run)`: asks, as part of a larger statement, that these stages are done with versions, given as
 * SQL of type `uuid[]`. See `ai.request_work`; versions that storage no longer has are left out.
 */
export function requestedWork(versionIds: SQL, stages: readonly Stage[], priority: Priority): SQL {
  return sql`ai.request_work(${versionIds}, ${`{${stages.join(',')}}`}::text[], ${priority}::int)`;
}

/** Asks that these stages are done with versions, now; what is being done at this moment is done again. */
export async function requestWork(
  db: Database,
  versionIds: readonly string[],
  stages: readonly Stage[],
  priority: Priority,
): Promise<RequestedWork[]> {
  const ids = sql`${`{${versionIds.map(idToUuid).join(',')}}`}::uuid[]`;
  const { rows } = await db.execute(sql`select version_id, run from ${requestedWork(ids, stages, priority)}`);
  return rows.map((row) => ({ versionId: uuidToId('ver', String(row.version_id)), run: Number(row.run) }));
}
