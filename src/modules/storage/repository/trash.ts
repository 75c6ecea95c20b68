import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { File } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { asUser } from '../ports/actor.ts';
import type { TrashedEntry, TrashPosition, TrashRepository } from '../ports/trash.ts';
import { driveOf, lockDrives, may, rankIn, uuid } from './access.ts';
import { orNameConflict } from './places.ts';
import { driveIdOf, firstFile, selectAnyFiles, selectFiles, toFile } from './queries.ts';
import { createPurgeRepository, isTrashRoot } from './trash-purge.ts';

const TABLE = sql`${files}`;

/** Who may edit an entry sees it in the trash, and who put it there, for as long as they see anything of it. */
const seesInTrash = (userId: string, rank: SQL, file: SQL): SQL =>
  sql`(${rank} >= 3 or (${rank} >= 1 and ${file}.trashed_by = ${uuid(userId)}))`;

export function createTrashRepository(db: Database): TrashRepository {
  return {
    ...createPurgeRepository(db),
    trash: (userId, fileId) => trash(db, userId, fileId),
    list: (userId, driveId, after, limit) => list(db, userId, driveId, after, limit),
    find: (userId, fileId) => find(db, userId, fileId),
    restore: (userId, fileId, name) => restore(db, userId, fileId, name),

    async count(driveId) {
      const counted = await db.execute(sql`
        select count(*)::int as count from storage.files f where f.drive_id = ${uuid(driveId)} and ${isTrashRoot(sql`f`)}`);
      return Number(counted.rows[0]?.count);
    },

    async rankInDrive(userId, driveId) {
      const found = await db.execute(sql`select storage.rank_in(${uuid(userId)}, ${uuid(driveId)}) as rank`);
      return Number(found.rows[0]?.rank ?? 0);
    },
  };
}

/** One event for each entry, so that readers of the outbox need not know the tree. */
async function trash(db: Database, userId: string, fileId: string): ReturnType<TrashRepository['trash']> {
  const actor = asUser(userId);
  const statement = sql`
    with recursive below (id) as (
      select f.id from storage.files f
      where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(actor, 'editor', sql`f`)}
      union all
      select f.id from storage.files f join below on f.parent_id = below.id where f.trashed_at is null
    ), trashed as (
      update storage.files f set trashed_at = now(), trash_root_id = ${uuid(fileId)}, trashed_by = ${uuid(userId)}
      where f.id in (select id from below) and f.trashed_at is null
      returning f.id, f.drive_id, f.scope_id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
    select 'file.trashed', trashed.drive_id, trashed.scope_id, trashed.id, ${uuid(userId)} from trashed returning id`;
  const [, written, seen] = await db.batch([
    db.execute(lockDrives(driveOf(fileId))),
    db.execute(statement),
    db.execute(sql`select ${rankIn(actor, sql`f`)} as rank from storage.files f
      where f.id = ${uuid(fileId)} and f.trashed_at is null`),
  ]);
  return written.rows.length > 0 ? 'trashed' : Number(seen.rows[0]?.rank ?? 0);
}

async function list(
  db: Database,
  userId: string,
  driveId: string,
  after: TrashPosition | null,
  limit: number,
): Promise<File[]> {
  const scopes = (rank: number): SQL =>
    sql`${files.scopeId} in (select s.scope_id from storage.visible_scopes(${uuid(userId)}) s where s.rank >= ${rank})`;
  const rows = await selectAnyFiles(
    db,
    asUser(userId),
  )(
    and(
      sql`${files.driveId} = ${uuid(driveId)}`,
      isTrashRoot(TABLE),
      sql`(${scopes(3)} or (${files.trashedBy} = ${uuid(userId)} and ${scopes(1)}))`,
      after === null
        ? undefined
        : sql`(${files.trashedAt}, ${files.id}) < (${after.trashedAt.toISOString()}::timestamptz, ${uuid(after.fileId)})`,
    ),
  )
    .orderBy(desc(files.trashedAt), desc(files.id))
    .limit(limit);
  return rows.map(toFile);
}

async function find(db: Database, userId: string, fileId: string): Promise<TrashedEntry | undefined> {
  const rank = rankIn(asUser(userId), sql`f`);
  const found = await db.execute(sql`
    select f.name, ${rank} as rank, p.id as parent_id, f.drive_id, d.kind,
      case when f.parent_id is null then ${rank} else storage.rank_in(${uuid(userId)}, f.drive_id) end as rank_at_root
    from storage.files f join storage.drives d on d.id = f.drive_id
      left join storage.files p on p.id = f.parent_id and p.trashed_at is null
    where f.id = ${uuid(fileId)} and ${isTrashRoot(sql`f`)} and ${seesInTrash(userId, rank, sql`f`)}`);
  const [row] = found.rows;
  if (row === undefined) return undefined;
  return {
    name: String(row.name),
    rank: Number(row.rank),
    parentId: row.parent_id === null ? null : uuidToId('file', String(row.parent_id)),
    driveId: driveIdOf(String(row.drive_id), row.kind === 'workspace' ? 'workspace' : 'person'),
    rankAtRoot: Number(row.rank_at_root ?? 0),
  };
}

async function restore(
  db: Database,
  userId: string,
  fileId: string,
  { name, nameKey }: { readonly name: string; readonly nameKey: string },
): ReturnType<TrashRepository['restore']> {
  const actor = asUser(userId);
  const allowed = sql`f.id = ${uuid(fileId)} and ${isTrashRoot(sql`f`)} and ${may(actor, 'editor', sql`f`)}`;
  const folderIsThere = sql`exists (select from storage.files p where p.id = f.parent_id and p.trashed_at is null)`;
  const toRoot = sql`
    select storage.to_root(array[f.id]) from storage.files f
    where ${allowed} and f.parent_id is not null and not ${folderIsThere}
      and storage.rank_in(${uuid(userId)}, f.drive_id) >= 3`;
  const statement = sql`
    with root as (
      select f.id from storage.files f where ${allowed} and (f.parent_id is null or ${folderIsThere})
    ), restored as (
      update storage.files f set trashed_at = null, trash_root_id = null, trashed_by = null,
        name = case when f.id = root.id then ${name} else f.name end,
        name_key = case when f.id = root.id then ${nameKey} else f.name_key end
      from root where f.trash_root_id = root.id and f.trashed_at is not null
      returning f.id, f.drive_id, f.scope_id
    )
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
    select 'file.restored', restored.drive_id, restored.scope_id, restored.id, ${uuid(userId)} from restored returning id`;
  const result = await orNameConflict(
    db.batch([
      db.execute(lockDrives(driveOf(fileId))),
      db.execute(toRoot),
      db.execute(statement),
      selectFiles(db, actor)(eq(files.id, fileId)),
    ]),
  );
  if (result === 'name_conflict') return result;
  const [, , written, rows] = result;
  return written.rows.length > 0 ? firstFile(rows) : undefined;
}
