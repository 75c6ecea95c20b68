import { type SQL, sql } from 'drizzle-orm';
import type { TextChunk } from '../../../contracts/sidecar.ts';
import type { Database } from '../../../core/database/client.ts';
import type { DocumentProperties, Job } from '../ports/jobs.ts';
import { holds, leased, storableJson, without } from './job-lease.ts';
import { TEXT_SEARCH } from './text-search.ts';

export async function saveChunks(db: Database, job: Job, chunks: readonly TextChunk[]): Promise<void> {
  await db.execute(putChunks(job, chunks));
}

export async function completeText(
  db: Database,
  job: Job,
  properties: DocumentProperties,
  { chunks, count }: { readonly chunks: readonly TextChunk[]; readonly count: number },
): Promise<void> {
  await db.batch([
    db.execute(putChunks(job, chunks)),
    db.execute(sql`
      with ${leased(job)} delete from ai.chunks c using job where c.version_id = job.version_id and c.index >= ${count}`),
    db.execute(putProperties(job, properties)),
  ]);
}

/** Of a text that stays the same nothing is written, so that its vectors go on answering. */
function putChunks(job: Job, chunks: readonly TextChunk[]): SQL {
  const rows = chunks.map(({ index, start, end, page, text }) => ({
    index,
    start,
    end,
    page: page ?? null,
    text,
  }));
  return sql`
    with ${leased(job)}, passage as materialized (
      select job.version_id, p.*, to_tsvector(${TEXT_SEARCH}, p.text) as lexemes
      from job, jsonb_to_recordset(${storableJson(rows)}::jsonb)
        as p(index int, start int, "end" int, page int, text text)
    ), outdated as (
      delete from ai.embeddings e using passage p join ai.chunks c on c.version_id = p.version_id and c.index = p.index
      where e.version_id = p.version_id and e.index = p.index and c.text <> p.text
    )
    insert into ai.chunks as c (version_id, index, start_offset, end_offset, page, text, lexemes, length)
    select version_id, index, start, "end", page, text, lexemes,
      (select coalesce(sum(cardinality(l.positions)), 0) from unnest(lexemes) l)
    from passage
    on conflict (version_id, index) do update set start_offset = excluded.start_offset,
      end_offset = excluded.end_offset, page = excluded.page, text = excluded.text,
      lexemes = excluded.lexemes, length = excluded.length
    where (c.start_offset, c.end_offset, c.page, c.text, c.lexemes)
      is distinct from (excluded.start_offset, excluded.end_offset, excluded.page, excluded.text, excluded.lexemes)`;
}

/** A stage that is through counts its attempts anew. */
function putProperties(job: Job, { contentType, language, metadata, truncated }: DocumentProperties): SQL {
  const row = storableJson([{ contentType, language, metadata, truncated: truncated ?? null }]);
  return sql`
    update ai.analyses a set content_type = p."contentType", language = p.language, metadata = p.metadata,
      truncated = p.truncated, todo = ${without(job, 'text')}, attempts = 1, updated_at = now(),
      (chunk_count, word_count) = (
        select count(*), coalesce(sum(c.length), 0) from ai.chunks c where c.version_id = a.version_id)
    from jsonb_to_recordset(${row}::jsonb)
      as p("contentType" text, language text, metadata jsonb, truncated text)
    where ${holds(job)}`;
}
