import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { currentTraceparent } from '../../../core/telemetry/tracer.ts';
import { asUser } from '../ports/actor.ts';
import type { Destination, EntryRepository, Naming } from '../ports/entries.ts';
import { driveOf, ensureDrive, uuid } from './access.ts';
import {
  chosenName,
  driveOfPlace,
  hasRoom,
  isLocked,
  lockAndNameDrives,
  MAX_ENTRIES_AT_ONCE,
  placeFor,
  type QuotaDefaults,
  refusalOf,
  tooDeep,
  trashReplaced,
} from './places.ts';
import { firstFile, selectFiles } from './queries.ts';

/**
 * A file, or a folder with all in it that the user may see, as it is at this moment: into itself too. The copies
 * share the bytes. A copy that is there under this id already is what the same call made before, and is given back.
 *
 * @param id of the copy
 * @throws the violation of `files_sibling_name_key` when somebody took the name without the drive's lock
 */
export async function copyEntry(
  db: Database,
  defaults: QuotaDefaults,
  userId: string,
  call: {
    readonly id: string;
    readonly fileId: string;
    readonly destination: Destination;
    readonly naming: Naming;
  },
): ReturnType<EntryRepository['copy']> {
  const { id, fileId, destination, naming } = call;
  const statement = sql`
    with recursive ${whatAndWhere(userId, call)},
    ${verdictOf(defaults, naming)},
    decided as (
      select ${uuid(id)} as id, place.drive_id, place.parent_id, place.scope_id, place.place_id as to_place, chosen.name,
        chosen.name_key as to_key
      from place, chosen, verdict
      where verdict.refused is null and not exists (select from storage.files f where f.id = ${uuid(id)})
    ),
    replaced as (${naming.replace ? trashReplaced(userId) : sql`select null::uuid as id, null::uuid as drive_id, null::uuid as scope_id where false`}),
    ${effectsOf(userId)}
    select * from verdict`;
  const [, , verdict, rows] = await db.batch([
    db.execute(ensureDrive(userId, destination.driveId)),
    db.execute(lockAndNameDrives(driveOf(fileId), driveOfPlace(destination))),
    db.execute(statement),
    selectFiles(db, asUser(userId))(eq(files.id, id)),
  ]);
  return firstFile(rows) ?? refusalOf(verdict.rows[0]) ?? { refused: 'file_not_found' };
}

function whatAndWhere(
  userId: string,
  {
    id,
    fileId,
    destination,
    naming,
  }: { id: string; fileId: string; destination: Destination; naming: Naming },
): SQL {
  const inTheWay = naming.replace
    ? sql`(s.id = file.id or s.kind = 'folder' or file.kind = 'folder'
        or coalesce(storage.rank_in(${uuid(userId)}, s.scope_id), 0) < 3)`
    : sql`true`;
  return sql`
    file as (
      select f.*, storage.rank_in(${uuid(userId)}, f.scope_id) as rank from storage.files f
      where f.id = ${uuid(fileId)} and f.trashed_at is null
    ),
    place as (${placeFor(userId, destination)}),
    chosen as (select chosen.* from file, lateral (
      ${chosenName(naming, sql`select file.name, file.name_key`, inTheWay)}) chosen),
    below (id, parent_id, scope_id, depth) as (
      select file.id, null::uuid, file.scope_id, 1 from file where file.rank is not null
      union all
      select f.id, below.id, f.scope_id, below.depth + 1 from below join storage.files f on f.parent_id = below.id
      where f.trashed_at is null
        and (f.scope_id = below.scope_id or storage.rank_in(${uuid(userId)}, f.scope_id) is not null)
    ),
    entries as materialized (
      select below.id, below.parent_id, below.depth, storage.new_id() as version_id,
        case when below.parent_id is null then ${uuid(id)} else storage.new_id() end as copy_id
      from (select * from below limit ${MAX_ENTRIES_AT_ONCE + 1}) below
    ),
    cargo as materialized (
      select entries.copy_id, around.copy_id as copy_parent_id, entries.depth, f.kind, f.name, f.name_key, f.size, f.tags,
        f.metadata, case when v.id is not null then entries.version_id end as version_id, v.object_id, v.content_type,
        v.announced_type, o.state
      from storage.files f join entries on entries.id = f.id
        left join entries around on around.id = entries.parent_id
        left join storage.versions v on v.id = f.current_version_id
        left join storage.objects o on o.id = v.object_id
      where f.id = any(array(select entries.id from entries))
    ),
    total as (
      select count(*) as entries, coalesce(sum(size), 0) as bytes, max(depth) as height,
        min(state) filter (where state <> 'live') as state
      from cargo
    )`;
}

/** In the order in which people are told. */
function verdictOf(defaults: QuotaDefaults, naming: Naming): SQL {
  const room = hasRoom(sql`d`, defaults, { bytes: sql`total.bytes`, entries: sql`total.entries` });
  return sql`
    verdict as (
      select case
        when file.rank is null then 'file_not_found'
        when place.rank is null then 'folder_not_found'
        when place.rank < 3 then 'role_required'
        when not (${isLocked(sql`file.drive_id`)} and ${isLocked(sql`place.drive_id`)}) then 'changed_meanwhile'
        when ${naming.madeOf}::text <> file.name then 'changed_meanwhile'
        when total.entries > ${MAX_ENTRIES_AT_ONCE} then 'too_many_entries'
        when total.state is not null then 'content_' || total.state
        when chosen.name is null then 'name_conflict'
        when ${tooDeep(sql`total.height`)} then 'folder_too_deep'
        when not ${room} then 'quota_exceeded'
        end as refused, 'editor' as needs, storage.role_of(place.rank) as has
      from total left join file on true left join place on true left join chosen on true
        left join storage.drives d on d.id = place.drive_id
    )`;
}

const effectsOf = (userId: string): SQL => sql`
  copied as (
    insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, current_version_id, version_count,
      size, tags, metadata, created_by)
    select cargo.copy_id, decided.drive_id, coalesce(cargo.copy_parent_id, decided.parent_id), decided.scope_id,
      cargo.kind, case when cargo.copy_id = decided.id then decided.name else cargo.name end,
      case when cargo.copy_id = decided.id then decided.to_key else cargo.name_key end, cargo.version_id,
      case when cargo.version_id is null then 0 else 1 end, cargo.size, cargo.tags, cargo.metadata, ${uuid(userId)}
    from cargo, decided, (select count(*) as count from replaced) gone where gone.count >= 0
    returning id, drive_id, scope_id, current_version_id
  ), shared as (
    insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, created_by)
    select cargo.version_id, cargo.copy_id, decided.drive_id, 1, cargo.object_id, cargo.size, cargo.content_type,
      cargo.announced_type, ${uuid(userId)}
    from cargo, decided where cargo.version_id is not null
  ), told as (
    insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id, traceparent)
    select event.type, event.drive_id, event.scope_id, event.id, event.version_id, ${uuid(userId)},
      ${currentTraceparent() ?? null}::text from (
      select 'file.trashed' as type, drive_id, scope_id, id, null::uuid as version_id from replaced
      union all
      select case when current_version_id is null then 'file.copied' else 'version.created' end, drive_id, scope_id, id,
        current_version_id from copied
    ) event
  )`;
