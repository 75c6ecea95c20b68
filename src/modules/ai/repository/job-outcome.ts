import { sql } from 'drizzle-orm';
import { documentMetadataSchema, type StepResult, type TextChunk } from '../../../contracts/sidecar.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import type { Job, NotHandedOut, Refusal, StepInput } from '../ports/jobs.ts';
import { ended, holds, storableJson } from './job-lease.ts';
import { toStored } from './step-results.ts';

export async function stepInput(db: Database, job: Job, maxChunks: number): Promise<StepInput | undefined> {
  const version = sql`${idToUuid(job.versionId)}::uuid`;
  const [found, passages] = await db.batch([
    db.execute(sql`
      select a.content_type, a.language, a.metadata, a.truncated, a.chunk_count, d.model, d.embedding::text as embedding
      from ai.analyses a
      left join ai.document_vectors d on d.version_id = a.version_id and d.model = a.embedding_model
      where ${holds(job)}`),
    db.execute(sql`
      select c.index, c.start_offset, c.end_offset, c.page, c.text from ai.chunks c
      where c.version_id = ${version} order by c.index limit ${maxChunks}`),
  ]);
  const [row] = found.rows;
  if (row === undefined) return undefined;
  return {
    contentType: String(row.content_type ?? 'application/octet-stream'),
    language: row.language === null ? null : String(row.language),
    metadata: documentMetadataSchema.parse(row.metadata),
    truncated: row.truncated === null ? undefined : String(row.truncated),
    chunkCount: Number(row.chunk_count),
    chunks: passages.rows.map(toChunk),
    vector:
      typeof row.embedding === 'string'
        ? { model: String(row.model), values: JSON.parse(row.embedding) }
        : undefined,
  };
}

function toChunk(row: Record<string, unknown>): TextChunk {
  return {
    index: Number(row.index),
    start: Number(row.start_offset),
    end: Number(row.end_offset),
    text: String(row.text),
    ...(row.page === null ? {} : { page: Number(row.page) }),
  };
}

export async function finish(db: Database, job: Job, results?: readonly StepResult[]): Promise<void> {
  const ready = sql`status = 'ready', reason = null, given_up_at = null, ${ended(job)}`;
  if (results === undefined) {
    await db.execute(sql`update ai.analyses a set ${ready} where ${holds(job)}`);
    return;
  }
  const { byStep, simhash, categories, fields } = toStored(results);
  const saved = db.execute(sql`
    with job as (
      update ai.analyses a set ${ready}, results = ${storableJson(byStep)}::jsonb, simhash = ${simhash}::bigint
      where ${holds(job)} returning a.version_id
    ), category as (
      select job.version_id, c.* from job, jsonb_to_recordset(${storableJson(categories)}::jsonb)
        as c(label text, score real)
    ), field as (
      select job.version_id, f.* from job, jsonb_to_recordset(${storableJson(fields)}::jsonb)
        as f(name text, value text, number float8, confidence real, start int, "end" int)
    ), old_categories as (
      delete from ai.categories c using job
      where c.version_id = job.version_id and c.label not in (select label from category)
    ), old_fields as (
      delete from ai.field_values v using job
      where v.version_id = job.version_id and v.name not in (select name from field)
    ), new_categories as (
      insert into ai.categories (version_id, label, score) select version_id, label, score from category
      on conflict (version_id, label) do update set score = excluded.score
    )
    insert into ai.field_values (version_id, name, value, number, confidence, start_offset, end_offset)
    select version_id, name, value, number, confidence, start, "end" from field
    on conflict (version_id, name) do update set value = excluded.value, number = excluded.number,
      confidence = excluded.confidence, start_offset = excluded.start_offset, end_offset = excluded.end_offset`);
  await db.batch([saved, db.execute(sql`select ai.ask_rules(${idToUuid(job.versionId)}::uuid)`)]);
}

export async function refuse(
  db: Database,
  job: Job,
  { status, reason, contentType }: Refusal,
): Promise<void> {
  await db.execute(sql`
    with job as (
      update ai.analyses a set reason = ${reason}, content_type = coalesce(${contentType ?? null}::text, a.content_type),
        status = case when a.run = ${job.run} then ${status} else 'pending' end,
        chunk_count = 0, word_count = 0, language = null, metadata = '{}', truncated = null, results = '{}',
        simhash = null, embedding_model = null, embedding_provider = null, given_up_at = null, ${ended(job)}
      where ${holds(job)} returning a.version_id
    ), passages as (delete from ai.chunks t using job where t.version_id = job.version_id),
      means as (delete from ai.document_vectors t using job where t.version_id = job.version_id),
      filed as (delete from ai.categories t using job where t.version_id = job.version_id)
    delete from ai.field_values t using job where t.version_id = job.version_id`);
}

/** Only steps missing: the text is there and so are its vectors, which is no failure for search. */
export async function abandon(db: Database, job: Job, reason: string, givenUp: boolean): Promise<void> {
  const status = givenUp ? 'failed' : 'skipped';
  await db.execute(sql`
    update ai.analyses a set reason = ${reason}, ${ended(job)},
      given_up_at = case when ${givenUp} and a.run = ${job.run} then now() end,
      status = case when a.status = 'ready' or (${givenUp} and a.todo = '{steps}') then 'ready'
        when a.run = ${job.run} then ${status} else 'pending' end
    where ${holds(job)}`);
}

export async function whyNotHandedOut(db: Database, job: Job): Promise<NotHandedOut> {
  const { rows } = await db.execute(
    sql`select v.content from storage.version_facts v where v.version_id = ${idToUuid(job.versionId)}::uuid`,
  );
  const content = rows[0]?.content;
  if (content === undefined) return 'deleted';
  return content === 'missing' || content === 'corrupt' || content === 'infected' ? content : 'trashed';
}
