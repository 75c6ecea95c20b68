import { eq, type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { MAX_METADATA_BYTES, MAX_METADATA_KEYS, MAX_TAGS } from '../models/names.ts';
import { asUser } from '../ports/actor.ts';
import type { EntryChange, EntryRepository } from '../ports/entries.ts';
import { driveOf, ensureDrive, uuid } from './access.ts';
import {
  chosenName,
  hasRoom,
  isLocked,
  lockAndNameDrives,
  MAX_ENTRIES_AT_ONCE,
  placeFor,
  type QuotaDefaults,
  refusalOf,
  rootPlace,
  tooDeep,
  trashReplaced,
} from './places.ts';
import { firstFile, selectFiles } from './queries.ts';

/**
 * Renames, moves, and changes tags and metadata: all of it, or nothing.
 * @throws the violation of `files_sibling_name_key` when somebody took the name without the drive's lock
 */
export async function changeEntry(
  db: Database,
  defaults: QuotaDefaults,
  userId: string,
  fileId: string,
  change: EntryChange,
): ReturnType<EntryRepository['change']> {
  const { destination } = change;
  const drives = [driveOf(fileId)];
  if (destination?.parentId) drives.push(driveOf(destination.parentId));
  else if (destination?.driveId) drives.push(uuid(destination.driveId));
  const [, , verdict, rows] = await db.batch([
    db.execute(destination?.driveId ? ensureDrive(userId, destination.driveId) : sql`select`),
    db.execute(lockAndNameDrives(...drives)),
    db.execute(statement(defaults, userId, fileId, change)),
    selectFiles(db, asUser(userId))(eq(files.id, fileId)),
  ]);
  return refusalOf(verdict.rows[0]) ?? firstFile(rows) ?? { refused: 'file_not_found' };
}

function statement(defaults: QuotaDefaults, userId: string, fileId: string, change: EntryChange): SQL {
  return sql`
    with recursive ${whatAndWhere(userId, fileId, change)},
    ${verdictOf(defaults, userId, change)},
    decided as (
      select file.*, place.drive_id as to_drive, place.parent_id as to_parent, place.scope_id as to_scope,
        place.place_id as to_place, chosen.name as to_name, chosen.name_key as to_key,
        place.place_id <> file.place_id as moves, place.scope_id <> file.context as crosses,
        chosen.name <> file.name as renamed, file.new_tags <> file.tags or file.new_metadata <> file.metadata as edited,
        case when place.scope_id <> file.context then ${toldOfLeaving} end as audience
      from file, place, chosen, verdict where verdict.refused is null
    ),
    replaced as (${change.naming.replace ? trashReplaced(userId) : sql`select null::uuid as id, null::uuid as drive_id, null::uuid as scope_id where false`}),
    ${EFFECTS},
    ${eventsOf(userId)}
    ${change.byRule ? sql`, audited as (${auditRows(change.byRule.audit, sql`from changed`)})` : sql``}
    select * from verdict`;
}

/** `context` is the scope around the entry: what it and all below it leave that have no scope between. */
function whatAndWhere(
  userId: string,
  fileId: string,
  { destination, naming, tags, addTag, metadata }: EntryChange,
): SQL {
  const place =
    destination === undefined
      ? sql`select file.drive_id, file.parent_id, file.context as scope_id, 3 as rank, 0 as depth, file.place_id from file`
      : destination.parentId === null && destination.driveId === null
        ? rootPlace(userId, sql`(select file.drive_id from file)`)
        : placeFor(userId, { parentId: destination.parentId, driveId: destination.driveId ?? '' });
  const inTheWay = naming.replace
    ? sql`s.id <> file.id and (s.kind = 'folder' or file.kind = 'folder'
        or coalesce(storage.rank_in(${uuid(userId)}, s.scope_id), 0) < 3)`
    : sql`s.id <> file.id`;
  return sql`
    file as (
      select f.*, storage.rank_in(${uuid(userId)}, f.scope_id) as rank,
        case when f.scope_id = f.id then s.parent_id else f.scope_id end as context,
        ${newTags(tags, addTag)} as new_tags,
        jsonb_strip_nulls(f.metadata || ${JSON.stringify(metadata ?? {})}::jsonb) as new_metadata
      from storage.files f join storage.scopes s on s.id = f.scope_id
      where f.id = ${uuid(fileId)} and f.trashed_at is null
    ),
    place as (${place}),
    chosen as (select chosen.* from file, lateral (
      ${chosenName(naming, sql`select file.name, file.name_key`, inTheWay)}) chosen),
    below (id, depth) as (
      select file.id, 1 from file, place where place.place_id <> file.place_id
      union all
      select f.id, below.depth + 1 from below join storage.files f on f.parent_id = below.id
    ),
    moving as (select count(*) as entries, coalesce(max(depth), 0) as height from below)`;
}

const newTags = (tags: EntryChange['tags'], added: string | undefined): SQL =>
  added === undefined
    ? sql`coalesce(${tags === undefined ? null : sql.param([...tags])}::text[], f.tags)`
    : sql`case when ${added}::text = any(f.tags) then f.tags else f.tags || ${added}::text end`;

/** In the order in which people are told. */
function verdictOf(
  defaults: QuotaDefaults,
  userId: string,
  { naming, metadata, addTag, byRule }: EntryChange,
): SQL {
  const elsewhere = sql`place.drive_id <> file.drive_id`;
  const room = hasRoom(sql`d`, defaults, {
    bytes: sql`(select coalesce(sum(v.size), 0) from storage.versions v
      where v.file_id = any(array(select below.id from below)))`,
    entries: sql`moving.entries`,
  });
  const tooMuchMetadata = sql`(select count(*) > ${MAX_METADATA_KEYS}
    or coalesce(sum(octet_length(m.key) + octet_length(m.value)), 0) > ${MAX_METADATA_BYTES}
    from jsonb_each_text(file.new_metadata) m)`;
  return sql`
    verdict as (
      select case
        when file.rank is null ${byRule ? sql`or not auth.may(${uuid(userId)}, 'files:write')` : sql``} then 'file_not_found'
        when ${byRule ? sql`file.current_version_id is distinct from ${uuid(byRule.versionId)}` : sql`false`}
          then 'precondition_failed'
        when file.rank < 3 then 'role_required'
        when place.rank is null then 'folder_not_found'
        when ${byRule ? sql`(file.drive_id <> ${uuid(byRule.driveId)} or ${elsewhere})` : sql`false`} then 'other_drive'
        when ${elsewhere} and file.rank < 4 then 'role_required'
        when place.rank < 3 then 'role_required'
        when not (${isLocked(sql`file.drive_id`)} and ${isLocked(sql`place.drive_id`)}) then 'changed_meanwhile'
        when ${naming.madeOf}::text <> file.name then 'changed_meanwhile'
        when place.parent_id in (select below.id from below) then 'folder_cycle'
        when chosen.name is null then 'name_conflict'
        when ${tooDeep(sql`moving.height`)} then 'folder_too_deep'
        when place.scope_id <> file.context and moving.entries > ${MAX_ENTRIES_AT_ONCE} then 'too_many_entries'
        when ${elsewhere} and not ${room} then 'quota_exceeded'
        when ${metadata !== undefined} and ${tooMuchMetadata} then 'metadata_too_large'
        when ${addTag !== undefined} and cardinality(file.new_tags) > ${MAX_TAGS} then 'too_many_tags'
        end as refused,
        case when file.rank >= 3 and file.rank < 4 and ${elsewhere} then 'manager' else 'editor' end as needs,
        storage.role_of(case when file.rank < 3 or (${elsewhere} and file.rank < 4) then file.rank else place.rank end) as has
      from moving left join file on true left join place on true left join chosen on true
        left join storage.drives d on d.id = place.drive_id
    )`;
}

/** Whoever had a right where it was: they may not have one where it goes. */
const toldOfLeaving = sql`(select array_agg(told.id) from (
    select file.drive_id as id
    union
    select g.principal_id from storage.scopes_above(file.context) above
      join storage.grants g on g.file_id = above.id and g.role <> 'none') told)`;

/**
 * Entries below change only when other rights are in force where they go; the trashed ones among them too. They are
 * named by an array, so that the plan goes by the index whatever it believes about how many there are.
 */
const EFFECTS = sql`
  going as materialized (
    select case when decided.crosses then array(select below.id from below) else '{}' end as ids from decided
  ), moved as (
    update storage.files f set drive_id = decided.to_drive,
      scope_id = case when f.scope_id = decided.context then decided.to_scope else f.scope_id end
    from decided where f.id = any((select going.ids from going)::uuid[]) and f.id <> decided.id
    returning f.id, f.drive_id, f.scope_id, f.trashed_at
  ), changed as (
    update storage.files f set
      drive_id = decided.to_drive,
      parent_id = decided.to_parent,
      scope_id = case when f.scope_id = decided.context then decided.to_scope else f.scope_id end,
      name = decided.to_name,
      name_key = decided.to_key,
      tags = decided.new_tags,
      metadata = decided.new_metadata,
      updated_at = case when decided.edited then now() else f.updated_at end
    from decided, (select count(*) as count from replaced) gone
    where f.id = decided.id and gone.count >= 0 and (decided.moves or decided.renamed or decided.edited)
    returning f.id, f.drive_id, f.scope_id
  ), scoped as (
    update storage.scopes s set drive_id = decided.to_drive,
      parent_id = case when s.parent_id = decided.context then decided.to_scope else s.parent_id end
    from decided where s.id = any((select going.ids from going)::uuid[])
  ), owned as (
    update storage.versions v set drive_id = decided.to_drive
    from decided where decided.to_drive <> decided.drive_id and v.file_id = any((select going.ids from going)::uuid[])
  )`;

const eventsOf = (userId: string): SQL => sql`
  told as (
    insert into storage.outbox (type, drive_id, scope_id, file_id, actor_id, audience)
    select event.type, event.drive_id, event.scope_id, event.id, ${uuid(userId)}, event.audience from (
      select 'file.trashed' as type, drive_id, scope_id, id, null::uuid[] as audience from replaced
      union all
      select 'file.moved', changed.drive_id, changed.scope_id, changed.id, decided.audience from changed, decided
      where decided.moves
      union all
      select 'file.moved', moved.drive_id, moved.scope_id, moved.id, decided.audience from moved, decided
      where moved.trashed_at is null
      union all
      select 'file.renamed', changed.drive_id, changed.scope_id, changed.id, null from changed, decided
      where decided.renamed
      union all
      select 'file.changed', changed.drive_id, changed.scope_id, changed.id, null from changed, decided
      where decided.edited
    ) event
  )`;
