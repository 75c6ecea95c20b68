import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { files, objects, versions } from '../../../core/database/schema/storage.ts';
import { currentTraceparent } from '../../../core/telemetry/tracer.ts';
import { asUser } from '../ports/actor.ts';
import type { VersionRefusal, VersionRepository } from '../ports/versions.ts';
import { driveOf, isVisibleTo, lockDrives, may, rankIn, uuid } from './access.ts';
import type { QuotaDefaults } from './places.ts';
import { firstFile, objectColumns, selectFiles, versionColumns } from './queries.ts';
import { fits } from './uploads.ts';
import { createRetentionRepository } from './version-retention.ts';

export function createVersionRepository(db: Database, defaults: QuotaDefaults): VersionRepository {
  return {
    ...createRetentionRepository(db),

    list: (actor, fileId, before, limit) =>
      selectVersions(db)
        .where(
          and(
            eq(versions.fileId, fileId),
            before === null ? undefined : lt(versions.number, before),
            isVisibleTo(actor),
          ),
        )
        .orderBy(desc(versions.number))
        .limit(limit),

    async find(actor, fileId, versionId) {
      const rows = await selectVersions(db).where(
        and(eq(versions.id, versionId), eq(versions.fileId, fileId), isVisibleTo(actor)),
      );
      return rows[0];
    },

    restore: (userId, fileId, versionId, restored) =>
      restore(db, defaults, userId, { fileId, versionId }, restored),

    async label(userId, fileId, versionId, label) {
      const statement = sql`
        with labelled as (
          update storage.versions v set label = ${label}::text from storage.files f
          where ${versionOf(fileId, versionId)} and ${may(asUser(userId), 'editor', sql`f`)}
          returning f.id as file_id, f.drive_id, f.scope_id, v.id
        )
        insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
        select 'version.labelled', l.drive_id, l.scope_id, l.file_id, l.id, ${uuid(userId)} from labelled l returning id`;
      return write(db, userId, { fileId, versionId }, statement);
    },

    async remove(userId, fileId, versionId, audit) {
      const statement = sql`
        with removed as (
          delete from storage.versions v using storage.files f
          where ${versionOf(fileId, versionId)} and f.current_version_id <> v.id
            and ${may(asUser(userId), 'manager', sql`f`)}
          returning f.id as file_id, f.drive_id, f.scope_id, v.id
        ), audited as (${auditRows(audit, sql`from removed`)})
        insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
        select 'version.deleted', r.drive_id, r.scope_id, r.file_id, r.id, ${uuid(userId)} from removed r returning id`;
      return write(db, userId, { fileId, versionId }, statement);
    },
  };
}

interface Which {
  readonly fileId: string;
  readonly versionId: string;
}

function selectVersions(db: Database) {
  return db
    .select({
      ...versionColumns,
      object: objectColumns,
      current: sql<boolean>`${versions.id} = ${files.currentVersionId}`,
    })
    .from(versions)
    .innerJoin(objects, eq(objects.id, versions.objectId))
    .innerJoin(files, eq(files.id, versions.fileId))
    .$dynamic();
}

const versionOf = (fileId: string, versionId: string): SQL =>
  sql`v.id = ${uuid(versionId)} and v.file_id = f.id and f.id = ${uuid(fileId)} and f.trashed_at is null`;

/** What there is to say when nothing came of it. */
const diagnosis = (userId: string, { fileId, versionId }: Which): SQL => sql`
  select ${rankIn(asUser(userId), sql`f`)} as rank, v.id is not null as there, v.id = f.current_version_id as current
  from storage.files f left join storage.versions v on v.id = ${uuid(versionId)} and v.file_id = f.id
  where f.id = ${uuid(fileId)} and f.trashed_at is null`;

const refusalOf = (row: Record<string, unknown> | undefined): VersionRefusal => ({
  rank: Number(row?.rank ?? 0),
  isThere: row?.there === true,
  isCurrent: row?.current === true,
});

async function write(
  db: Database,
  userId: string,
  which: Which,
  statement: SQL,
): Promise<'done' | VersionRefusal> {
  const [, written, found] = await db.batch([
    db.execute(lockDrives(driveOf(which.fileId))),
    db.execute(statement),
    db.execute(diagnosis(userId, which)),
  ]);
  return written.rows.length > 0 ? 'done' : refusalOf(found.rows[0]);
}

async function restore(
  db: Database,
  defaults: QuotaDefaults,
  userId: string,
  which: Which,
  restored: { readonly versionId: string; readonly expectedVersionId: string | null },
): ReturnType<VersionRepository['restore']> {
  const actor = asUser(userId);
  const { versionId, expectedVersionId } = restored;
  const isExpected =
    expectedVersionId === null ? sql`true` : sql`f.current_version_id = ${uuid(expectedVersionId)}`;
  const statement = sql`
    with old as (
      select v.* from storage.versions v
      where v.id = ${uuid(which.versionId)} and v.file_id = ${uuid(which.fileId)}
    ), target as (
      update storage.files f set current_version_id = ${uuid(versionId)}, version_count = f.version_count + 1,
        size = old.size, updated_at = now()
      from old, storage.drives d
      where f.id = old.file_id and d.id = f.drive_id and f.trashed_at is null and ${may(actor, 'editor', sql`f`)}
        and ${isExpected} and ${fits(sql`old.size`, defaults)}
      returning f.id, f.version_count, f.drive_id, f.scope_id
    ), version as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by)
      select ${uuid(versionId)}, target.id, target.drive_id, target.version_count, old.object_id, old.size,
        old.content_type, old.announced_type, ${uuid(userId)} from target, old
      returning id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id, traceparent)
    select 'version.created', target.drive_id, target.scope_id, target.id, version.id, ${uuid(userId)},
      ${currentTraceparent() ?? null}::text
    from target, version returning id`;
  const [, written, rows, found, condition] = await db.batch([
    db.execute(lockDrives(driveOf(which.fileId))),
    db.execute(statement),
    selectFiles(db, actor)(eq(files.id, which.fileId)),
    db.execute(diagnosis(userId, which)),
    db.execute(sql`select ${isExpected} as met from storage.files f where f.id = ${uuid(which.fileId)}`),
  ]);
  const file = firstFile(rows);
  if (written.rows.length > 0 && file !== undefined) return file;
  const refusal = refusalOf(found.rows[0]);
  if (refusal.rank < 3 || !refusal.isThere) return refusal;
  return condition.rows[0]?.met === true ? 'quota_exceeded' : 'precondition_failed';
}
