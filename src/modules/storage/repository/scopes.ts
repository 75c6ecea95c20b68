import { type SQL, sql } from 'drizzle-orm';
import { asUser } from '../ports/actor.ts';
import { may, uuid } from './access.ts';

/** The part `target` of a statement: the entry, if the user may manage it. */
export const manageable = (userId: string, fileId: string): SQL => sql`
  target as (
    select f.id, f.drive_id, f.scope_id, f.kind from storage.files f
    where f.id = ${uuid(fileId)} and f.trashed_at is null and ${may(asUser(userId), 'manager', sql`f`)}
  )`;

/**
 * Parts of a statement `with recursive` that make the entry of `target` a scope of its own, unless it is one: it and
 * all below it that had the scope from above, the trash too, have this one then, and scopes in between hang on it.
 */
export const ownScope: SQL = sql`
  made as (
    insert into storage.scopes (id, drive_id, parent_id)
    select target.id, target.drive_id, target.scope_id from target where target.scope_id <> target.id
    returning id, parent_id
  ), below (id) as (
    select target.id from target where target.scope_id <> target.id
    union all
    select f.id from below cross join target
      join storage.files f on f.parent_id = below.id and f.scope_id = target.scope_id
  ), moved as (
    update storage.files f set scope_id = made.id from made where f.id in (select below.id from below)
  ), nested as (
    update storage.scopes s set parent_id = made.id from made
    where s.parent_id = made.parent_id and s.id <> made.id and exists (
      select from storage.files f where f.id = s.id and f.parent_id in (select below.id from below))
  )`;
