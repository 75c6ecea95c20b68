import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { editableFiles, subtree, visibleFiles } from '../../../core/database/schema/published.ts';
import {
  type Batch,
  type BatchItem,
  type BatchOperation,
  batchItemSchema,
  batchSchema,
} from '../models/batches.ts';
import type { BatchCommand, BatchRepository } from '../ports/batches.ts';

const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

/** What an operation asks of a version. */
const STAGES: Readonly<Record<BatchOperation, string>> = {
  analyse: '{text,vectors,steps}',
  're-analyse': '{text,vectors,steps}',
  classify: '{steps}',
  extract: '{steps}',
  're-embed': '{vectors,steps}',
};

/** Over the last minutes: how fast a batch goes now, whatever it was before. */
const RATE_SECONDS = 300;

const COLUMNS = sql`
  b.id, b.operation, b.selection, b.state, b.total, b.created_at, b.updated_at, b.finished_at,
  (select coalesce(jsonb_object_agg(s.state, s.n), '{}') from (
    select i.state, count(*) as n from ai.batch_items i where i.batch_id = b.id group by i.state) s) as counts,
  (select count(*) filter (where i.state in ('done', 'skipped', 'failed'))
      / nullif(extract(epoch from now() - greatest(min(i.updated_at), now() - ${RATE_SECONDS} * interval '1 second')), 0)
    from ai.batch_items i where i.batch_id = b.id and i.state in ('done', 'skipped', 'failed')
      and i.updated_at > now() - ${RATE_SECONDS} * interval '1 second')::float8 as per_second`;

/** From which states a command leads where; what is done or cancelled takes only what is said here. */
const COMMANDS: Readonly<
  Record<BatchCommand, { readonly from: readonly Batch['state'][]; readonly to: Batch['state'] }>
> = {
  pause: { from: ['running', 'paused'], to: 'paused' },
  resume: { from: ['paused', 'running'], to: 'running' },
  cancel: { from: ['running', 'paused', 'cancelled'], to: 'cancelled' },
  retry: { from: ['running', 'paused', 'done'], to: 'running' },
};

export function createBatchRepository(db: Database): BatchRepository {
  return {
    async create(userId, { id, operation, selection }, files, most) {
      const chosen =
        'folderId' in files
          ? sql`e.file_id in (select s.file_id from ${subtree(files.folderId)} s)`
          : sql`e.file_id = any(${sql.param(files.ids.map(idToUuid))}::uuid[])`;
      const open =
        operation === 'analyse'
          ? sql`and not exists (select from ai.analyses a where a.version_id = e.version_id and a.status = 'ready')`
          : sql``;
      await db.execute(sql`
        with chosen as materialized (
          select e.file_id, e.version_id from ${editableFiles(userId)} e
          where e.version_id is not null and ${chosen} ${open} limit ${most}
        ), batch as (
          insert into ai.batches (id, created_by, operation, selection, total)
          select ${uuid(id)}, ${uuid(userId)}, ${operation}, ${JSON.stringify(selection)}::jsonb, count(*)
          from chosen having count(*) > 0 returning id
        )
        insert into ai.batch_items (batch_id, version_id, file_id)
        select batch.id, chosen.version_id, chosen.file_id from batch, chosen`);
    },

    async find(userId, id) {
      const { rows } = await db.execute(sql`
        select ${COLUMNS} from ai.batches b where b.id = ${uuid(id)} and b.created_by = ${uuid(userId)}`);
      return rows[0] && toBatch(rows[0]);
    },

    async list(userId, limit, cursor) {
      const { rows } = await db.execute(sql`
        select ${COLUMNS} from ai.batches b
        where b.created_by = ${uuid(userId)} ${cursor === undefined ? sql`` : sql`and b.id < ${uuid(cursor)}`}
        order by b.id desc limit ${limit + 1}`);
      return pageOf(rows.map(toBatch), limit, ({ id }) => id);
    },

    async items(userId, id, { state, limit, cursor }) {
      const { rows } = await db.execute(sql`
        select i.file_id, i.version_id, i.state, i.updated_at, coalesce(i.reason, a.reason) as reason
        from ai.batch_items i
          left join ai.analyses a on a.version_id = i.version_id and i.state = 'released'
        where i.batch_id = ${uuid(id)} ${state === undefined ? sql`` : sql`and i.state = ${state}`}
          ${cursor === undefined ? sql`` : sql`and i.version_id > ${uuid(cursor)}`}
          and i.file_id in (select seen.file_id from ${visibleFiles(userId)} seen)
        order by i.version_id limit ${limit + 1}`);
      return pageOf(rows.map(toItem), limit, ({ versionId }) => versionId);
    },

    async command(userId, id, command) {
      const { from, to } = COMMANDS[command];
      const { rows } = await db.execute(sql`
        with mine as (
          select b.id, b.state from ai.batches b
          where b.id = ${uuid(id)} and b.created_by = ${uuid(userId)} for no key update
        ), changed as (
          update ai.batches b set state = ${to}, updated_at = now(),
            finished_at = case when ${to} = 'cancelled' then coalesce(b.finished_at, now()) end
          from mine where b.id = mine.id and mine.state = any(${sql.param([...from])}::text[]) returning b.id
        ), items as (${itemsAfter(command)})
        select exists (select from changed) as done from mine`);
      return rows[0] && rows[0].done === true;
    },

    async settle() {
      const { rows } = await db.execute(sql`
        with through as materialized (
          select i.batch_id, i.version_id, a.status, a.reason, a.given_up_at
          from ai.batch_items i left join ai.analyses a on a.version_id = i.version_id
          where i.state = 'released' and (a.version_id is null or (a.todo = '{}' and a.run >= i.run))
          limit 1000 for update of i skip locked
        )
        update ai.batch_items i set updated_at = now(),
          state = case
            when t.status is null then 'skipped'
            when t.given_up_at is not null or t.status = 'failed' then 'failed'
            when t.status = 'skipped' then 'skipped'
            else 'done' end,
          reason = case when t.status is null then 'The version was deleted.'
            when t.status = 'ready' and t.given_up_at is null then null else t.reason end
        from through t where i.batch_id = t.batch_id and i.version_id = t.version_id
        returning i.version_id`);
      return rows.length;
    },

    async release(atOnce) {
      const { rows } = await db.execute(sql`
        with room as (
          select b.id, b.operation, ${atOnce}::int - (select count(*) from ai.batch_items i
            where i.batch_id = b.id and i.state = 'released')::int as free
          from ai.batches b where b.state = 'running' for no key update skip locked
        ), next as materialized (
          select i.batch_id, i.version_id, room.operation from room cross join lateral (
            select w.batch_id, w.version_id from ai.batch_items w
            where w.batch_id = room.id and w.state = 'waiting'
            order by w.version_id limit greatest(room.free, 0) for update skip locked
          ) i
        ), asked as materialized (
          select r.version_id, r.run from next n cross join lateral
            ai.request_work(array[n.version_id], (case n.operation ${STAGES_OF} end)::text[], 1) r
        )
        update ai.batch_items i set updated_at = now(), run = asked.run,
          state = case when asked.version_id is null then 'skipped' else 'released' end,
          reason = case when asked.version_id is null then 'The version was deleted.' end
        from next n left join asked on asked.version_id = n.version_id
        where i.batch_id = n.batch_id and i.version_id = n.version_id
        returning i.version_id`);
      return rows.length;
    },

    async finish() {
      await db.execute(sql`
        update ai.batches b set state = 'done', finished_at = now(), updated_at = now()
        where b.state = 'running' and not exists (
          select from ai.batch_items i where i.batch_id = b.id and i.state in ('waiting', 'released'))`);
    },
  };
}

const STAGES_OF = sql.join(
  Object.entries(STAGES).map(([operation, stages]) => sql`when ${operation} then ${stages}`),
  sql` `,
);

function itemsAfter(command: BatchCommand): SQL {
  if (command === 'cancel')
    return sql`update ai.batch_items i set state = 'cancelled', updated_at = now()
      from changed where i.batch_id = changed.id and i.state = 'waiting'`;
  if (command === 'retry')
    return sql`update ai.batch_items i set state = 'waiting', run = null, reason = null, updated_at = now()
      from changed where i.batch_id = changed.id and i.state = 'failed'`;
  return sql`select`;
}

function toBatch(row: Record<string, unknown>): Batch {
  const counts = batchSchema.shape.counts.parse({
    waiting: 0,
    released: 0,
    done: 0,
    skipped: 0,
    failed: 0,
    cancelled: 0,
    ...Object(row.counts),
  });
  const left = (counts.waiting ?? 0) + (counts.released ?? 0);
  const perSecond = row.per_second === null ? 0 : Number(row.per_second);
  return batchSchema.parse({
    id: uuidToId('bat', String(row.id)),
    operation: row.operation,
    selection: row.selection,
    state: row.state,
    total: row.total,
    counts,
    estimatedSecondsLeft: left === 0 ? 0 : perSecond > 0 ? Math.ceil(left / perSecond) : null,
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
    finishedAt: row.finished_at === null ? null : iso(row.finished_at),
  });
}

function toItem(row: Record<string, unknown>): BatchItem {
  return batchItemSchema.parse({
    fileId: uuidToId('file', String(row.file_id)),
    versionId: uuidToId('ver', String(row.version_id)),
    state: row.state,
    reason: row.reason,
    updatedAt: iso(row.updated_at),
  });
}

const iso = (at: unknown): string => new Date(String(at)).toISOString();

function pageOf<Item>(items: readonly Item[], limit: number, cursorOf: (item: Item) => string) {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, nextCursor: items.length > limit && last !== undefined ? cursorOf(last) : null };
}
