import { type SQL, sql } from 'drizzle-orm';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import type { QueryVector } from '../ports/search.ts';

/**
 * Up to this many passages in scope are compared one by one: recall 1.0 in a few milliseconds per 10,000. A
 * filtered HNSW scan of a small scope loses most of its rows (DESIGN.md section 6).
 */
const EXACT_UP_TO = 50_000;
/** A file has several passages; the index is asked for more of them than files are wanted. */
const PASSAGES_PER_FILE = 4;

/**
 * Cosine similarity over the passages that this user may see. Both plans stand in one statement; the size of
 * the scope decides which of them runs, the other costs nothing. `is true` keeps the scope a filter of the index
 * scan; as a join the planner would sort all vectors instead.
 * One row per file, its best passage: `file_id, version_id, index, score`.
 */
export function semanticLeg(userId: string, { model, values }: QueryVector, depth: number): SQL {
  const vector = sql`${JSON.stringify(values)}::vector`;
  return sql`
    with scope as materialized (
      select a.version_id, visible.file_id, a.chunk_count
      from ${visibleFiles(userId)} visible
      join ai.analyses a on a.version_id = visible.version_id and a.status = 'ready'
    ), size as materialized (
      select coalesce(sum(chunk_count), 0) as chunks from scope
    ), near as materialized (
      (
        select scope.file_id, e.version_id, e.index, e.embedding <=> ${vector} as distance
        from scope join ai.embeddings e on e.version_id = scope.version_id and e.model = ${model}
        where (select chunks from size) <= ${EXACT_UP_TO}
      ) union all (
        select scope.file_id, nearest.version_id, nearest.index, nearest.distance
        from (
          select e.version_id, e.index, e.embedding <=> ${vector} as distance
          from ai.embeddings e
          where (select chunks from size) > ${EXACT_UP_TO}
            and e.model = ${model} and (e.version_id in (select scope.version_id from scope)) is true
          order by e.embedding <=> ${vector} limit ${depth * PASSAGES_PER_FILE}
        ) nearest join scope on scope.version_id = nearest.version_id
      )
    ), best as (
      select distinct on (file_id) file_id, version_id, index, 1 - distance as score
      from near order by file_id, distance, index
    )
    select file_id, version_id, index, score from best order by score desc, file_id limit ${depth}`;
}
