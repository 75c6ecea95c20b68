import { and, asc, eq, sql } from 'drizzle-orm';
import type { TextChunk } from '../../../contracts/sidecar.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { analyses, chunks, cursors } from '../../../core/database/schema/ai.ts';
import type { Job, JobRepository, Outcome } from '../ports.ts';
import { TEXT_SEARCH } from './text-search.ts';

const CURSOR = 'storage';

const isOurs = (job: Job) =>
  and(eq(analyses.versionId, job.versionId), eq(analyses.leaseToken, job.leaseToken));

export function createJobRepository(db: Database): JobRepository {
  return {
    async cursor() {
      const rows = await db.select().from(cursors).where(eq(cursors.name, CURSOR));
      return rows[0] ? `${rows[0].transactionId}:${rows[0].eventId}` : null;
    },

    async recordEvents(events) {
      const last = events.at(-1);
      if (last === undefined) return;
      const jobs = events.flatMap(({ type, fileId, versionId }) =>
        type === 'version.created' && versionId ? [{ fileId, versionId }] : [],
      );
      const advance = advanceCursor(db, last.cursor);
      if (jobs.length === 0) await advance;
      else await db.batch([db.insert(analyses).values(jobs).onConflictDoNothing(), advance]);
    },

    async claim(leaseToken, leaseSeconds) {
      const due = db
        .select({ versionId: analyses.versionId })
        .from(analyses)
        .where(
          sql`${analyses.status} in ('pending', 'processing') and ${analyses.nextAttemptAt} <= now()
            and (${analyses.leaseUntil} is null or ${analyses.leaseUntil} < now())`,
        )
        .orderBy(asc(analyses.nextAttemptAt))
        .limit(1)
        .for('update', { skipLocked: true });
      const rows = await db
        .update(analyses)
        .set({
          status: 'processing',
          reason: null,
          leaseToken,
          leaseUntil: sql`now() + ${leaseSeconds} * interval '1 second'`,
          attempts: sql`${analyses.attempts} + 1`,
          updatedAt: sql`now()`,
        })
        .where(sql`${analyses.versionId} in (${due})`)
        .returning({ versionId: analyses.versionId, fileId: analyses.fileId, attempts: analyses.attempts });
      return rows[0] && { ...rows[0], leaseToken };
    },

    async renew(job, leaseSeconds) {
      const rows = await db
        .update(analyses)
        .set({ leaseUntil: sql`now() + ${leaseSeconds} * interval '1 second'` })
        .where(isOurs(job))
        .returning({ versionId: analyses.versionId });
      return rows.length > 0;
    },

    async clearChunks(job) {
      await db
        .delete(chunks)
        .where(
          and(
            eq(chunks.versionId, job.versionId),
            sql`exists (${db.select({ one: sql`1` }).from(analyses).where(isOurs(job))})`,
          ),
        );
    },

    saveChunks: (job, model, passages) => saveChunks(db, job, model, passages),
    finish: (job, outcome) => finish(db, job, outcome),

    async release(job, reason, delaySeconds) {
      await db
        .update(analyses)
        .set({
          status: 'pending',
          reason,
          leaseToken: null,
          leaseUntil: null,
          nextAttemptAt: sql`now() + ${delaySeconds} * interval '1 second'`,
          updatedAt: sql`now()`,
        })
        .where(isOurs(job));
    },

    async secondsUntilDue() {
      const rows = await db
        .select({
          seconds: sql<
            number | null
          >`extract(epoch from min(greatest(${analyses.nextAttemptAt}, coalesce(${analyses.leaseUntil}, now()))) - now())::float8`,
        })
        .from(analyses)
        .where(sql`${analyses.status} in ('pending', 'processing')`);
      const seconds = rows[0]?.seconds;
      return seconds === null || seconds === undefined ? undefined : Math.max(0, seconds);
    },
  };
}

/** Two readers may overlap: the cursor only ever moves forward. */
function advanceCursor(db: Database, cursor: string) {
  const [transactionId = '0', eventId = '0'] = cursor.split(':');
  return db
    .insert(cursors)
    .values({ name: CURSOR, transactionId, eventId: Number(eventId) })
    .onConflictDoUpdate({
      target: cursors.name,
      set: { transactionId, eventId: Number(eventId) },
      setWhere: sql`(${cursors.transactionId}, ${cursors.eventId}) < (${transactionId}::xid8, ${eventId}::bigint)`,
    });
}

/** Chunks, lexemes and vectors of one slice in one statement, written only under the lease. */
async function saveChunks(
  db: Database,
  job: Job,
  model: string,
  passages: readonly (TextChunk & { embedding: readonly number[] })[],
): Promise<void> {
  const rows = passages.map(({ index, start, end, page, text, embedding }) => ({
    index,
    start,
    end,
    page: page ?? null,
    // PostgreSQL's text has no NUL; a space keeps the offsets.
    text: text.replaceAll('\0', ' '),
    embedding: JSON.stringify(embedding),
  }));
  await db.execute(sql`
    with job as (
      select version_id from ai.analyses
      where version_id = ${idToUuid(job.versionId)}::uuid and lease_token = ${job.leaseToken}::uuid for share
    ), passage as (
      select job.version_id, p.*, to_tsvector(${TEXT_SEARCH}, p.text) as lexemes
      from job, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as p(index int, start int, "end" int, page int, text text, embedding text)
    ), chunk as (
      insert into ai.chunks (version_id, index, start_offset, end_offset, page, text, lexemes, length)
      select version_id, index, start, "end", page, text, lexemes,
        (select coalesce(sum(cardinality(l.positions)), 0) from unnest(lexemes) l)
      from passage
      on conflict do nothing
    )
    insert into ai.embeddings (model, version_id, index, embedding)
    select ${model}, version_id, index, embedding::vector from passage
    on conflict do nothing`);
}

async function finish(db: Database, job: Job, outcome: Outcome): Promise<void> {
  const total = (column: 'count(*)' | 'sum(length)') =>
    sql.raw(`coalesce((select ${column} from ai.chunks c where c.version_id = analyses.version_id), 0)::int`);
  await db
    .update(analyses)
    .set({
      status: outcome.status,
      reason: outcome.reason ?? null,
      contentType: outcome.contentType ?? null,
      language: outcome.language ?? null,
      metadata: outcome.metadata ?? {},
      embeddingModel: outcome.embeddingModel ?? null,
      truncated: outcome.truncated ?? null,
      chunkCount: total('count(*)'),
      wordCount: total('sum(length)'),
      leaseToken: null,
      leaseUntil: null,
      updatedAt: sql`now()`,
    })
    .where(isOurs(job));
}
