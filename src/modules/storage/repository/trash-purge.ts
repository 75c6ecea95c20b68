import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import { asUser } from '../ports/actor.ts';
import type { GoneDriveRepository, TrashRepository } from '../ports/trash.ts';
import { driveOf, lockDrives, may, uuid } from './access.ts';
import { driveIdOf } from './queries.ts';

/** Put into the trash itself, and not purged. */
export const isTrashRoot = (file: SQL): SQL =>
  sql`(${file}.trash_root_id = ${file}.id and ${file}.trashed_at > storage.purged_at())`;

/** By nobody: the deployment's own doing. */
export const bySystem = (action: string, driveId: string): AuditEntry => ({
  actor: { kind: 'system' },
  action,
  object: { kind: 'drive', id: driveId },
  workspaceId: driveId.startsWith('wsp_') ? driveId : null,
  result: 'success',
});

const driveIdsOf = (rows: readonly Record<string, unknown>[]): string[] =>
  rows.map(({ id, kind }) => driveIdOf(String(id), kind === 'workspace' ? 'workspace' : 'person'));

/** Marks what `chosen` selects as purged; one row each, and one audit entry for all. */
function purgeStatement(chosen: SQL, userId: string | null, audit: AuditEntry): SQL {
  return sql`
    with chosen as (${chosen}), purged as (
      update storage.files f set trashed_at = storage.purged_at(), trashed_by = ${uuid(userId)}
      from chosen where f.id = chosen.id returning f.id
    ), audited as (${auditRows(audit, sql`from (select from purged limit 1) one`)})
    select count(*)::int as count from purged`;
}

/** Older than its drive keeps its trash. */
const isOld = (defaultDays: number): SQL => sql`
  (${isTrashRoot(sql`f`)} and coalesce(d.trash_days, ${defaultDays}::int) > 0
    and f.trashed_at < now() - make_interval(days => coalesce(d.trash_days, ${defaultDays}::int)))`;

/** So that drives that cannot be done do not always come before those that can. */
const inAnyOrder = (limit: number): SQL => sql`group by d.id, d.kind order by random() limit ${limit}`;

export function createPurgeRepository(
  db: Database,
): Pick<
  TrashRepository,
  'purge' | 'empty' | 'drivesWithOldTrash' | 'purgeOld' | 'drivesWithPurged' | 'removePurged'
> {
  const count = async (lock: SQL, statement: SQL) => {
    const [, counted] = await db.batch([db.execute(lockDrives(lock)), db.execute(statement)]);
    return Number(counted.rows[0]?.count);
  };
  return {
    async purge(userId, fileId, audit) {
      const chosen = sql`select f.id from storage.files f
        where f.id = ${uuid(fileId)} and ${isTrashRoot(sql`f`)} and ${may(asUser(userId), 'manager', sql`f`)}`;
      return (await count(driveOf(fileId), purgeStatement(chosen, userId, audit))) > 0;
    },

    empty(userId, driveId, most, audit) {
      const chosen = sql`select f.id from storage.files f
        where f.drive_id = ${uuid(driveId)} and ${isTrashRoot(sql`f`)}
          and storage.rank_in(${uuid(userId)}, ${uuid(driveId)}) >= 4
        order by f.trashed_at limit ${most}`;
      return count(uuid(driveId), purgeStatement(chosen, userId, audit));
    },

    async drivesWithOldTrash(defaultDays, limit) {
      const found = await db.execute(sql`select d.id, d.kind from storage.files f
        join storage.drives d on d.id = f.drive_id where ${isOld(defaultDays)} ${inAnyOrder(limit)}`);
      return driveIdsOf(found.rows);
    },

    async purgeOld(driveId, defaultDays, most) {
      const chosen = sql`select f.id from storage.files f join storage.drives d on d.id = f.drive_id
        where f.drive_id = ${uuid(driveId)} and ${isOld(defaultDays)} order by f.trashed_at limit ${most}`;
      await count(uuid(driveId), purgeStatement(chosen, null, bySystem('trash.expire', driveId)));
    },

    async drivesWithPurged(limit) {
      const found = await db.execute(sql`select d.id, d.kind from storage.files f
        join storage.drives d on d.id = f.drive_id
        where f.trash_root_id = f.id and f.trashed_at = storage.purged_at() ${inAnyOrder(limit)}`);
      return driveIdsOf(found.rows);
    },

    async removePurged(driveId, most) {
      const removed = await db.execute(
        sql`select storage.remove_purged(${uuid(driveId)}, ${most}::int) as count`,
      );
      return Number(removed.rows[0]?.count);
    },
  };
}

export function createGoneDriveRepository(db: Database): GoneDriveRepository {
  return {
    async find(graceDays, limit) {
      const found = await db.execute(sql`select d.id, d.kind
        from auth.gone_since(array(select d.id from storage.drives d)) g join storage.drives d on d.id = g.id
        where g.deleted_at < now() - make_interval(days => ${graceDays}::int) order by g.deleted_at limit ${limit}`);
      return driveIdsOf(found.rows);
    },

    async removeEntries(driveId, most) {
      const removed = await db.execute(
        sql`select storage.remove_from_drive(${uuid(driveId)}, ${most}::int) as count`,
      );
      return Number(removed.rows[0]?.count);
    },

    async remove(driveId) {
      const id = uuid(driveId);
      const isEmpty = sql`not exists (select from storage.files f where f.drive_id = ${id})
        and not exists (select from storage.uploads u where u.drive_id = ${id} and u.state = 'active')`;
      await db.batch([
        db.execute(lockDrives(id)),
        db.execute(sql`delete from storage.grants g where g.principal_id = ${id}`),
        db.execute(sql`delete from storage.links l where l.created_by = ${id}`),
        db.execute(sql`delete from storage.favourites f where f.user_id = ${id}`),
        db.execute(sql`delete from storage.webhooks w where w.drive_id = ${id}`),
        db.execute(sql`
          with scope as (
            delete from storage.scopes s where s.drive_id = ${id} and ${isEmpty}
          ), drive as (
            delete from storage.drives d where d.id = ${id} and ${isEmpty} returning d.id
          )
          ${auditRows(bySystem('drive.purge', driveId), sql`from drive`)}`),
      ]);
    },
  };
}
