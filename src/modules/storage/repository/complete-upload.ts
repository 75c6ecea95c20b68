import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { currentTraceparent } from '../../../core/telemetry/tracer.ts';
import { MAX_DEPTH } from '../models/names.ts';
import type { UploadEnd, UploadRepository } from '../ports/uploads.ts';
import { driveOf, driveOfUpload, uuid } from './access.ts';
import { hasRoom, isLocked, lockAndNameDrives, type QuotaDefaults } from './places.ts';

/** For so long the row of an upload that has ended can still be asked about. */
export const ENDED_DAYS = 7;

/**
 * The end of an upload as one transaction. Everything hangs on the upload still being active and on its user still
 * being allowed to write there; otherwise nothing happens, and what is found is looked at to say why.
 * @throws the violation of `files_sibling_name_key` when the name was taken meanwhile
 */
export async function completeUpload(
  db: Database,
  defaults: QuotaDefaults,
  uploadId: string,
  end: UploadEnd,
): ReturnType<UploadRepository['complete']> {
  // The folder, or the file, may have gone to another drive since the upload began.
  const destination =
    end.target.kind === 'version'
      ? driveOf(end.target.fileId)
      : sql`(select p.drive_id from storage.uploads u join storage.files p on p.id = u.parent_id
          where u.id = ${uuid(uploadId)})`;
  const [, , found] = await db.batch([
    db.execute(lockAndNameDrives(driveOfUpload(uploadId), destination)),
    db.execute(
      end.target.kind === 'create'
        ? createStatement(defaults, uploadId, end)
        : versionStatement(defaults, uploadId, end),
    ),
    db.execute(diagnosis(defaults, uploadId, end)),
  ]);
  return outcomeOf(found.rows[0], end);
}

const active = (uploadId: string): SQL =>
  sql`upload as (select u.* from storage.uploads u where u.id = ${uuid(uploadId)} and u.state = 'active')`;

const newObject = (end: UploadEnd, source: SQL): SQL => sql`
  object as (
    insert into storage.objects (id, key, size, sha256, etag, announced_sha256, encryption, wrapped_key, verified_at, check_at)
    select upload.object_id, upload.object_key, ${end.size}::bigint, ${end.sha256}::text,
      coalesce(${end.sha256}::text, 'obj_' || replace(upload.object_id::text, '-', '')), upload.announced_sha256,
      upload.encryption, upload.wrapped_key, case when ${end.sha256 !== null} then now() end,
      case when ${end.checkDue} then now() end
    from upload, ${source}
    returning id)`;

/** The drive `d` has held room for the bytes since the upload began, or, being another one by now, has it. */
const holds = (defaults: QuotaDefaults, { size }: UploadEnd, upload: SQL): SQL =>
  sql`(d.id = ${upload}.drive_id or ${hasRoom(sql`d`, defaults, { bytes: sql`${size}::bigint`, entries: sql`0` })})`;

/** Settles the quota, ends the upload, and tells; `written` is what came of it. */
const ending = (uploadId: string): SQL => sql`
  settled as (
    update storage.drives d set reserved_bytes = d.reserved_bytes - upload.reserved_bytes
    from upload, written where d.id = upload.drive_id
  ), ended as (
    update storage.uploads u set state = 'completed', target_id = written.file_id, lease_until = null,
      expires_at = now() + ${ENDED_DAYS} * interval '1 day' from written
    where u.id = ${uuid(uploadId)}
  )
  insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id, traceparent, payload)
  select 'version.created', written.drive_id, written.scope_id, written.file_id, upload.version_id, upload.user_id,
    ${currentTraceparent() ?? null}::text, case when upload.link_id is null then '{}'::jsonb else jsonb_build_object('linkId', upload.link_id) end
  from upload, written returning id`;

function createStatement(defaults: QuotaDefaults, uploadId: string, end: UploadEnd): SQL {
  const { name, nameKey } = end.target.kind === 'create' ? end.target : { name: '', nameKey: '' };
  return sql`
    with ${active(uploadId)},
    place as (
      select d.id as drive_id, p.id as parent_id, coalesce(p.scope_id, d.id) as scope_id
      from upload
        left join storage.files p on p.id = upload.parent_id and p.kind = 'folder' and p.trashed_at is null
        join storage.drives d on d.id = coalesce(p.drive_id, upload.drive_id)
      where (upload.parent_id is null or p.id is not null)
        and storage.rank_in(upload.user_id, coalesce(p.scope_id, d.id)) >= 3
        and (upload.link_id is null or storage.link_reaches(upload.link_id, coalesce(p.scope_id, d.id)))
        and storage.depth_of(p.id) < ${MAX_DEPTH}
        and d.entry_count < coalesce(d.quota_entries, ${defaults.entries}::bigint)
        and ${isLocked(sql`d.id`)} and ${holds(defaults, end, sql`upload`)}
    ),
    ${newObject(end, sql`place`)},
    file as (
      insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, current_version_id,
        version_count, size, created_by)
      select upload.file_id, place.drive_id, place.parent_id, place.scope_id, 'file', ${name}, ${nameKey},
        upload.version_id, 1, ${end.size}::bigint, upload.user_id
      from upload, place, object
      returning id, drive_id, scope_id
    ), written as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by)
      select upload.version_id, file.id, file.drive_id, 1, object.id, ${end.size}::bigint, ${end.contentType},
        ${end.announcedType}, upload.user_id
      from upload, file, object
      returning file_id, drive_id, (select file.scope_id from file) as scope_id
    ), ${ending(uploadId)}`;
}

/** A file that was found by its name (`conflict: replace`) has it still, and is where it was. */
const isMeant = ({ target }: UploadEnd, upload: SQL): SQL =>
  target.kind === 'create' || target.foundAs === undefined
    ? sql`true`
    : sql`(f.name_key = ${target.foundAs} and f.place_id = coalesce(${upload}.parent_id, ${upload}.drive_id))`;

function versionStatement(defaults: QuotaDefaults, uploadId: string, end: UploadEnd): SQL {
  const { fileId, expectedVersionId } =
    end.target.kind === 'version' ? end.target : { fileId: '', expectedVersionId: null };
  return sql`
    with ${active(uploadId)},
    target as (
      update storage.files f set current_version_id = upload.version_id, version_count = f.version_count + 1,
        size = ${end.size}::bigint, updated_at = now()
      from upload, storage.drives d where f.id = ${uuid(fileId)} and f.kind = 'file' and f.trashed_at is null
        and d.id = f.drive_id and ${holds(defaults, end, sql`upload`)} and ${isMeant(end, sql`upload`)}
        and storage.rank_in(upload.user_id, f.scope_id) >= 3 and ${isLocked(sql`f.drive_id`)}
        and ${expectedVersionId === null ? sql`true` : sql`f.current_version_id = ${uuid(expectedVersionId)}`}
      returning f.id, f.version_count, f.drive_id, f.scope_id
    ),
    ${newObject(end, sql`target`)},
    written as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by)
      select upload.version_id, target.id, target.drive_id, target.version_count, object.id, ${end.size}::bigint,
        ${end.contentType}, ${end.announcedType}, upload.user_id
      from upload, target, object
      returning file_id, drive_id, (select target.scope_id from target) as scope_id
    ), ${ending(uploadId)}`;
}

/** The upload as it is now, and what its user may do at its destination. */
function diagnosis(defaults: QuotaDefaults, uploadId: string, end: UploadEnd): SQL {
  const { target } = end;
  const there =
    target.kind === 'create'
      ? sql`left join storage.files f on f.id = u.parent_id and f.kind = 'folder' and f.trashed_at is null`
      : sql`left join storage.files f on f.id = ${uuid(target.fileId)} and f.trashed_at is null and ${isMeant(end, sql`u`)}`;
  return sql`
    select u.state, u.target_id, u.version_id, u.parent_id, f.id as there, f.kind,
      ${isLocked(sql`coalesce(f.drive_id, u.drive_id)`)} as locked,
      storage.depth_of(u.parent_id) as depth, ${holds(defaults, end, sql`u`)} as holds,
      case when u.link_id is null or storage.link_reaches(u.link_id, coalesce(f.scope_id, u.drive_id))
        then storage.rank_in(u.user_id, coalesce(f.scope_id, u.drive_id)) end as rank
    from storage.uploads u ${there} left join storage.drives d on d.id = coalesce(f.drive_id, u.drive_id)
    where u.id = ${uuid(uploadId)}`;
}

function outcomeOf(
  found: Record<string, unknown> | undefined,
  { target }: UploadEnd,
): Awaited<ReturnType<UploadRepository['complete']>> {
  if (found === undefined || found.state === 'aborted') return 'aborted';
  if (found.state === 'completed')
    return {
      fileId: uuidToId('file', String(found.target_id)),
      versionId: uuidToId('ver', String(found.version_id)),
    };
  const gone = target.kind === 'version' ? 'file_not_found' : 'folder_not_found';
  const needsThere = target.kind === 'version' || found.parent_id !== null;
  const rank = Number(found.rank ?? 0);
  if ((needsThere && found.there === null) || rank === 0) return gone;
  if (rank < 3) return 'role_required';
  if (found.locked !== true) return 'changed_meanwhile';
  if (found.holds !== true) return 'quota_exceeded';
  if (target.kind === 'version') return found.kind === 'folder' ? 'not_a_file' : 'precondition_failed';
  return Number(found.depth) >= MAX_DEPTH ? 'folder_too_deep' : 'quota_exceeded';
}
