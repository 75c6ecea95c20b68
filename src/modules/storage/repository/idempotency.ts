import { and, eq, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idempotencyKeys } from '../../../core/database/schema/storage.ts';
import type { Claim, IdempotencyRepository } from '../ports/idempotency.ts';
import { uuid } from './access.ts';

export function createIdempotencyRepository(db: Database): IdempotencyRepository {
  const ofKey = (userId: string, key: string) =>
    and(eq(idempotencyKeys.userId, userId), eq(idempotencyKeys.key, key));
  const ofClaim = (userId: string, key: string, lease: string) =>
    and(ofKey(userId, key), sql`${idempotencyKeys.leaseUntil} = ${lease}::timestamptz`);

  return {
    async claim(userId, key, fingerprint, resourceUuid, leaseSeconds) {
      const [claimed, rows] = await db.batch([
        db.execute(sql`
          insert into storage.idempotency_keys as k (user_id, key, fingerprint, resource_id, lease_until)
          values (${uuid(userId)}, ${key}, ${fingerprint}, ${resourceUuid}::uuid,
            now() + ${leaseSeconds} * interval '1 second')
          on conflict (user_id, key) do update set lease_until = excluded.lease_until
            where k.status is null and k.lease_until < now() and k.fingerprint = excluded.fingerprint
          returning k.resource_id, k.lease_until::text as lease`),
        db.select().from(idempotencyKeys).where(ofKey(userId, key)),
      ]);
      const [row] = rows;
      const { resource_id: resource, lease } = claimed.rows[0] ?? {};
      if (typeof resource === 'string')
        return {
          state: 'claimed',
          resourceUuid: resource,
          isFirst: resource === resourceUuid,
          lease: String(lease),
        };
      return row === undefined ? { state: 'in_progress' } : stateOf(row, fingerprint);
    },

    async answer(userId, key, { status, body, location }) {
      await db
        .update(idempotencyKeys)
        .set({ status, body, location, leaseUntil: null })
        .where(ofKey(userId, key));
    },
    async forget(userId, key, lease) {
      await db.delete(idempotencyKeys).where(ofClaim(userId, key, lease));
    },
    async release(userId, key, lease) {
      await db
        .update(idempotencyKeys)
        .set({ leaseUntil: sql`now() - interval '1 second'` })
        .where(ofClaim(userId, key, lease));
    },
    async removeOlderThan(seconds, limit) {
      const removed = await db.execute(sql`
        delete from storage.idempotency_keys k using (
          select o.user_id, o.key from storage.idempotency_keys o
          where o.created_at < now() - ${seconds} * interval '1 second' order by o.created_at limit ${limit}
        ) old where k.user_id = old.user_id and k.key = old.key returning 1`);
      return removed.rows.length;
    },
  };
}

function stateOf(row: typeof idempotencyKeys.$inferSelect, fingerprint: string): Claim {
  if (row.fingerprint !== fingerprint) return { state: 'reused' };
  if (row.status === null) return { state: 'in_progress' };
  return { state: 'answered', status: row.status, body: row.body ?? '', location: row.location };
}
