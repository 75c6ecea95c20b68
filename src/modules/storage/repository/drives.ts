import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { type Drive, type DriveSettings, driveSchema } from '../models/drives.ts';
import type { DriveRepository } from '../ports/drives.ts';
import { ensureDrive, uuid } from './access.ts';
import type { QuotaDefaults } from './places.ts';
import { driveIdOf } from './queries.ts';

export function createDriveRepository(db: Database, defaults: QuotaDefaults): DriveRepository {
  const find = (userId: string, driveId: string) =>
    db.execute(selectDrives(defaults, userId, sql`p.id = ${uuid(driveId)}`, 1));
  return {
    async list(userId, after, limit) {
      const beyond = after === null ? sql`true` : sql`p.id > ${uuid(after)}`;
      return (await db.execute(selectDrives(defaults, userId, beyond, limit))).rows.map(toDrive);
    },
    async find(userId, driveId) {
      const [row] = (await find(userId, driveId)).rows;
      return row && toDrive(row);
    },
    async setSettings(userId, driveId, settings, audit) {
      const [, changed, found] = await db.batch([
        db.execute(ensureDrive(userId, driveId)),
        db.execute(sql`
          with changed as (
            update storage.drives d set ${sql.join(assignments(settings), sql`, `)}
            where d.id = ${uuid(driveId)} and storage.rank_in(${uuid(userId)}, d.id) >= 4 returning d.id
          ), audited as (${auditRows(audit, sql`from changed`)})
          select id from changed`),
        find(userId, driveId),
      ]);
      const [row] = found.rows;
      return row && { drive: toDrive(row), changed: changed.rows.length > 0 };
    },
    async setQuota(driveId, { quotaBytes, quotaEntries }, audit) {
      const [, changed] = await db.batch([
        db.execute(sql`
          select storage.ensure_drive(p.id, case when p.kind = 'user' then 'person' else 'workspace' end)
          from auth.principals(array[${uuid(driveId)}]) p where p.kind = ${kindOf(driveId)}`),
        db.execute(sql`
          with changed as (
            update storage.drives d set quota_bytes = ${quotaBytes}::bigint, quota_entries = ${quotaEntries}::bigint
            where d.id = ${uuid(driveId)} and d.kind = ${kindOf(driveId) === 'user' ? 'person' : 'workspace'} returning d.id
          ), audited as (${auditRows(audit, sql`from changed`)})
          select id from changed`),
      ]);
      return changed.rows.length > 0 ? { quotaBytes, quotaEntries } : undefined;
    },
  };
}

const kindOf = (driveId: string): 'user' | 'workspace' => (driveId.startsWith('wsp_') ? 'workspace' : 'user');

/** The user's own and those of their workspaces, with a row or not: what has none yet is empty. */
const selectDrives = (defaults: QuotaDefaults, userId: string, where: SQL, limit: number): SQL => sql`
  select p.id, case when p.kind = 'user' then 'person' else 'workspace' end as kind, p.name,
    storage.role_of(r.rank) as role, coalesce(d.used_bytes, 0) as used_bytes,
    coalesce(d.reserved_bytes, 0) as reserved_bytes, coalesce(d.quota_bytes, ${defaults.bytes}::bigint) as quota_bytes,
    coalesce(d.entry_count, 0) as entries, coalesce(d.quota_entries, ${defaults.entries}::bigint) as quota_entries,
    d.keep_versions, d.keep_version_days, d.trash_days
  from auth.principals(array(select m.principal_id from auth.principals_of(${uuid(userId)}) m)) p
    cross join lateral (select case when p.id = ${uuid(userId)} then 4
      else storage.shared_rank_in(${uuid(userId)}, p.id, p.id) end as rank) r
    left join storage.drives d on d.id = p.id
  where p.kind in ('user', 'workspace') and r.rank is not null and ${where}
  order by p.id limit ${limit}`;

function toDrive(row: Record<string, unknown>): Drive {
  const kind = row.kind === 'workspace' ? 'workspace' : 'person';
  return driveSchema.parse({
    id: driveIdOf(String(row.id), kind),
    kind,
    name: row.name,
    role: row.role,
    usedBytes: Number(row.used_bytes),
    reservedBytes: Number(row.reserved_bytes),
    quotaBytes: Number(row.quota_bytes),
    entries: Number(row.entries),
    quotaEntries: Number(row.quota_entries),
    keepVersions: row.keep_versions,
    keepVersionDays: row.keep_version_days,
    trashDays: row.trash_days,
  });
}

function assignments({ keepVersions, keepVersionDays, trashDays }: DriveSettings): SQL[] {
  return [
    ...(keepVersions === undefined ? [] : [sql`keep_versions = ${keepVersions}::integer`]),
    ...(keepVersionDays === undefined ? [] : [sql`keep_version_days = ${keepVersionDays}::integer`]),
    ...(trashDays === undefined ? [] : [sql`trash_days = ${trashDays}::integer`]),
  ];
}
