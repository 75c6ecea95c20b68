import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { emails } from '../../../core/database/schema/auth.ts';
import type { EmailRepository } from '../ports/emails.ts';

const leasedSchema = z.array(
  z.object({ id: z.string(), template: z.string(), sealed_message: z.string(), attempts: z.number() }),
);

export function createEmailRepository(db: Database): EmailRepository {
  const pending = (id: string) => and(eq(emails.id, id), eq(emails.status, 'pending'));
  return {
    async insert(email) {
      await db.insert(emails).values(email);
    },

    async lease({ limit, firstDelaySeconds, maxDelaySeconds }) {
      // Materialized: a sub-select with LIMIT and SKIP LOCKED may be run again for each row, and lock more each time.
      const { rows } = await db.execute(sql`
        with due as materialized (
          select id from auth.emails
          where status = 'pending' and next_attempt_at <= now() and sealed_message is not null
          order by next_attempt_at limit ${limit} for update skip locked
        )
        update auth.emails e set attempts = e.attempts + 1, next_attempt_at = now() + make_interval(
          secs => least(${firstDelaySeconds}::float8 * 2 ^ least(e.attempts, 30), ${maxDelaySeconds}::float8))
        from due where e.id = due.id
        returning e.id, e.template, e.sealed_message, e.attempts`);
      return leasedSchema.parse(rows).map(({ id, template, sealed_message, attempts }) => ({
        id: uuidToId('eml', id),
        template,
        sealedMessage: sealed_message,
        attempts,
      }));
    },

    async markSent(id) {
      await db
        .update(emails)
        .set({ status: 'sent', sentAt: sql`now()`, sealedMessage: null, reason: null })
        .where(pending(id));
    },

    async markFailed(id, reason) {
      await db.update(emails).set({ status: 'failed', sealedMessage: null, reason }).where(pending(id));
    },

    async noteReason(id, reason) {
      await db.update(emails).set({ reason }).where(pending(id));
    },

    async cleanUp({ maxAttempts, days }) {
      await db.batch([
        db.execute(sql`
          update auth.emails set status = 'failed', sealed_message = null,
            reason = coalesce(reason, 'the last attempt never reported')
          where status = 'pending' and attempts >= ${maxAttempts} and next_attempt_at <= now()`),
        db.execute(sql`
          delete from auth.emails
          where status <> 'pending' and coalesce(sent_at, next_attempt_at) < now() - make_interval(days => ${days}::int)`),
      ]);
    },
  };
}
