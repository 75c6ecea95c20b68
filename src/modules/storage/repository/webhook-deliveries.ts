import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import type { DeliveryOutcome, DeliveryRepository } from '../ports/webhooks.ts';
import { uuid } from './access.ts';

const dueSchema = z.object({
  id: z.string(),
  webhook_id: z.string(),
  url: z.string(),
  sealed_secret: z.string(),
  payload: z.unknown(),
  attempts: z.coerce.number(),
  speaks: z.boolean(),
});
const sealedSchema = z.array(z.object({ id: z.string(), sealed_secret: z.string() }));

export function createDeliveryRepository(db: Database): DeliveryRepository {
  return {
    dispatch: (limit) => dispatch(db, limit),

    async claim(leaseToken, leaseSeconds) {
      // A sub-select with LIMIT and SKIP LOCKED that is not materialized may be run again for each row.
      const { rows } = await db.execute(sql`
        with hook as materialized (
          select w.id, w.url, w.sealed_secret from storage.webhooks w cross join lateral (
            select d.next_attempt_at from storage.webhook_deliveries d where d.webhook_id = w.id and ${isDue}
            order by d.next_attempt_at limit 1
          ) first
          where w.active and not exists (select from storage.webhook_deliveries d
            where d.webhook_id = w.id and d.state = 'pending' and d.lease_until > now())
          order by w.failures, first.next_attempt_at limit 1
          for no key update of w skip locked
        ), due as materialized (
          select d.id from storage.webhook_deliveries d join hook on hook.id = d.webhook_id where ${isDue}
          order by d.next_attempt_at limit 1 for update of d skip locked
        )
        update storage.webhook_deliveries d set attempts = d.attempts + 1, lease_token = ${leaseToken}::uuid,
          lease_until = now() + make_interval(secs => ${leaseSeconds}::float8)
        from due, hook where d.id = due.id
        returning d.id, d.webhook_id, hook.url, hook.sealed_secret, d.payload, d.attempts,
          storage.webhook_speaks(d.webhook_id) as speaks`);
      if (rows[0] === undefined) return undefined;
      const { id, webhook_id, sealed_secret, ...due } = dueSchema.parse(rows[0]);
      return {
        ...due,
        id: uuidToId('whd', id),
        webhookId: uuidToId('whk', webhook_id),
        sealedSecret: sealed_secret,
        leaseToken,
      };
    },

    async settle(due, outcome, audit) {
      const off = outcome.kind === 'given-up' ? outcome : undefined;
      const isOff = off === undefined ? sql`false` : sql`(w.failures + 1 >= ${off.offAfterFailures})`;
      await db.execute(sql`
        with settled as (
          update storage.webhook_deliveries d set lease_token = null, lease_until = null, ${effectOf(outcome)}
          where d.id = ${uuid(due.id)} and d.lease_token = ${due.leaseToken}::uuid and d.state = 'pending'
          returning d.webhook_id
        ), hook as (
          update storage.webhooks w set failures = ${failuresAfter(outcome)}, active = w.active and not ${isOff},
            reason = case when w.active and ${isOff} then ${off?.reason ?? null} else w.reason end
          from settled, (select b.active from storage.webhooks b where b.id = ${uuid(due.webhookId)}) before
          where w.id = settled.webhook_id
          returning before.active and not w.active as switched_off
        ), silenced as (select from hook where hook.switched_off)
        ${auditRows({ ...audit, reason: off?.reason ?? null }, sql`from silenced`)}`);
    },

    async trim(olderThanDays, limit) {
      await db.execute(sql`
        delete from storage.webhook_deliveries d where d.id in (
          select old.id from storage.webhook_deliveries old
          where old.created_at < now() - make_interval(days => ${olderThanDays}::int) limit ${limit})`);
    },

    async secretsNotUnder(prefix, limit) {
      const { rows } = await db.execute(sql`
        select w.id, w.sealed_secret from storage.webhooks w
        where not starts_with(w.sealed_secret, ${prefix}) limit ${limit}`);
      return sealedSchema
        .parse(rows)
        .map(({ id, sealed_secret }) => ({ id: uuidToId('whk', id), sealedSecret: sealed_secret }));
    },

    async reseal(webhookId, from, to) {
      await db.execute(sql`
        update storage.webhooks w set sealed_secret = ${to} where w.id = ${uuid(webhookId)} and w.sealed_secret = ${from}`);
    },
  };
}

const isDue = sql`d.state = 'pending' and d.next_attempt_at <= now() and (d.lease_until is null or d.lease_until <= now())`;

/** One statement: who else is dispatching finds the cursor moved, and does nothing. */
async function dispatch(db: Database, limit: number): Promise<boolean> {
  const { rows } = await db.execute(sql`
    with place as materialized (
      select c.transaction_id, c.event_id from storage.cursors c where c.name = 'webhooks'
    ), page as materialized (
      select o.* from storage.outbox o
      where (o.transaction_id, o.id) > (select p.transaction_id, p.event_id from place p)
        and o.transaction_id < pg_snapshot_xmin(pg_current_snapshot())
      order by o.transaction_id, o.id limit ${limit}
    ), last as materialized (
      select p.transaction_id, p.id from page p order by p.transaction_id desc, p.id desc limit 1
    ), advanced as (
      update storage.cursors c set transaction_id = last.transaction_id, event_id = last.id
      from last, place
      where c.name = 'webhooks' and c.transaction_id = place.transaction_id and c.event_id = place.event_id
      returning c.name
    ), hooks as materialized (
      select w.id, w.drive_id, w.events, w.created_at,
        case when d.kind = 'workspace' then 'wsp_' else 'usr_' end as prefix
      from storage.webhooks w join storage.drives d on d.id = w.drive_id
      where w.drive_id in (select p.drive_id from page p) and storage.webhook_speaks(w.id)
    ), delivered as (
      insert into storage.webhook_deliveries (id, webhook_id, event_key, type, payload)
      select storage.new_id(), h.id, p.transaction_id::text || ':' || p.id::text, p.type, ${payload}
      from advanced, page p join hooks h on h.drive_id = p.drive_id and p.created_at >= h.created_at
        and (h.events = '{}' or p.type = any (h.events))
      on conflict do nothing
    )
    select count(*) = ${limit} as more from page, advanced`);
  return rows[0]?.more === true;
}

const payload = sql`jsonb_build_object(
  'type', p.type,
  'timestamp', to_char(p.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
  'data', jsonb_build_object(
    'driveId', h.prefix || replace(p.drive_id::text, '-', ''),
    'fileId', 'file_' || replace(p.file_id::text, '-', ''),
    'versionId', 'ver_' || replace(p.version_id::text, '-', ''),
    'actorId', 'usr_' || replace(p.actor_id::text, '-', '')))`;

function effectOf(outcome: DeliveryOutcome): SQL {
  const later = (seconds: number) => sql`next_attempt_at = now() + make_interval(secs => ${seconds}::float8)`;
  switch (outcome.kind) {
    case 'delivered':
      return sql`state = 'delivered', delivered_at = now(), response_status = ${outcome.status}, error = null`;
    case 'failed':
      return sql`response_status = ${outcome.status}, error = ${outcome.error}, ${later(outcome.retryAfterSeconds)}`;
    case 'given-up':
      return sql`state = 'failed', response_status = ${outcome.status}, error = ${outcome.error}`;
    case 'postponed':
      return sql`attempts = greatest(d.attempts - 1, 0), error = ${outcome.error}, ${later(outcome.retryAfterSeconds)}`;
  }
}

function failuresAfter({ kind }: DeliveryOutcome): SQL {
  if (kind === 'delivered') return sql`0`;
  return kind === 'postponed' ? sql`w.failures` : sql`w.failures + 1`;
}
