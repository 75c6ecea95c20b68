import { and, asc, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm';
import type { TextChunk } from '../../../contracts/sidecar.ts';
import type { StorageEvent } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { analyses, chunks, cursors, embeddings } from '../../../core/database/schema/ai.ts';
import type {
  ChunkVector,
  DocumentProperties,
  Job,
  JobRepository,
  Outcome,
  UnembeddedChunk,
} from '../ports/jobs.ts';
import { TEXT_SEARCH } from './text-search.ts';

const CURSOR = 'storage';

const MAX_WAIT_SECONDS = 300;

const PENDING = { status: 'pending', leaseToken: null, leaseUntil: null, updatedAt: sql`now()` } as const;

const inSeconds = (seconds: SQL): SQL => sql`now() + ${seconds} * interval '1 second'`;

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
      const statements = [
        ...(jobs.length > 0 ? [db.insert(analyses).values(jobs).onConflictDoNothing()] : []),
        ...forgetting(db, events),
      ];
      await db.batch([advance, ...statements]);
    },

    async claim(leaseToken, leaseSeconds) {
      const due = db
        .select({ versionId: analyses.versionId })
        .from(analyses)
        .where(
          sql`${analyses.todo} <> '{}' and ${analyses.nextAttemptAt} <= now()
            and (${analyses.leaseUntil} is null or ${analyses.leaseUntil} < now())`,
        )
        .orderBy(asc(analyses.priority), asc(analyses.nextAttemptAt))
        .limit(1)
        .for('update', { skipLocked: true });
      const rows = await db
        .update(analyses)
        .set({
          status: 'processing',
          reason: null,
          leaseToken,
          leaseUntil: inSeconds(sql`${leaseSeconds}`),
          attempts: sql`${analyses.attempts} + 1`,
          updatedAt: sql`now()`,
        })
        .where(sql`${analyses.versionId} in (${due})`)
        .returning({
          versionId: analyses.versionId,
          fileId: analyses.fileId,
          attempts: analyses.attempts,
          hasText: sql<boolean>`${analyses.chunkCount} > 0`,
        });
      return rows[0] && { ...rows[0], leaseToken };
    },

    async renew(job, leaseSeconds) {
      const rows = await db
        .update(analyses)
        .set({ leaseUntil: inSeconds(sql`${leaseSeconds}`) })
        .where(isOurs(job))
        .returning({ versionId: analyses.versionId });
      return rows.length > 0;
    },

    clearText: (job) => clearText(db, job),
    saveChunks: (job, passages) => saveChunks(db, job, passages),
    completeText: (job, properties) => completeText(db, job, properties),
    unembedded: (job, limit) => unembedded(db, job, limit),
    saveVectors: (job, model, vectors) => saveVectors(db, job, model, vectors),
    finish: (job, outcome) => finish(db, job, outcome),

    async release(job, reason, delaySeconds) {
      await db
        .update(analyses)
        .set({ ...PENDING, reason, nextAttemptAt: inSeconds(sql`${delaySeconds}`) })
        .where(isOurs(job));
    },

    async postpone(job, reason) {
      const waited = sql`extract(epoch from now() - ${analyses.createdAt})`;
      const delay = sql`least(${MAX_WAIT_SECONDS}, greatest(2, ${waited} / 8))`;
      const attempts = sql`${analyses.attempts} - 1`;
      await db
        .update(analyses)
        .set({ ...PENDING, reason, attempts, nextAttemptAt: inSeconds(delay) })
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
        .where(sql`${analyses.todo} <> '{}'`);
      const seconds = rows[0]?.seconds;
      return seconds === null || seconds === undefined ? undefined : Math.max(0, seconds);
    },
  };
}

/** What storage has deleted for good is forgotten here: chunks and vectors go with their analysis. */
function forgetting(db: Database, events: readonly StorageEvent[]) {
  const versionIds = events.flatMap(({ type, versionId }) =>
    type === 'version.deleted' && versionId ? [versionId] : [],
  );
  const fileIds = events.flatMap(({ type, fileId }) => (type === 'file.purged' ? [fileId] : []));
  return [
    ...(versionIds.length > 0 ? [db.delete(analyses).where(inArray(analyses.versionId, versionIds))] : []),
    ...(fileIds.length > 0 ? [db.delete(analyses).where(inArray(analyses.fileId, fileIds))] : []),
  ];
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

/** `job`: the row of this job while its lease holds, locked so that it stays ours until the statement is through. */
const leased = (job: Job): SQL => sql`
  job as (
    select version_id from ai.analyses
    where version_id = ${idToUuid(job.versionId)}::uuid and lease_token = ${job.leaseToken}::uuid for share
  )`;

async function clearText(db: Database, job: Job): Promise<void> {
  await db.execute(sql`
    with job as (
      update ai.analyses set chunk_count = 0, word_count = 0
      where version_id = ${idToUuid(job.versionId)}::uuid and lease_token = ${job.leaseToken}::uuid
      returning version_id
    )
    delete from ai.chunks c using job where c.version_id = job.version_id`);
}

async function saveChunks(db: Database, job: Job, passages: readonly TextChunk[]): Promise<void> {
  const rows = passages.map(({ index, start, end, page, text }) => ({
    index,
    start,
    end,
    page: page ?? null,
    // PostgreSQL's text has no NUL and no half characters; replacements of the same length keep the offsets.
    text: text.replaceAll('\0', ' ').toWellFormed(),
  }));
  await db.execute(sql`
    with ${leased(job)}, passage as (
      select job.version_id, p.*, to_tsvector(${TEXT_SEARCH}, p.text) as lexemes
      from job, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as p(index int, start int, "end" int, page int, text text)
    )
    insert into ai.chunks (version_id, index, start_offset, end_offset, page, text, lexemes, length)
    select version_id, index, start, "end", page, text, lexemes,
      (select coalesce(sum(cardinality(l.positions)), 0) from unnest(lexemes) l)
    from passage
    on conflict do nothing`);
}

async function completeText(
  db: Database,
  job: Job,
  { contentType, language, metadata, truncated }: DocumentProperties,
): Promise<void> {
  const total = (column: 'count(*)' | 'sum(length)') =>
    sql.raw(`coalesce((select ${column} from ai.chunks c where c.version_id = analyses.version_id), 0)::int`);
  await db
    .update(analyses)
    .set({
      contentType,
      language,
      metadata,
      truncated: truncated ?? null,
      chunkCount: total('count(*)'),
      wordCount: total('sum(length)'),
      updatedAt: sql`now()`,
    })
    .where(isOurs(job));
}

function unembedded(db: Database, job: Job, limit: number): Promise<UnembeddedChunk[]> {
  return db
    .select({ index: chunks.index, text: chunks.text })
    .from(chunks)
    .leftJoin(embeddings, and(eq(embeddings.versionId, chunks.versionId), eq(embeddings.index, chunks.index)))
    .where(and(eq(chunks.versionId, job.versionId), isNull(embeddings.index)))
    .orderBy(asc(chunks.index))
    .limit(limit);
}

async function saveVectors(
  db: Database,
  job: Job,
  model: string,
  vectors: readonly ChunkVector[],
): Promise<void> {
  const rows = vectors.map(({ index, values }) => ({ index, embedding: JSON.stringify(values) }));
  await db.execute(sql`
    with ${leased(job)}
    insert into ai.embeddings (model, version_id, index, embedding)
    select ${model}, job.version_id, v.index, v.embedding::vector
    from job, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as v(index int, embedding text)
    on conflict do nothing`);
}

async function finish(db: Database, job: Job, { status, reason, contentType }: Outcome): Promise<void> {
  await db
    .update(analyses)
    .set({
      status,
      todo: sql`'{}'::text[]`,
      reason: reason ?? null,
      ...(contentType ? { contentType } : {}),
      embeddingModel: sql`(select min(e.model) from ai.embeddings e where e.version_id = ${analyses.versionId})`,
      leaseToken: null,
      leaseUntil: null,
      updatedAt: sql`now()`,
    })
    .where(isOurs(job));
}
