import { and, eq, or, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { asUser } from '../ports/actor.ts';
import type { Destination, EntryRepository, Naming } from '../ports/entries.ts';
import { childOf, ensureDrive, uuid } from './access.ts';
import {
  chosenName,
  driveOfPlace,
  hasRoom,
  isLocked,
  lockAndNameDrives,
  placeFor,
  type QuotaDefaults,
  refusalOf,
  tooDeep,
} from './places.ts';
import { selectFiles, toFile } from './queries.ts';

/**
 * A folder that is there under this id already is what the same call made before, and is given back.
 * @throws the violation of `files_sibling_name_key` when somebody took the name without the drive's lock
 */
export async function createFolder(
  db: Database,
  defaults: QuotaDefaults,
  userId: string,
  id: string,
  destination: Destination,
  naming: Naming,
): ReturnType<EntryRepository['createFolder']> {
  const room = hasRoom(sql`d`, defaults, { bytes: sql`0`, entries: sql`1` });
  const statement = sql`
    with place as (${placeFor(userId, destination)}),
    chosen as (${chosenName(naming, sql`select null::text as name, null::text as name_key`, sql`s.id <> ${uuid(id)}`)}),
    verdict as (
      select case
        when place.rank is null then 'folder_not_found'
        when place.rank < 3 then 'role_required'
        when not ${isLocked(sql`place.drive_id`)} then 'changed_meanwhile'
        when chosen.name is null then 'name_conflict'
        when ${tooDeep(sql`1`)} then 'folder_too_deep'
        when not ${room} then 'quota_exceeded'
        end as refused, 'editor' as needs, storage.role_of(place.rank) as has
      from (select) one left join place on true left join chosen on true left join storage.drives d on d.id = place.drive_id
    ), folder as (
      insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, created_by)
      select ${uuid(id)}, place.drive_id, place.parent_id, place.scope_id, 'folder', chosen.name, chosen.name_key,
        ${uuid(userId)}
      from place, chosen, verdict where verdict.refused is null
      on conflict (id) do nothing
      returning id, drive_id, scope_id
    ), told as (
      insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id)
      select 'folder.created', folder.drive_id, folder.scope_id, folder.id, ${uuid(userId)} from folder
    )
    select * from verdict`;
  const [first] = naming.candidates ?? [];
  const there =
    naming.replace && first !== undefined
      ? and(
          childOf(destination.parentId ?? destination.driveId),
          eq(files.nameKey, first.nameKey),
          eq(files.kind, 'folder'),
        )
      : undefined;
  const [, , verdict, rows] = await db.batch([
    db.execute(ensureDrive(userId, destination.driveId)),
    db.execute(lockAndNameDrives(driveOfPlace(destination))),
    db.execute(statement),
    selectFiles(db, asUser(userId))(there === undefined ? eq(files.id, id) : or(eq(files.id, id), there)),
  ]);
  const refusal = refusalOf(verdict.rows[0]);
  const made = rows.find((row) => row.id === id);
  if (made !== undefined) return { file: toFile(made), created: true };
  const [existing] = rows;
  if (existing !== undefined && refusal?.refused === 'name_conflict')
    return { file: toFile(existing), created: false };
  return refusal ?? { refused: 'folder_not_found' };
}
