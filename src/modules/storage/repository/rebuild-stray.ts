import { sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import type { StrayVersion } from '../ports/rebuild.ts';
import { uuid } from './access.ts';

/**
 * A version that only its object knows of: a new version of its file, or a new file in its folder; at the root of its
 * drive when the folder is not there, under another name when that is taken. Once, however often it is called.
 */
export async function addStray(db: Database, stray: StrayVersion): Promise<void> {
  const { object, driveId, sha256 } = stray;
  const at = sql`${stray.createdAt.toISOString()}::timestamptz`;
  const place = sql`
    place as (
      select coalesce(p.drive_id, ${uuid(driveId)}) as drive_id, p.id as parent_id, coalesce(p.scope_id, ${uuid(driveId)}) as scope_id
      from (select 1) one left join storage.files p on p.id = ${uuid(stray.parentId)} and p.kind = 'folder' and p.trashed_at is null
    ), named as (
      select place.*, exists (select from storage.files s where s.place_id = coalesce(place.parent_id, place.drive_id)
        and s.name_key = ${stray.nameKey} and s.trashed_at is null) as is_taken, ' (' || ${uuid(stray.fileId)} || ')' as suffix
      from place
    )`;
  const values = sql`${uuid(object.id)}, ${stray.size}::bigint, ${stray.contentType}, ${stray.announcedType}::text,
    ${uuid(stray.createdBy)}, ${at}`;
  const isNew = sql`not exists (select from storage.versions v where v.id = ${uuid(stray.versionId)})`;
  await db.batch([
    db.execute(
      sql`select storage.ensure_drive(${uuid(driveId)}, ${driveId.startsWith('wsp_') ? 'workspace' : 'person'})`,
    ),
    db.execute(sql`
      insert into storage.objects (id, key, size, sha256, etag, encryption, wrapped_key, verified_at, check_at)
      select ${uuid(object.id)}, ${object.key}, ${stray.size}::bigint, ${sha256}::text, ${sha256 ?? object.id}, ${object.encryption},
        ${object.wrappedKey}::text, ${sha256 === null ? sql`null` : sql`now()`}, now()
      on conflict do nothing`),
    // First the file, then its version, then the file says that it is there: each sees what the one before has done.
    db.execute(sql`
      with ${place}, file as (
        insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, current_version_id, version_count,
          size, created_by, created_at, updated_at)
        select ${uuid(stray.fileId)}, n.drive_id, n.parent_id, n.scope_id, 'file',
          case when n.is_taken then ${stray.name} || n.suffix else ${stray.name} end,
          case when n.is_taken then ${stray.nameKey} || n.suffix else ${stray.nameKey} end,
          ${uuid(stray.versionId)}, 1, ${stray.size}::bigint, ${uuid(stray.createdBy)}, ${at}, ${at}
        from named n on conflict do nothing returning id, drive_id, scope_id
      ), version as (
        insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by, created_at)
        select ${uuid(stray.versionId)}, f.id, f.drive_id, 1, ${values} from file f
      )
      insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
      select 'version.created', f.drive_id, f.scope_id, f.id, ${uuid(stray.versionId)}, ${uuid(stray.createdBy)} from file f`),
    db.execute(sql`
      with file as (
        update storage.files f set version_count = f.version_count + 1, current_version_id = ${uuid(stray.versionId)},
          size = ${stray.size}::bigint, updated_at = ${at}
        where f.id = ${uuid(stray.fileId)} and f.kind = 'file' and ${isNew}
        returning f.id, f.drive_id, f.scope_id, f.version_count
      ), version as (
        insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by, created_at)
        select ${uuid(stray.versionId)}, f.id, f.drive_id, f.version_count, ${values} from file f
      )
      insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
      select 'version.created', f.drive_id, f.scope_id, f.id, ${uuid(stray.versionId)}, ${uuid(stray.createdBy)} from file f`),
  ]);
}
