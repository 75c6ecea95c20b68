import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { type JournalRepository, journalStateSchema, type Position } from '../ports/journal.ts';

const positionSchema = z.object({ transactionId: z.string(), eventId: z.string() });
const linesSchema = z.array(z.unknown()).transform((lines) => lines.map((line) => JSON.stringify(line)));
const segmentSchema = z.object({ last: positionSchema.nullable(), horizon: z.string(), lines: linesSchema });
const partSchema = z.object({ last: z.string().nullable(), end: z.string(), lines: linesSchema });
const leasedSchema = z.object({ ...positionSchema.shape, state: journalStateSchema.nullable() });

/** While it stands the tree is being made anew from the journal (repository/rebuild.ts). */
export const IS_REBUILDING = sql`to_regclass('storage.rebuild_entries') is not null`;

const placed = (position: Position): SQL =>
  sql`(${position.transactionId}::xid8, ${position.eventId}::bigint)`;

/** Of drives what is not counted from their rows. */
const driveRecord = sql`jsonb_build_object('drive',
  to_jsonb(d) - 'generation' - 'used_bytes' - 'reserved_bytes' - 'entry_count')`;

export function createJournalRepository(db: Database): JournalRepository {
  return {
    async lease(token, seconds) {
      const [, leased] = await db.batch([
        db.execute(sql`insert into storage.cursors (name, transaction_id, event_id) values ('journal', '0', 0)
          on conflict do nothing`),
        db.execute(sql`
          update storage.cursors c set lease_token = ${token}::uuid, lease_until = now() + ${seconds} * interval '1 second'
          where c.name = 'journal' and (c.lease_until is null or c.lease_until <= now()) and not ${IS_REBUILDING}
          returning c.transaction_id::text as "transactionId", c.event_id::text as "eventId",
            (select u.state from storage.upkeep u where u.name = 'journal') as state`),
      ]);
      if (leased.rows[0] === undefined) return undefined;
      const { state, ...position } = leasedSchema.parse(leased.rows[0]);
      return { position, state: state ?? undefined };
    },

    async release(token) {
      await db.execute(sql`update storage.cursors c set lease_token = null, lease_until = null
        where c.name = 'journal' and c.lease_token = ${token}::uuid`);
    },

    async save(token, state, position) {
      const moved = position
        ? sql`, transaction_id = ${position.transactionId}::xid8, event_id = ${position.eventId}::bigint`
        : sql``;
      const { rows } = await db.execute(sql`
        with mine as (
          update storage.cursors c set lease_until = greatest(c.lease_until, now() + interval '1 minute') ${moved}
          where c.name = 'journal' and c.lease_token = ${token}::uuid and not ${IS_REBUILDING} returning c.name
        )
        insert into storage.upkeep (name, state) select mine.name, ${JSON.stringify(state)}::jsonb from mine
        on conflict (name) do update set state = excluded.state returning name`);
      return rows.length > 0;
    },

    async segment(after, events, versions) {
      const { rows } = await db.execute(sql`
        with next as (
          select o.transaction_id, o.id, o.file_id, o.drive_id from storage.outbox o
          where (o.transaction_id, o.id) > ${placed(after)}
            and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
          order by o.transaction_id, o.id limit ${events}
        ), weighed as (
          select n.*, sum(coalesce(f.version_count, 1)) over (order by n.transaction_id, n.id rows unbounded preceding)
            - coalesce(f.version_count, 1) as before
          from next n left join storage.files f on f.id = n.file_id
        ), page as materialized (
          select w.transaction_id, w.id, w.file_id, w.drive_id from weighed w where w.before <= ${versions}
        ), lines as (
          select ${driveRecord} as line, 1 as place from storage.drives d where d.id in (
            select p.drive_id from page p union select f.drive_id from page p join storage.files f on f.id = p.file_id)
          union all
          select storage.journal_record(p.file_id), 2 from (select distinct file_id from page) p
        )
        select pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
          (select jsonb_build_object('transactionId', p.transaction_id::text, 'eventId', p.id::text)
            from page p order by p.transaction_id desc, p.id desc limit 1) as last,
          coalesce((select jsonb_agg(l.line order by l.place) from lines l), '[]') as lines`);
      const { last, ...rest } = segmentSchema.parse(rows[0]);
      return { ...rest, last: last ?? undefined };
    },

    async part(after, files, versions) {
      const { rows } = await db.execute(sql`
        with chosen as (
          select f.id, f.drive_id, greatest(1, f.version_count) as own,
            sum(greatest(1, f.version_count)) over (order by f.id rows unbounded preceding) as together
          from storage.files f where f.id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid
          order by f.id limit ${files}
        ), page as materialized (
          select c.id, c.drive_id from chosen c where c.together - c.own <= ${versions}
        ), lines as (
          select ${driveRecord} as line, 1 as place from storage.drives d where d.id in (select p.drive_id from page p)
          union all
          select storage.journal_record(p.id), 2 from page p
        )
        select pg_snapshot_xmax(pg_current_snapshot())::text as "end",
          (select p.id::text from page p order by p.id desc limit 1) as last,
          coalesce((select jsonb_agg(l.line order by l.place) from lines l), '[]') as lines`);
      const { last, ...rest } = partSchema.parse(rows[0]);
      return { ...rest, last: last ?? undefined };
    },
  };
}
