import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { MAX_DEPTH } from '../models/names.ts';
import { asUser } from '../ports/actor.ts';
import type { FileRepository, Place } from '../ports/files.ts';
import { driveOf, ensureDrive, lockDrives, may, uuid } from './access.ts';
import { firstFile, selectFiles } from './queries.ts';

export async function orNameConflict<T>(operation: Promise<T>): Promise<T | 'name_conflict'> {
  try {
    return await operation;
  } catch (error) {
    if (violatesUnique(error, 'files_sibling_name_key')) return 'name_conflict';
    throw error;
  }
}

/** Where something new goes, one row if the place is there at all: drive, scope, rank of the user, depth. */
export const placeFor = (userId: string, { driveId, parentId }: Omit<Place, 'name' | 'nameKey'>): SQL =>
  parentId === null
    ? sql`select d.id as drive_id, null::uuid as parent_id, d.id as scope_id,
        storage.rank_in(${uuid(userId)}, d.id) as rank, 0 as depth
        from storage.drives d where d.id = ${uuid(driveId)}`
    : sql`select p.drive_id, p.id as parent_id, p.scope_id,
        storage.rank_in(${uuid(userId)}, p.scope_id) as rank, storage.depth_of(p.id) as depth
        from storage.files p where p.id = ${uuid(parentId)} and p.kind = 'folder' and p.trashed_at is null`;

export const driveOfPlace = ({ driveId, parentId }: Omit<Place, 'name' | 'nameKey'>): SQL =>
  parentId === null ? uuid(driveId) : driveOf(parentId);

export async function insertFolder(
  db: Database,
  defaultEntries: number,
  userId: string,
  id: string,
  place: Place,
): ReturnType<FileRepository['insertFolder']> {
  const statement = sql`
    with place as (${placeFor(userId, place)}),
    folder as (
      insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, created_by)
      select ${uuid(id)}, place.drive_id, place.parent_id, place.scope_id, 'folder', ${place.name}, ${place.nameKey},
        ${uuid(userId)}
      from place join storage.drives d on d.id = place.drive_id
      where place.rank >= 3 and place.depth < ${MAX_DEPTH}
        and d.entry_count < coalesce(d.quota_entries, ${defaultEntries})
      returning id, drive_id, scope_id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
    select 'folder.created', folder.drive_id, folder.scope_id, folder.id, ${uuid(userId)} from folder returning id`;
  const result = await orNameConflict(
    db.batch([
      db.execute(ensureDrive(userId, place.driveId)),
      db.execute(lockDrives(driveOfPlace(place))),
      db.execute(statement),
      selectFiles(db, asUser(userId))(eq(files.id, id)),
      db.execute(placeFor(userId, place)),
    ]),
  );
  if (result === 'name_conflict') return result;
  const [, , written, rows, found] = result;
  return (written.rows.length > 0 ? firstFile(rows) : undefined) ?? refusalOf(found.rows[0]);
}

function refusalOf(
  place: Record<string, unknown> | undefined,
): 'folder_not_found' | 'role_required' | 'folder_too_deep' | 'quota_exceeded' {
  const rank = Number(place?.rank ?? 0);
  if (rank === 0) return 'folder_not_found';
  if (rank < 3) return 'role_required';
  return Number(place?.depth) >= MAX_DEPTH ? 'folder_too_deep' : 'quota_exceeded';
}

/** Renames, moves, or both. `not_moved`: the target is no folder of the user's, or lies below the file itself. */
export async function updateFile(
  db: Database,
  userId: string,
  fileId: string,
  change: { name?: string; nameKey?: string; parentId?: string | null },
): ReturnType<FileRepository['update']> {
  const { name, nameKey, parentId } = change;
  const actor = asUser(userId);
  const statement = sql`
    with recursive above (id, parent_id) as (
      select p.id, p.parent_id from storage.files p
      where p.id = ${uuid(parentId ?? null)} and p.kind = 'folder' and p.trashed_at is null
        and ${may(actor, 'editor', sql`p`)}
      union all
      select p.id, p.parent_id from storage.files p join above on p.id = above.parent_id
    ), changed as (
      update storage.files f set
        name = coalesce(${name ?? null}::text, f.name),
        name_key = coalesce(${nameKey ?? null}::text, f.name_key),
        parent_id = ${parentId === undefined ? sql`f.parent_id` : uuid(parentId)}
      where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(actor, 'editor', sql`f`)}
        and ${parentId ? sql`exists (select from above)` : sql`true`}
        and not exists (select from above where above.id = f.id)
      returning f.id, f.drive_id, f.scope_id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
    select ${parentId === undefined ? 'file.renamed' : 'file.moved'}, changed.drive_id, changed.scope_id, changed.id,
      ${uuid(userId)} from changed returning id`;
  const result = await orNameConflict(
    db.batch([
      db.execute(lockDrives(driveOf(fileId))),
      db.execute(statement),
      selectFiles(db, actor)(eq(files.id, fileId)),
    ]),
  );
  if (result === 'name_conflict') return result;
  const [, written, rows] = result;
  const file = firstFile(rows);
  return written.rows.length > 0 || file === undefined ? file : 'not_moved';
}

/** One event for each entry, so that readers of the outbox need not know the tree. */
export async function trashFile(db: Database, userId: string, fileId: string): Promise<boolean> {
  const statement = sql`
    with recursive below (id) as (
      select f.id from storage.files f
      where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(asUser(userId), 'editor', sql`f`)}
      union all
      select f.id from storage.files f join below on f.parent_id = below.id where f.trashed_at is null
    ), trashed as (
      update storage.files f set trashed_at = now(), trash_root_id = ${uuid(fileId)}, trashed_by = ${uuid(userId)}
      where f.id in (select id from below) and f.trashed_at is null
      returning f.id, f.drive_id, f.scope_id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
    select 'file.trashed', trashed.drive_id, trashed.scope_id, trashed.id, ${uuid(userId)} from trashed returning id`;
  const [, written] = await db.batch([db.execute(lockDrives(driveOf(fileId))), db.execute(statement)]);
  return written.rows.length > 0;
}

/** The old content becomes a new version; it shares the immutable object. */
export async function restoreVersion(
  db: Database,
  userId: string,
  fileId: string,
  versionId: string,
  newVersionId: string,
): ReturnType<FileRepository['restoreVersion']> {
  const actor = asUser(userId);
  const statement = sql`
    with old as (
      select v.* from storage.versions v where v.id = ${uuid(versionId)} and v.file_id = ${uuid(fileId)}
    ), target as (
      update storage.files f set current_version_id = ${uuid(newVersionId)}, version_count = f.version_count + 1,
        size = old.size, updated_at = now()
      from old where f.id = old.file_id and f.trashed_at is null and ${may(actor, 'editor', sql`f`)}
      returning f.id, f.version_count, f.drive_id, f.scope_id
    ), version as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by)
      select ${uuid(newVersionId)}, target.id, target.drive_id, target.version_count, old.object_id, old.size,
        old.content_type, old.announced_type, ${uuid(userId)} from target, old
      returning id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
    select 'version.created', target.drive_id, target.scope_id, target.id, version.id, ${uuid(userId)}
    from target, version returning id`;
  const [, written, rows] = await db.batch([
    db.execute(lockDrives(driveOf(fileId))),
    db.execute(statement),
    selectFiles(db, actor)(eq(files.id, fileId)),
  ]);
  return written.rows.length > 0 ? firstFile(rows) : undefined;
}
