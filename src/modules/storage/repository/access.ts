import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import { files } from '../../../core/database/schema/storage.ts';
import { type Actor, type Role, rankOf } from '../ports/actor.ts';

export const uuid = (id: string | null): SQL => (id === null ? sql`null::uuid` : sql`${idToUuid(id)}::uuid`);

/**
 * What the actor may do with a file, as a rank, null for nothing; the trash is not looked at. Everything that is read
 * or written goes through here, and from here to `storage.rank_in` (drizzle/0006).
 *
 * @param file alias of the table `storage.files` in the statement
 */
export function rankIn(actor: Actor, file: SQL = sql`${files}`): SQL {
  return actor.kind === 'user'
    ? sql`storage.rank_in(${uuid(actor.userId)}, ${file}.scope_id)`
    : sql`(case when storage.is_below(${file}.id, ${uuid(actor.rootId)})
        and storage.link_reaches(${uuid(actor.linkId)}, ${file}.scope_id) then 1 end)`;
}

export const may = (actor: Actor, role: Role, file?: SQL): SQL =>
  sql`${rankIn(actor, file)} >= ${rankOf(role)}`;

/** Live, and the actor gets to see it. */
export const isVisibleTo = (actor: Actor): SQL | undefined =>
  and(isNull(files.trashedAt), may(actor, 'viewer'));

/** Children of a folder, or of the root of a drive (`usr_…`, `wsp_…`). */
export const childOf = (placeId: string): SQL => eq(files.placeId, idToUuid(placeId));

/** Writers of one drive go one after the other; the first statement of every batch that changes a tree. */
export const lockDrives = (...driveIds: readonly SQL[]): SQL =>
  sql`select from storage.drives d where d.id in (${sql.join([...driveIds], sql`, `)}) order by d.id for no key update`;

export const driveOf = (fileId: string): SQL =>
  sql`(select f.drive_id from storage.files f where f.id = ${uuid(fileId)})`;

/** The first statement of a batch that puts something at the root of a drive, which need not have a row yet. */
export const ensureDrive = (userId: string, driveId: string): SQL =>
  sql`select storage.ensure_drive(p.id, case when p.kind = 'user' then 'person' else 'workspace' end)
    from auth.principals(array[${uuid(driveId)}]) p
    where p.id in (select m.principal_id from auth.principals_of(${uuid(userId)}) m)
      and p.kind = ${driveId.startsWith('wsp_') ? 'workspace' : 'user'}`;

export const driveOfUpload = (uploadId: string): SQL =>
  sql`(select u.drive_id from storage.uploads u where u.id = ${uuid(uploadId)})`;
