import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { analyses, cursors } from '../../../core/database/schema/ai.ts';
import { STAGES } from '../models/analysis.ts';
import type { Job, JobRepository } from '../ports/jobs.ts';
import { CURSOR, recordEvents } from './job-events.ts';
import { holds, isOurs } from './job-lease.ts';
import { abandon, finish, refuse, stepInput, whyNotHandedOut } from './job-outcome.ts';
import { completeText, saveChunks } from './job-text.ts';
import {
  addSpace,
  chooseModel,
  completeVectors,
  embeddingModels,
  saveVectors,
  unembedded,
} from './job-vectors.ts';

const MAX_WAIT_SECONDS = 300;
/** How much longer each wait is than the one before. */
const WAIT_GROWTH = 1.25;

/** Condition on `ai.analyses a`. */
const IS_DUE = sql`a.todo <> '{}' and a.next_attempt_at <= now() and (a.lease_until is null or a.lease_until < now())`;

const inSeconds = (seconds: SQL | number): SQL => sql`now() + (${seconds})::float8 * interval '1 second'`;

export function createJobRepository(db: Database): JobRepository {
  /** Whoever is ready stays ready. */
  const putBack = async (job: Job, reason: string | null, changes: SQL) => {
    await db.execute(sql`
      update ai.analyses a set status = case when a.status = 'ready' then 'ready' else 'pending' end,
        reason = ${reason}::text, lease_token = null, lease_until = null, updated_at = now(), ${changes}
      where ${holds(job)}`);
  };

  return {
    async cursor() {
      const rows = await db.select().from(cursors).where(eq(cursors.name, CURSOR));
      return rows[0] ? `${rows[0].transactionId}:${rows[0].eventId}` : null;
    },
    recordEvents: (events) => recordEvents(db, events),
    claim: (leaseToken, leaseSeconds) => claim(db, leaseToken, leaseSeconds),

    async renew(job, leaseSeconds) {
      const rows = await db
        .update(analyses)
        .set({ leaseUntil: inSeconds(leaseSeconds) })
        .where(isOurs(job))
        .returning({
          givesWay: sql<boolean>`${job.priority > 0}
            and exists (select from ai.analyses a where a.priority < ${job.priority} and ${IS_DUE})`,
        });
      if (rows[0] === undefined) return 'lost';
      return rows[0].givesWay ? 'give_way' : 'held';
    },

    whyNotHandedOut: (job) => whyNotHandedOut(db, job),
    saveChunks: (job, chunks) => saveChunks(db, job, chunks),
    completeText: (job, properties, last) => completeText(db, job, properties, last),
    embeddingModels: (job) => embeddingModels(db, job),
    chooseModel: (model) => chooseModel(db, model),
    addSpace: (model, dimensions) => addSpace(db, model, dimensions),
    unembedded: (job, model, limit) => unembedded(db, job, model, limit),
    saveVectors: (job, model, vectors) => saveVectors(db, job, model, vectors),
    completeVectors: (job, model, provider) => completeVectors(db, job, model, provider),
    stepInput: (job, maxChunks) => stepInput(db, job, maxChunks),
    finish: (job, results) => finish(db, job, results),
    refuse: (job, refusal) => refuse(db, job, refusal),
    abandon: (job, reason, { givenUp }) => abandon(db, job, reason, givenUp),

    release: (job, reason, delaySeconds) =>
      putBack(job, reason, sql`next_attempt_at = ${inSeconds(delaySeconds)}`),

    // The wait before this one stands between the last change of the row and the time it was due again.
    postpone: (job, reason) =>
      putBack(
        job,
        reason,
        sql`attempts = greatest(0, a.attempts - 1), next_attempt_at = ${inSeconds(
          sql`least(${MAX_WAIT_SECONDS}, greatest(2, ${job.waitedSeconds}::float8 * ${WAIT_GROWTH}))`,
        )}`,
      ),

    pause: (job) => putBack(job, null, sql`attempts = greatest(0, a.attempts - 1), next_attempt_at = now()`),

    async secondsUntilDue() {
      const { rows } = await db.execute(sql`
        select extract(epoch from
          min(greatest(a.next_attempt_at, coalesce(a.lease_until, now()))) - now())::float8 as seconds
        from ai.analyses a where a.todo <> '{}'`);
      const seconds = rows[0]?.seconds;
      return seconds === null || seconds === undefined ? undefined : Math.max(0, Number(seconds));
    },
  };
}

async function claim(db: Database, leaseToken: string, leaseSeconds: number): Promise<Job | undefined> {
  const { rows } = await db.execute(sql`
    with due as (
      select a.version_id, a.next_attempt_at - a.updated_at as waited from ai.analyses a where ${IS_DUE}
      order by a.priority, a.next_attempt_at limit 1 for update skip locked
    )
    update ai.analyses a set status = case when a.status = 'ready' then 'ready' else 'processing' end, reason = null,
      lease_token = ${leaseToken}::uuid, lease_until = ${inSeconds(leaseSeconds)}, attempts = a.attempts + 1,
      updated_at = now()
    from due where a.version_id = due.version_id
    returning a.version_id, a.file_id, a.attempts, array_to_string(a.todo, ',') as todo, a.run, a.priority, a.status, a.traceparent,
      greatest(0, extract(epoch from due.waited))::float8 as waited`);
  const [row] = rows;
  if (row === undefined) return undefined;
  const todo = String(row.todo).split(',');
  return {
    versionId: uuidToId('ver', String(row.version_id)),
    fileId: uuidToId('file', String(row.file_id)),
    leaseToken,
    attempts: Number(row.attempts),
    todo: STAGES.filter((stage) => todo.includes(stage)),
    run: Number(row.run),
    priority: Number(row.priority) === 0 ? 0 : 1,
    isRedo: row.status === 'ready',
    waitedSeconds: Number(row.waited),
    traceparent: row.traceparent === null ? undefined : String(row.traceparent),
  };
}
