import { and, desc, eq, lt, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { favourites, files } from '../../../core/database/schema/storage.ts';
import { type Actor, asUser } from '../ports/actor.ts';
import type { EntryRepository, Refusal, Summary } from '../ports/entries.ts';
import { rankIn, uuid } from './access.ts';
import { changeEntry } from './change-entry.ts';
import { copyEntry } from './copy-entry.ts';
import { createFolder } from './create-folder.ts';
import { listEntries } from './list-entries.ts';
import { orNameConflict, type QuotaDefaults } from './places.ts';
import { firstFile, selectFiles, toFile } from './queries.ts';

/** More than that a summary does not count. */
const MAX_SUMMED = 50_000;

export function createEntryRepository(db: Database, defaults: QuotaDefaults): EntryRepository {
  return {
    createFolder: (userId, id, destination, naming) =>
      orRefusal(createFolder(db, defaults, userId, id, destination, naming)),
    change: (userId, fileId, change) => orRefusal(changeEntry(db, defaults, userId, fileId, change)),
    copy: (userId, call) => orRefusal(copyEntry(db, defaults, userId, call)),
    list: (actor, listing) => listEntries(db, actor, listing),

    async findByPath(userId, driveId, nameKeys) {
      const steps = sql.param([...nameKeys]);
      const end = sql`(
        with recursive step (id, scope_id, position) as (
          select ${uuid(driveId)}, null::uuid, 0
          union all
          select f.id, f.scope_id, step.position + 1
          from step join storage.files f on f.place_id = step.id
            and f.name_key = (${steps}::text[])[step.position + 1] and f.trashed_at is null
          where f.scope_id = step.scope_id or ${rankIn(asUser(userId), sql`f`)} is not null
        ) select step.id from step where step.position = ${nameKeys.length})`;
      return firstFile(await selectFiles(db, asUser(userId))(sql`${files.id} = ${end}`));
    },

    summary: (actor, fileId) => summaryOf(db, actor, fileId),

    async setFavourite(userId, fileId, favourite) {
      const visible = sql`select f.id from storage.files f
        where f.id = ${uuid(fileId)} and f.trashed_at is null and ${rankIn(asUser(userId), sql`f`)} is not null`;
      const statement = favourite
        ? sql`with file as (${visible}), made as (
            insert into storage.favourites (user_id, file_id) select ${uuid(userId)}, file.id from file on conflict do nothing
          ) select file.id from file`
        : sql`with file as (${visible}), gone as (
            delete from storage.favourites v where v.user_id = ${uuid(userId)} and v.file_id = ${uuid(fileId)}
          ) select file.id from file`;
      return (await db.execute(statement)).rows.length > 0;
    },

    async listFavourites(userId, after, limit) {
      const rows = await selectFiles(
        db,
        asUser(userId),
      )(after === null ? undefined : lt(favourites.fileId, after))
        .innerJoin(favourites, and(eq(favourites.fileId, files.id), eq(favourites.userId, userId)))
        .orderBy(desc(favourites.fileId))
        .limit(limit);
      return rows.map(toFile);
    },
  };
}

/** A name that was taken without the drive's lock is taken all the same. */
async function orRefusal<T>(operation: Promise<T>): Promise<T | Refusal> {
  const result = await orNameConflict(operation);
  return result === 'name_conflict' ? { refused: 'name_conflict' } : result;
}

/** What is in a folder as far as the actor sees it, at any depth. */
async function summaryOf(db: Database, actor: Actor, fileId: string): Promise<Summary | undefined> {
  const { rows } = await db.execute(sql`
    with recursive below (id, scope_id, kind, size) as (
      select f.id, f.scope_id, f.kind, f.size from storage.files f
      where f.id = ${uuid(fileId)} and f.trashed_at is null and ${rankIn(actor, sql`f`)} is not null
      union all
      select f.id, f.scope_id, f.kind, f.size from below join storage.files f on f.parent_id = below.id
      where f.trashed_at is null and (f.scope_id = below.scope_id or ${rankIn(actor, sql`f`)} is not null)
    )
    select count(*) as entries, count(*) filter (where kind = 'file') as files,
      count(*) filter (where kind = 'folder' and id <> ${uuid(fileId)}) as folders, coalesce(sum(size), 0) as bytes
    from (select * from below limit ${MAX_SUMMED + 1}) counted`);
  const [row] = rows;
  if (row === undefined || Number(row.entries) === 0) return undefined;
  return {
    files: Number(row.files),
    folders: Number(row.folders),
    bytes: Number(row.bytes),
    complete: Number(row.entries) <= MAX_SUMMED,
  };
}
