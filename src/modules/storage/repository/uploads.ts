import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { drives, files, uploads } from '../../../core/database/schema/storage.ts';
import { MAX_DEPTH, nameKey, numberedName } from '../models/names.ts';
import { asUser } from '../ports/actor.ts';
import type { Upload, UploadBeginning, UploadRepository } from '../ports/uploads.ts';
import { driveOf, driveOfUpload, ensureDrive, lockDrives, rankIn, uuid } from './access.ts';
import { completeUpload, ENDED_DAYS } from './complete-upload.ts';
import { driveOfPlace, orNameConflict, placeFor, type QuotaDefaults } from './places.ts';
import { driveIdOf } from './queries.ts';

export function createUploadRepository(db: Database, defaults: QuotaDefaults): UploadRepository {
  return {
    begin: (beginning) => begin(db, defaults, beginning),

    async find(uploadId) {
      const [row] = await db
        .select({ upload: uploads, kind: drives.kind })
        .from(uploads)
        .innerJoin(drives, eq(drives.id, uploads.driveId))
        .where(eq(uploads.id, uploadId));
      return row && toUpload(row.upload, driveIdOf(row.upload.driveId, row.kind));
    },

    async resize(uploadId, size) {
      const [, done, still] = await db.batch([
        db.execute(lockDrives(driveOfUpload(uploadId))),
        db.execute(sql`
          with reserved as (
            update storage.drives d set reserved_bytes = d.reserved_bytes + ${size}::bigint - u.reserved_bytes
            from storage.uploads u where u.id = ${uuid(uploadId)} and u.state = 'active' and u.size is null
              and d.id = u.drive_id and ${fits(sql`${size}::bigint - u.reserved_bytes`, defaults)}
            returning d.id)
          update storage.uploads u set size = ${size}, reserved_bytes = ${size} from reserved
          where u.id = ${uuid(uploadId)} returning u.id`),
        db.execute(sql`select from storage.uploads u
          where u.id = ${uuid(uploadId)} and u.state = 'active' and (u.size is null or u.size = ${size})`),
      ]);
      if (done.rows.length > 0) return 'resized';
      return still.rows.length > 0 ? 'quota_exceeded' : 'not_active';
    },

    complete: (uploadId, end) => orNameConflict(completeUpload(db, defaults, uploadId, end)),

    async abort(uploadId, reason, bytesMayComeSeconds) {
      const [, done] = await db.batch([
        db.execute(lockDrives(driveOfUpload(uploadId))),
        db.execute(sql`
          with ended as (
            update storage.uploads u set state = 'aborted', reason = ${reason}, lease_until = null,
              expires_at = now() + ${ENDED_DAYS} * interval '1 day'
            where u.id = ${uuid(uploadId)} and u.state = 'active'
            returning u.drive_id, u.reserved_bytes, u.object_key, u.tail_key
          ), released as (
            update storage.drives d set reserved_bytes = d.reserved_bytes - ended.reserved_bytes
            from ended where d.id = ended.drive_id
          ), deletions as (
            insert into storage.object_deletions (object_key, next_attempt_at)
            select k.key, now() + ${bytesMayComeSeconds} * interval '1 second'
            from ended, lateral (values (ended.object_key), (ended.tail_key)) k (key) where k.key is not null
            on conflict do nothing
          )
          select from ended`),
      ]);
      return done.rows.length > 0;
    },

    async freeName(placeId, name) {
      // More at a time where there are many: whoever sends one name again and again must not make each call longer.
      for (let number = 2, count = 50; ; number += count, count = Math.min(20 * count, 4_000)) {
        const names = Array.from({ length: count }, (_, index) => numberedName(name, number + index));
        const taken = await db
          .select({ nameKey: files.nameKey })
          .from(files)
          .where(
            and(
              eq(files.placeId, idToUuid(placeId)),
              isNull(files.trashedAt),
              sql`${files.nameKey} = any(${sql.param(names.map(nameKey))})`,
            ),
          );
        const keys = new Set(taken.map((row) => row.nameKey));
        const free = names.find((candidate) => !keys.has(nameKey(candidate)));
        if (free !== undefined) return free;
      }
    },

    async sibling(placeId, key) {
      const [row] = await db
        .select({ id: files.id, kind: files.kind })
        .from(files)
        .where(and(eq(files.placeId, idToUuid(placeId)), eq(files.nameKey, key), isNull(files.trashedAt)));
      return row;
    },
  };
}

export const fits = (more: SQL, defaults: QuotaDefaults): SQL =>
  sql`d.used_bytes + d.reserved_bytes + ${more} <= coalesce(d.quota_bytes, ${defaults.bytes}::bigint)`;

/** The place of a new file, or the file that gets a new version: drive, rank, depth and what stands in the way. */
function destination(beginning: UploadBeginning): SQL {
  const { userId, targetId } = beginning;
  if (targetId === null)
    return sql`select place.*, sibling.id as sibling_id, sibling.kind as sibling_kind, 1 as entries, null::uuid as current
      from (${placeFor(userId, beginning)}) place
      left join storage.files sibling on sibling.place_id = coalesce(place.parent_id, place.drive_id)
        and sibling.name_key = ${beginning.nameKey} and sibling.trashed_at is null`;
  return sql`select f.drive_id, f.parent_id, f.scope_id, ${rankIn(asUser(userId), sql`f`)} as rank, 0 as depth,
      null::uuid as sibling_id, f.kind as sibling_kind, 0 as entries, f.current_version_id as current
    from storage.files f where f.id = ${uuid(targetId)} and f.trashed_at is null`;
}

async function begin(
  db: Database,
  defaults: QuotaDefaults,
  beginning: UploadBeginning,
): ReturnType<UploadRepository['begin']> {
  const { targetId, expectedVersionId, conflict, size } = beginning;
  const free =
    targetId !== null
      ? sql`there.sibling_kind = 'file' and ${expectedVersionId === null ? sql`true` : sql`there.current = ${uuid(expectedVersionId)}`}`
      : conflict === 'rename'
        ? sql`true`
        : conflict === 'replace'
          ? sql`there.sibling_kind is distinct from 'folder'`
          : sql`there.sibling_id is null`;
  const statement = sql`
    with there as (${destination(beginning)}),
    reserved as (
      update storage.drives d set reserved_bytes = d.reserved_bytes + ${size ?? 0}::bigint from there
      where d.id = there.drive_id and there.rank >= 3 and there.depth < ${MAX_DEPTH} and ${free}
        and ${fits(sql`${size ?? 0}::bigint`, defaults)}
        and d.entry_count + there.entries <= coalesce(d.quota_entries, ${defaults.entries}::bigint)
      returning d.id
    )
    ${insertUpload(beginning)} from reserved returning id`;
  const lock = lockDrives(targetId === null ? driveOfPlace(beginning) : driveOf(targetId));
  const [, , begun, there] = await db.batch([
    db.execute(ensureDrive(beginning.userId, beginning.driveId)),
    db.execute(lock),
    db.execute(statement),
    db.execute(sql`select there.*, ${free} as free from (${destination(beginning)}) there`),
  ]);
  return begun.rows.length > 0 ? 'begun' : refusalOf(there.rows[0], targetId !== null);
}

function insertUpload(b: UploadBeginning): SQL {
  return sql`
    insert into storage.uploads (id, door, user_id, link_id, drive_id, parent_id, target_id, expected_version_id, name,
      conflict, content_type, size, reserved_bytes, announced_sha256, file_id, version_id, object_id, object_key,
      encryption, wrapped_key, store_upload_id, part_bytes, metadata, expires_at)
    select ${uuid(b.id)}, ${b.door}, ${uuid(b.userId)}, ${uuid(b.linkId)}, reserved.id, ${uuid(b.parentId)},
      ${uuid(b.targetId)}, ${uuid(b.expectedVersionId)}, ${b.name}, ${b.conflict}, ${b.contentType}, ${b.size}::bigint,
      ${b.size ?? 0}::bigint, ${b.announcedSha256}, ${uuid(b.fileId)}, ${uuid(b.versionId)}, ${uuid(b.object.id)},
      ${b.object.key}, ${b.object.encryption}, ${b.object.wrappedKey}, ${b.storeUploadId}, ${b.partBytes}::bigint,
      ${b.metadata}, now() + ${b.lifetimeSeconds} * interval '1 second'`;
}

/** What kept an upload from beginning, in the order in which people are told. */
function refusalOf(there: Record<string, unknown> | undefined, isVersion: boolean) {
  const rank = Number(there?.rank ?? 0);
  if (there === undefined || rank === 0) return isVersion ? 'file_not_found' : 'folder_not_found';
  if (rank < 3) return 'role_required';
  if (isVersion && there.sibling_kind === 'folder') return 'not_a_file';
  if (there.free !== true) return isVersion ? 'precondition_failed' : 'name_conflict';
  return Number(there.depth) >= MAX_DEPTH ? 'folder_too_deep' : 'quota_exceeded';
}

export function toUpload(row: typeof uploads.$inferSelect, driveId: string): Upload {
  const { objectId, objectKey, encryption, wrappedKey, ...rest } = row;
  return { ...rest, driveId, object: { id: objectId, key: objectKey, encryption, wrappedKey } };
}
