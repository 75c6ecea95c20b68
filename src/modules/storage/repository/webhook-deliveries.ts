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
          select w.id, w.url, w.sealed_secret from storage.webhooks w
          where w.active
            and exists (select from storage.webhook_deliveries d where d.webhook_id = w.id and ${isDue})
            and not exists (select from storage.webhook_deliveries d
              where d.webhook_id = w.id and d.state = 'pending' and d.lease_until > now())
          order by w.failures > 0, w.updated_at limit 1
          for no key update skip locked
        ), due as materialized (
          select d.id from storage.webhook_deliveries d join hook on hook.id = d.webhook_id where ${isDue}
          order by d.next_attempt_at limit 1 for update of d skip locked
        ), served as (
          -- Whoever was served last comes last among those who wait.
          update storage.webhooks w set updated_at = clock_timestamp() from hook where w.id = hook.id
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
      await db.execute(sql`
        with settled as (
          update storage.webhook_deliveries d set lease_token = null, lease_until = null, ${effectOf(outcome)}
          where d.id = ${uuid(due.id)} and d.lease_token = ${due.leaseToken}::uuid and d.state = 'pending'
          returning d.webhook_id
        ), hook as (
          update storage.webhooks w set failures = ${failuresAfter(outcome)}
          from settled where w.id = settled.webhook_id returning w.id, w.failures, w.active
        ), silenced as (
          select hook.id from hook where hook.active and ${off !== undefined} and hook.failures >= ${off?.offAfterFailures ?? 0}
        ), audited as (${auditRows({ ...audit, reason: off?.reason ?? null }, sql`from silenced`)})
        select id from silenced`);
      if (off !== undefined)
        await db.execute(sql`
          update storage.webhooks w set active = false, reason = ${off.reason}
          where w.id = ${uuid(due.webhookId)} and w.active and w.failures >= ${off.offAfterFailures}`);
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
