import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import type { FileStanding, QueryTerms, QueryVector, SearchScope } from '../ports/search.ts';
import { scoring } from './keyword-leg.ts';
import { contentConditions, fileConditions } from './search-filters.ts';
import { hardConditions, visibleVersions } from './search-scope.ts';
import { modelLiteral } from './semantic-leg.ts';

/** One row: may the caller see it, which filters hold, and what is known of its content; none when it is not visible. */
export function standingOf(scope: SearchScope, terms: QueryTerms, fileId: string): SQL {
  const filters = [...fileConditions(scope.userId, scope.filters), ...contentConditions(scope.filters)];
  const failing = filters.map(
    ({ name, holds }) => sql`case when (${holds}) is not true then ${name}::text end`,
  );
  const hard = hardConditions(terms).map(({ holds }) => sql`(${holds}) is true`);
  return sql`
    select array_remove(array[${sql.join([...failing, sql`null::text`], sql`, `)}], null) as failing,
      ${sql.join([sql`true`, ...hard], sql` and `)} as phrases_hold,
      a.status, a.reason, coalesce(a.chunk_count, 0) > 0 as has_text, a.embedding_model is not null as has_vectors
    from ${visibleVersions(scope)} visible
      join storage.file_facts file on file.file_id = visible.file_id
      join storage.version_facts version on version.version_id = visible.version_id
      left join ai.analyses a on a.version_id = visible.version_id
    where visible.file_id = ${idToUuid(fileId)}::uuid order by version.number desc limit 1`;
}

/** In the trash, and the caller is somebody who may take it out. */
export const trashedOf = (userId: string, fileId: string): SQL => sql`
  select storage.trashed_rank_on(${idToUuid(userId)}::uuid, ${idToUuid(fileId)}::uuid) >= 3 as deleted`;

/** `term, idf, tf, score` of the file's best passage, by the weights of the whole scope; no row without a match. */
export const termsInFile = (scope: SearchScope, terms: QueryTerms, fileId: string): SQL => sql`
  with ${scoring(scope, terms)}, best as (
    select version_id, index, score from scored where file_id = ${idToUuid(fileId)}::uuid
    order by score desc, version_id desc, index limit 1
  )
  select w.lexeme as term, w.idf, coalesce(p.tf, 0) as tf, best.score
  from best cross join weight w
    left join posting p on p.version_id = best.version_id and p.index = best.index and p.lexeme = w.lexeme
  order by w.lexeme`;

/** `similarity` of the file's nearest passage. */
export const similarityOf = (
  scope: SearchScope,
  fileId: string,
  { model, values, drives }: QueryVector,
): SQL => sql`
  select 1 - min(e.embedding <=> ${JSON.stringify(values)}::vector) as similarity
  from ${visibleVersions(scope)} visible
    join storage.file_facts file on file.file_id = visible.file_id
    join ai.analyses a on a.version_id = visible.version_id and a.embedding_model is not null
    join ai.embeddings e on e.version_id = visible.version_id and e.model = ${modelLiteral(model)}
  where visible.file_id = ${idToUuid(fileId)}::uuid
    ${drives === undefined ? sql`` : sql`and file.drive_id = any(${sql.param([...drives])}::uuid[])`}`;

export function toStanding(
  row: Record<string, unknown> | undefined,
  trashed: Record<string, unknown> | undefined,
  terms: readonly Record<string, unknown>[],
  similarities: readonly unknown[],
): FileStanding {
  const known = similarities
    .filter((similarity) => similarity !== null && similarity !== undefined)
    .map(Number);
  const hidden = trashed?.deleted === true ? 'deleted' : 'not_visible';
  return {
    visibility: row === undefined ? hidden : 'visible',
    filters: Array.isArray(row?.failing) ? [...new Set(row.failing.map(String))] : [],
    phrasesHold: row?.phrases_hold === true,
    status: typeof row?.status === 'string' ? row.status : null,
    reason: typeof row?.reason === 'string' ? row.reason : null,
    hasText: row?.has_text === true,
    hasVectors: row?.has_vectors === true,
    terms: terms.map(({ term, idf, tf }) => ({ term: String(term), idf: Number(idf), tf: Number(tf) })),
    keywordScore: terms[0] === undefined ? null : Number(terms[0].score),
    similarity: known.length === 0 ? null : Math.max(...known),
  };
}
