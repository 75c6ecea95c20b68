import { isNotNull, or, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { drives } from '../../../core/database/schema/storage.ts';
import type { VersionRepository } from '../ports/versions.ts';
import { lockDrives, uuid } from './access.ts';
import { driveIdOf } from './queries.ts';
import { bySystem } from './trash-purge.ts';

/** Of files that are not in the trash: so that they come back from there as they were. */
export function createRetentionRepository(
  db: Database,
): Pick<VersionRepository, 'drivesWithRetention' | 'removeOld'> {
  return {
    async drivesWithRetention(limit) {
      const rows = await db
        .select({ id: drives.id, kind: drives.kind })
        .from(drives)
        .where(or(isNotNull(drives.keepVersions), isNotNull(drives.keepVersionDays)))
        .orderBy(sql`random()`)
        .limit(limit);
      return rows.map(({ id, kind }) => driveIdOf(id, kind));
    },

    async removeOld(driveId, most) {
      const [, removed] = await db.batch([
        db.execute(lockDrives(uuid(driveId))),
        db.execute(sql`
          with old as (
            select v.id, f.scope_id
            from storage.drives d
              join storage.files f on f.drive_id = d.id and f.version_count > 1 and f.trashed_at is null
              cross join lateral (
                select v.id, v.created_at, row_number() over (order by v.number desc) as place
                from storage.versions v where v.file_id = f.id and v.label is null
              ) v
            where d.id = ${uuid(driveId)} and v.id <> f.current_version_id
              and (v.place > d.keep_versions or v.created_at < now() - make_interval(days => d.keep_version_days))
            limit ${most}
          ), removed as (
            delete from storage.versions v using old where v.id = old.id
            returning v.id, v.file_id, v.drive_id, old.scope_id
          ), audited as (
            ${auditRows(bySystem('version.expire', driveId), sql`from (select from removed limit 1) one`)}
          )
          insert into storage.outbox (type, drive_id, scope_id, file_id, version_id)
          select 'version.deleted', r.drive_id, r.scope_id, r.file_id, r.id from removed r returning id`),
      ]);
      return removed.rows.length;
    },
  };
}
