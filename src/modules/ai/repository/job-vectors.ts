import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { chunks, embeddings } from '../../../core/database/schema/ai.ts';
import type { ChunkVector, EmbeddingModels, Job, UnembeddedChunk } from '../ports/jobs.ts';
import { holds, leased, without } from './job-lease.ts';

const DEPLOYMENT = '00000000-0000-0000-0000-000000000000';
const TASK = 'feature-extraction';

/** Advisory lock: exclusive for a change of choices, shared while a version ends up with the vectors of one. */
export const MODEL_CHOICES = sql`hashtextextended('ai:model-choices', 0)`;

/** The choice of the drive that the version is in, else the deployment's. */
export async function embeddingModels(db: Database, job: Job): Promise<EmbeddingModels> {
  const { rows } = await db.execute(sql`
    select c.model, c.next_model from ai.model_choices c
    where c.task = ${TASK} and (c.drive_id = ${DEPLOYMENT}::uuid or c.drive_id in (
      select v.drive_id from storage.version_facts v where v.version_id = ${idToUuid(job.versionId)}::uuid))
    order by c.drive_id desc limit 1`);
  const [row] = rows;
  return {
    current: row === undefined ? null : String(row.model),
    next: typeof row?.next_model === 'string' ? row.next_model : null,
  };
}

export async function chooseModel(db: Database, model: string): Promise<void> {
  await db.execute(sql`
    insert into ai.model_choices (drive_id, task, model) values (${DEPLOYMENT}::uuid, ${TASK}, ${model})
    on conflict do nothing`);
}

export async function addSpace(db: Database, model: string, dimensions: number): Promise<void> {
  await db.execute(sql`
    select ai.add_embedding_model(${model}, ${dimensions}::int)
    where not exists (select from ai.embedding_models m where m.model = ${model})`);
}

export function unembedded(
  db: Database,
  job: Job,
  model: string | null,
  limit: number,
): Promise<UnembeddedChunk[]> {
  const hasOne = and(
    eq(embeddings.versionId, chunks.versionId),
    eq(embeddings.index, chunks.index),
    sql`${embeddings.model} = ${model}::text`,
  );
  return db
    .select({ index: chunks.index, text: chunks.text })
    .from(chunks)
    .leftJoin(embeddings, hasOne)
    .where(and(eq(chunks.versionId, job.versionId), isNull(embeddings.index)))
    .orderBy(asc(chunks.index))
    .limit(limit);
}

export async function saveVectors(
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

/** A model that lacks vectors, because they are gone or were never all made, has no mean either: it says that all are there. */
export async function completeVectors(
  db: Database,
  job: Job,
  model: string | null,
  provider: string | undefined,
): Promise<boolean> {
  const [, , , { rows }] = await db.batch([
    db.execute(sql`select pg_advisory_xact_lock_shared(${MODEL_CHOICES})`),
    db.execute(sql`
      with ${leased(job)}
      delete from ai.document_vectors d using job
      where d.version_id = job.version_id and exists (
        select from ai.chunks c where c.version_id = d.version_id and not exists (
          select from ai.embeddings e where e.version_id = c.version_id and e.index = c.index and e.model = d.model))`),
    db.execute(sql`
      with ${leased(job)}
      insert into ai.document_vectors (model, version_id, embedding)
      select e.model, e.version_id, l2_normalize(avg(e.embedding))
      from job join ai.embeddings e on e.version_id = job.version_id group by e.model, e.version_id
      having count(*) = (select count(*) from ai.chunks c where c.version_id = e.version_id)
      on conflict (version_id, model) do update set embedding = excluded.embedding`),
    db.execute(sql`
      update ai.analyses a set todo = ${without(job, 'vectors')}, attempts = 1, updated_at = now(),
        embedding_model = case when a.chunk_count > 0 then ${model}::text end,
        embedding_provider = case when a.chunk_count > 0 then coalesce(${provider ?? null}::text, a.embedding_provider) end
      where ${holds(job)} and (a.chunk_count = 0 or coalesce(ai.model_for((select v.drive_id from storage.version_facts v
        where v.version_id = a.version_id), ${TASK}), ${model}::text) is not distinct from ${model}::text)
      returning a.version_id`),
  ]);
  return rows.length > 0;
}
