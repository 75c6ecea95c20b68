import { sql } from 'drizzle-orm';
import { z } from 'zod';
import { storageEventTypeSchema } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import type { FeedCursor } from '../models/changes.ts';
import type { ChangeRepository, FeedPage } from '../ports/changes.ts';
import { uuid } from './access.ts';

const eventSchema = z.object({
  transactionId: z.string(),
  eventId: z.string(),
  type: storageEventTypeSchema,
  fileId: z.string(),
  versionId: z.string().nullable(),
  actorId: z.string().nullable(),
  at: z.coerce.date(),
  takesAway: z.boolean(),
});
const pageSchema = z.object({
  expired: z.boolean(),
  horizon: z.string(),
  standing: z.string(),
  events: z.array(eventSchema),
});

export function createChangeRepository(db: Database): ChangeRepository {
  return {
    read: (userId, after, limit) => readFeed(db, userId, after, limit),
    async trim(olderThanDays, limit) {
      const { rows } = await db.execute(sql`
        with first as (
          select o.id, o.transaction_id, o.created_at from storage.outbox o
          order by o.transaction_id, o.id limit ${limit}
        ), old as materialized (
          select f.id, f.transaction_id from first f
          where f.created_at < now() - make_interval(days => ${olderThanDays}::int)
            and exists (select from ai.events_read())
            and (f.transaction_id, f.id) <= all (
              select r.transaction_id, r.event_id from ai.events_read() r
              union all
              select c.transaction_id, c.event_id from storage.cursors c where c.name <> 'trimmed')
        ), noted as (
          insert into storage.cursors (name, transaction_id, event_id)
          select 'trimmed', old.transaction_id, old.id from old order by old.transaction_id desc, old.id desc limit 1
          on conflict (name) do update set transaction_id = excluded.transaction_id, event_id = excluded.event_id
            where (cursors.transaction_id, cursors.event_id) < (excluded.transaction_id, excluded.event_id)
        )
        delete from storage.outbox o using old where o.id = old.id returning o.id`);
      return rows.length;
    },
  };
}

/** Which life of the database it is, as the end of each standing: a place in the feed means nothing after a restore. */
const life = sql`coalesce((select left(md5(u.state::text), 4) from storage.upkeep u where u.name = 'restored'), '0000')`;

/**
 * One statement, so one snapshot: what is trimmed meanwhile is either still here or known to be gone. Of each principal
 * that the user is, a page by the index; merged, each event once.
 */
async function readFeed(db: Database, userId: string, after: FeedCursor, limit: number): Promise<FeedPage> {
  const user = uuid(userId);
  const place = sql`(${after.transactionId}::xid8, ${after.eventId}::bigint)`;
  const { rows } = await db.execute(sql`
    with horizon as materialized (
      select pg_snapshot_xmin(pg_current_snapshot()) as transaction_id, ${life} as life
    ), principals as materialized (
      select p.principal_id from auth.principals_of(${user}) p
    ), told as (
      select distinct c.transaction_id, c.event_id from principals p cross join lateral (
        select c.transaction_id, c.event_id from storage.changes c
        where c.principal_id = p.principal_id and (c.transaction_id, c.event_id) > ${place}
          and c.transaction_id < (select transaction_id from horizon)
        order by c.transaction_id, c.event_id limit ${limit}
      ) c order by c.transaction_id, c.event_id limit ${limit}
    )
    select
      coalesce(${after.standing}::text is not null and (
        ${after.transactionId}::xid8 > (select transaction_id from horizon)
        or right(${after.standing}::text, 4) <> (select life from horizon)
        or (select (c.transaction_id, c.event_id) > ${place} from storage.cursors c where c.name = 'trimmed')
      ), false) as expired,
      (select transaction_id::text from horizon) as horizon,
      coalesce(left(storage.standing_of(${user}), 8), '00000000') || (select life from horizon) as standing,
      coalesce((
        select jsonb_agg(jsonb_build_object(
          'transactionId', o.transaction_id::text, 'eventId', o.id::text, 'type', o.type, 'fileId', o.file_id,
          'versionId', o.version_id, 'actorId', o.actor_id, 'at', o.created_at, 'takesAway',
          case
            when o.audience && array(select p.principal_id from principals p) then true
            when o.type in ('file.moved', 'access.changed') then true
            when o.type in ('file.trashed', 'file.purged') then
              not exists (select from storage.scopes s where s.id = o.scope_id)
              or storage.rank_in(${user}, o.scope_id) is not null
            else false
          end) order by o.transaction_id, o.id)
        from told t join storage.outbox o on o.id = t.event_id
      ), '[]') as events`);
  const { expired, horizon, standing, events } = pageSchema.parse(rows[0]);
  return {
    expired,
    horizon: { transactionId: horizon, eventId: '0', standing },
    events: events.map((event) => ({
      ...event,
      fileId: uuidToId('file', event.fileId),
      versionId: event.versionId && uuidToId('ver', event.versionId),
      actorId: event.actorId && uuidToId('usr', event.actorId),
    })),
  };
}
