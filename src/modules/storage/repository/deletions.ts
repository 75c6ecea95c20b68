import { inArray, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { objectDeletions } from '../../../core/database/schema/storage.ts';
import type { DeletionRepository } from '../ports/deletions.ts';

/** What is needed after all waits, and keeps nothing else waiting. */
const isUnused = sql`not exists (select from storage.objects o where o.key = d.object_key)
  and not (starts_with(d.object_key, 'keys/') and storage.is_kept(d.object_key))`;

export function createDeletionRepository(db: Database): DeletionRepository {
  return {
    async claim(limit, leaseSeconds) {
      const claimed = await db.execute(sql`
        with due as (
          select d.object_key from storage.object_deletions d where d.next_attempt_at <= now() and ${isUnused}
          order by d.next_attempt_at limit ${limit} for update skip locked
        )
        update storage.object_deletions d set attempts = d.attempts + 1,
          next_attempt_at = now() + least(${leaseSeconds} * power(2, least(d.attempts, 6)), 3600) * interval '1 second'
        from due where d.object_key = due.object_key
        returning d.object_key`);
      return claimed.rows.map((row) => String(row.object_key));
    },

    async done(keys) {
      if (keys.length > 0)
        await db.delete(objectDeletions).where(inArray(objectDeletions.objectKey, [...keys]));
    },
  };
}
