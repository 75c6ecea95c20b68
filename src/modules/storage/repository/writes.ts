import { eq, type SQL, sql } from 'drizzle-orm';
import type { File } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import { files } from '../../../core/database/schema/storage.ts';
import type { NewVersion, Place } from '../ports.ts';
import { firstFile, lockDrive, ownerOf, selectFiles, uuid } from './queries.ts';

const visibleTo = (userId: string): SQL => sql`(select visible.file_id from ${visibleFiles(userId)} visible)`;

/** One row with the drive's owner if something may be put there, none otherwise. */
const placeFor = (userId: string, parentId: string | null): SQL =>
  parentId === null
    ? sql`select ${uuid(userId)} as owner_id`
    : sql`select p.owner_id from storage.files p
        where p.id = ${uuid(parentId)} and p.kind = 'folder' and p.id in ${visibleTo(userId)}`;

const ownerOfPlace = (userId: string, parentId: string | null): SQL =>
  parentId === null ? uuid(userId) : ownerOf(parentId);

const versionValues = (version: NewVersion, userId: string): SQL =>
  sql`${version.objectKey}, ${version.size}::bigint, ${version.sha256}, ${version.contentType}, ${uuid(userId)}`;

/** The statement and the row it leaves, as one transaction behind the lock of the drive. */
async function writeFile(
  db: Database,
  userId: string,
  fileId: string,
  lock: SQL,
  statement: SQL,
): Promise<{ file: File | undefined; written: boolean }> {
  const [, written, rows] = await db.batch([
    db.execute(lock),
    db.execute(statement),
    selectFiles(db, userId)(eq(files.id, fileId)),
  ]);
  return { file: firstFile(rows), written: written.rows.length > 0 };
}

async function orNameConflict<T>(operation: Promise<T>): Promise<T | 'name_conflict'> {
  try {
    return await operation;
  } catch (error) {
    if (violatesUnique(error, 'files_sibling_name_key')) return 'name_conflict';
    throw error;
  }
}

export async function insertFile(
  db: Database,
  userId: string,
  id: string,
  place: Place,
  version: NewVersion,
): Promise<File | 'folder_not_found' | 'name_conflict'> {
  const statement = sql`
    with place as (${placeFor(userId, place.parentId)}),
    file as (
      insert into storage.files (id, owner_id, parent_id, kind, name, name_key, current_version_id, version_count)
      select ${uuid(id)}, place.owner_id, ${uuid(place.parentId)}, 'file', ${place.name}, ${place.nameKey},
        ${uuid(version.id)}, 1 from place
      returning id
    ), version as (
      insert into storage.versions (id, file_id, number, object_key, size, sha256, content_type, created_by)
      select ${uuid(version.id)}, file.id, 1, ${versionValues(version, userId)} from file
      returning id, file_id
    )
    insert into storage.outbox (type, file_id, version_id)
    select 'version.created', version.file_id, version.id from version returning id`;
  const lock = lockDrive(ownerOfPlace(userId, place.parentId), 'shared');
  const result = await orNameConflict(writeFile(db, userId, id, lock, statement));
  return result === 'name_conflict' ? result : (result.file ?? 'folder_not_found');
}

export async function insertFolder(
  db: Database,
  userId: string,
  id: string,
  place: Place,
): Promise<File | 'folder_not_found' | 'name_conflict'> {
  const statement = sql`
    with place as (${placeFor(userId, place.parentId)}),
    folder as (
      insert into storage.files (id, owner_id, parent_id, kind, name, name_key)
      select ${uuid(id)}, place.owner_id, ${uuid(place.parentId)}, 'folder', ${place.name}, ${place.nameKey} from place
      returning id
    )
    insert into storage.outbox (type, file_id) select 'folder.created', folder.id from folder returning id`;
  const lock = lockDrive(ownerOfPlace(userId, place.parentId), 'shared');
  const result = await orNameConflict(writeFile(db, userId, id, lock, statement));
  return result === 'name_conflict' ? result : (result.file ?? 'folder_not_found');
}

export async function insertVersion(
  db: Database,
  userId: string,
  fileId: string,
  expectedVersionId: string,
  version: NewVersion,
): Promise<File | 'changed' | undefined> {
  const statement = sql`
    with target as (
      update storage.files f
      set current_version_id = ${uuid(version.id)}, version_count = f.version_count + 1, updated_at = now()
      where f.id = ${uuid(fileId)} and f.current_version_id = ${uuid(expectedVersionId)} and f.id in ${visibleTo(userId)}
      returning f.id, f.version_count
    ), version as (
      insert into storage.versions (id, file_id, number, object_key, size, sha256, content_type, created_by)
      select ${uuid(version.id)}, target.id, target.version_count, ${versionValues(version, userId)} from target
      returning id, file_id
    )
    insert into storage.outbox (type, file_id, version_id)
    select 'version.created', version.file_id, version.id from version returning id`;
  const { file, written } = await writeFile(
    db,
    userId,
    fileId,
    lockDrive(ownerOf(fileId), 'shared'),
    statement,
  );
  return written || file === undefined ? file : 'changed';
}

/** Renames, moves, or both. `not_moved`: the target is no folder of the user's, or lies below the file itself. */
export async function updateFile(
  db: Database,
  userId: string,
  fileId: string,
  change: { name?: string; nameKey?: string; parentId?: string | null },
): Promise<File | 'name_conflict' | 'not_moved' | undefined> {
  const { name, nameKey, parentId } = change;
  const statement = sql`
    with recursive above (id, parent_id) as (
      select p.id, p.parent_id from storage.files p
      where p.id = ${uuid(parentId ?? null)} and p.kind = 'folder' and p.id in ${visibleTo(userId)}
      union all
      select p.id, p.parent_id from storage.files p join above on p.id = above.parent_id
    ), changed as (
      update storage.files f set
        name = coalesce(${name ?? null}::text, f.name),
        name_key = coalesce(${nameKey ?? null}::text, f.name_key),
        parent_id = ${parentId === undefined ? sql`f.parent_id` : uuid(parentId)},
        updated_at = now()
      where f.id = ${uuid(fileId)} and f.id in ${visibleTo(userId)}
        and ${parentId ? sql`exists (select from above)` : sql`true`}
        and not exists (select from above where above.id = f.id)
      returning f.id
    )
    insert into storage.outbox (type, file_id)
    select ${parentId === undefined ? 'file.renamed' : 'file.moved'}, changed.id from changed returning id`;
  const lock = lockDrive(ownerOf(fileId), 'exclusive');
  const result = await orNameConflict(writeFile(db, userId, fileId, lock, statement));
  if (result === 'name_conflict') return result;
  return result.written || result.file === undefined ? result.file : 'not_moved';
}

/** One event for each entry, so that readers of the outbox need not know the tree. */
export async function trashFile(db: Database, userId: string, fileId: string): Promise<boolean> {
  const statement = sql`
    with recursive below (id) as (
      select f.id from storage.files f where f.id = ${uuid(fileId)} and f.id in ${visibleTo(userId)}
      union all
      select f.id from storage.files f join below on f.parent_id = below.id where f.trashed_at is null
    ), trashed as (
      update storage.files f set trashed_at = now() where f.id in (select id from below) and f.trashed_at is null
      returning f.id
    )
    insert into storage.outbox (type, file_id) select 'file.trashed', trashed.id from trashed returning id`;
  const [, written] = await db.batch([
    db.execute(lockDrive(ownerOf(fileId), 'exclusive')),
    db.execute(statement),
  ]);
  return written.rows.length > 0;
}
