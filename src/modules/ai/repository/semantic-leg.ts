import { type SQL, sql } from 'drizzle-orm';
import { modelIdSchema } from '../../../contracts/sidecar.ts';
import type { QueryTerms, QueryVector, SearchScope } from '../ports/search.ts';
import { scopeOf } from './search-scope.ts';

/**
 * Up to this many passages in scope are compared one by one: recall 1.0 in a few milliseconds per 10,000. A
 * filtered HNSW scan of a small scope loses most of its rows (DESIGN.md section 6).
 */
const EXACT_UP_TO = 50_000;
/** A file has several passages; the index is asked for more of them than files are wanted. */
const PASSAGES_PER_FILE = 4;
/** pgvector has indexes for vectors up to this length. */
const MOST_INDEXED_DIMENSIONS = 2_000;

/** As many candidates at once as the leg asks for; a filtered scan goes on until it has that many. */
export const INDEX_SCAN = sql`
  select set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '400', true),
    set_config('hnsw.max_scan_tuples', '200000', true)`;

/** The index of a model is for vectors of its length, where the model is this literal (`ai.add_embedding_model`). */
export const modelLiteral = (model: string): SQL => sql.raw(`'${modelIdSchema.parse(model)}'`);
const ofLength = (values: readonly number[]): SQL => sql.raw(`vector(${values.length})`);

/**
 * Cosine similarity over the passages that this user may see. Both plans stand in one statement; the size of
 * the scope decides which of them runs, the other costs nothing. `is true` keeps the scope a filter of the index
 * scan; as a join the planner would sort all vectors instead.
 * The best `perFile` passages of each file: `file_id, version_id, index, score`.
 */
export function semanticLeg(
  scope: SearchScope,
  terms: QueryTerms,
  { model, values, drives }: QueryVector,
  depth: number,
  perFile: number,
): SQL {
  if (values.length === 0) return sql`select null where false`;
  const vector = sql`${JSON.stringify(values)}::${ofLength(values)}`;
  const ofModel = sql`e.model = ${modelLiteral(model)}`;
  const distance = sql`e.embedding::${ofLength(values)} <=> ${vector}`;
  const most = values.length > MOST_INDEXED_DIMENSIONS ? Number.MAX_SAFE_INTEGER : EXACT_UP_TO;
  return sql`
    with scope as materialized (
      ${scopeOf(scope, { terms, drives, with: 'vectors' })}
    ), size as materialized (
      select coalesce(sum(chunk_count), 0) as chunks from scope
    ), near as materialized (
      (
        select scope.file_id, e.version_id, e.index, ${distance} as distance
        from scope join ai.embeddings e on e.version_id = scope.version_id and ${ofModel}
        where (select chunks from size) <= ${most}::bigint
      ) union all (
        select scope.file_id, nearest.version_id, nearest.index, nearest.distance
        from (
          select e.version_id, e.index, ${distance} as distance
          from ai.embeddings e
          where (select chunks from size) > ${most}::bigint
            and ${ofModel} and (e.version_id in (select scope.version_id from scope)) is true
          order by ${distance} limit ${depth * PASSAGES_PER_FILE}
        ) nearest join scope on scope.version_id = nearest.version_id
      )
    ), placed as (
      select *, row_number() over (partition by file_id order by distance, version_id desc, index) as place from near
    )
    select file_id, version_id, index, 1 - distance as score from placed
    where place <= ${perFile} order by distance, file_id limit ${depth * perFile}`;
}
