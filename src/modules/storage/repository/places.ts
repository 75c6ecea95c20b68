import { type SQL, sql } from 'drizzle-orm';
import { violatesUnique } from '../../../core/database/errors.ts';
import { MAX_DEPTH } from '../models/names.ts';
import { ROLES, type Role } from '../ports/actor.ts';
import type { Destination, Naming, Refusal } from '../ports/entries.ts';
import { driveOf, uuid } from './access.ts';

/** Of a drive that has none of its own. */
export interface QuotaDefaults {
  readonly bytes: number;
  readonly entries: number;
}

export async function orNameConflict<T>(operation: Promise<T>): Promise<T | 'name_conflict'> {
  try {
    return await operation;
  } catch (error) {
    if (violatesUnique(error, 'files_sibling_name_key')) return 'name_conflict';
    throw error;
  }
}

/** How many entries one call copies, or moves to where other rights are in force. */
export const MAX_ENTRIES_AT_ONCE = 10_000;

/** Where something new goes, one row if the place is there at all: drive, scope, rank of the user, depth. */
export const placeFor = (userId: string, { driveId, parentId }: Destination): SQL =>
  parentId === null
    ? rootPlace(userId, uuid(driveId))
    : sql`select p.drive_id, p.id as parent_id, p.scope_id,
        storage.rank_in(${uuid(userId)}, p.scope_id) as rank, storage.depth_of(p.id) as depth, p.id as place_id
        from storage.files p where p.id = ${uuid(parentId)} and p.kind = 'folder' and p.trashed_at is null`;

/** The same of the root of a drive. */
export const rootPlace = (userId: string, drive: SQL): SQL =>
  sql`select d.id as drive_id, null::uuid as parent_id, d.id as scope_id,
    storage.rank_in(${uuid(userId)}, d.id) as rank, 0 as depth, d.id as place_id
    from storage.drives d where d.id = ${drive}`;

export const driveOfPlace = ({ driveId, parentId }: Destination): SQL =>
  parentId === null ? uuid(driveId) : driveOf(parentId);

/**
 * `lockDrives` that says which drives these were. An entry can go to another drive while its own is waited for: the
 * statement that decides has to see that what it changes is locked (`isLocked`).
 */
export const lockAndNameDrives = (...driveIds: readonly SQL[]): SQL =>
  sql`select set_config('storage.locked', coalesce(string_agg(d.id::text, ','), ''), true) from (
    select d.id from storage.drives d where d.id in (${sql.join([...driveIds], sql`, `)})
    order by d.id for no key update) d`;

export const isLocked = (driveId: SQL): SQL =>
  sql`${driveId}::text = any(string_to_array(current_setting('storage.locked'), ','))`;

/** Rows (name, name_key, position) of the names that are tried, in this order. @param own a query of (name, name_key) */
function candidatesOf({ candidates }: Naming, own: SQL): SQL {
  if (candidates === null) return sql`select own.name, own.name_key, 1 as position from (${own}) own`;
  const names = sql.param(candidates.map(({ name }) => name));
  const keys = sql.param(candidates.map(({ nameKey }) => nameKey));
  return sql`select * from unnest(${names}::text[], ${keys}::text[]) with ordinality as c (name, name_key, position)`;
}

/** Of the candidates the first that nothing stands in the way of. @param inTheWay says it of the sibling `s` */
export const chosenName = (naming: Naming, own: SQL, inTheWay: SQL): SQL =>
  sql`select c.name, c.name_key from place, (${candidatesOf(naming, own)}) c
    where not exists (select from storage.files s where s.place_id = place.place_id and s.name_key = c.name_key
      and s.trashed_at is null and ${inTheWay})
    order by c.position limit 1`;

/** The file that has the name goes to the trash; `decided` says which name in which place, for which entry. */
export const trashReplaced = (userId: string): SQL =>
  sql`update storage.files s set trashed_at = now(), trash_root_id = s.id, trashed_by = ${uuid(userId)} from decided
    where s.place_id = decided.to_place and s.name_key = decided.to_key and s.trashed_at is null and s.id <> decided.id
    returning s.id, s.drive_id, s.scope_id`;

/** @param drive alias of `storage.drives` @param more counts of what is added */
export const hasRoom = (drive: SQL, defaults: QuotaDefaults, more: { bytes: SQL; entries: SQL }): SQL =>
  sql`(${drive}.used_bytes + ${drive}.reserved_bytes + ${more.bytes} <= coalesce(${drive}.quota_bytes, ${defaults.bytes}::bigint)
    and ${drive}.entry_count + ${more.entries} <= coalesce(${drive}.quota_entries, ${defaults.entries}::bigint))`;

export const tooDeep = (height: SQL): SQL => sql`place.depth + ${height} > ${MAX_DEPTH}`;

/** The row (refused, needs, has) that a statement answers with; undefined when it did what it was asked for. */
export function refusalOf(row: Record<string, unknown> | undefined): Refusal | undefined {
  const refused = REFUSALS.find((code) => code === row?.refused);
  if (refused === undefined) return undefined;
  const [needs, has] = [roleOf(row?.needs), roleOf(row?.has)];
  return { refused, ...(needs ? { needs } : {}), ...(has ? { has } : {}) };
}

const roleOf = (text: unknown): Role | undefined => ROLES.find((role) => role === text);

const REFUSALS = [
  'file_not_found',
  'folder_not_found',
  'role_required',
  'name_conflict',
  'folder_cycle',
  'folder_too_deep',
  'too_many_entries',
  'quota_exceeded',
  'metadata_too_large',
  'too_many_tags',
  'other_drive',
  'precondition_failed',
  'content_missing',
  'content_corrupt',
  'content_infected',
  'changed_meanwhile',
] as const satisfies readonly Refusal['refused'][];
