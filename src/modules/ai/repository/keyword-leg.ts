import { type SQL, sql } from 'drizzle-orm';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import { BM25, TEXT_SEARCH } from './text-search.ts';

/**
 * Robertson and Zaragoza's BM25 over the passages that this user may see, as if nobody else had any: document
 * frequencies and average length are those of the scope, counted in the same statement, so the ranking is that
 * of a private index and no other tenant's words show through it. `lexemes` carries the term frequencies.
 * A version counts as soon as its text is complete, even while it waits for vectors.
 * Scores are divided by the most that this query could reach, so that they lie between 0 and 1 and say how much of
 * the query a passage covers: words that occur nowhere count too.
 * One row per file, its best passage: `file_id, version_id, index, score`.
 */
export function keywordLeg(userId: string, query: string, depth: number): SQL {
  const { k1, b } = BM25;
  return sql`
    with term as materialized (
      select lexeme from unnest(to_tsvector(${TEXT_SEARCH}, ${query}))
    ), any_term as materialized (
      select array_agg(lexeme) as lexemes,
        string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery as query
      from term having count(*) > 0
    ), scope as materialized (
      select a.version_id, visible.file_id, a.chunk_count, a.word_count
      from ${visibleFiles(userId)} visible
      join ai.analyses a on a.version_id = visible.version_id and a.chunk_count > 0
    ), size as materialized (
      select sum(chunk_count)::float8 as chunks, sum(word_count)::float8 / nullif(sum(chunk_count), 0) as words from scope
    ), hit as materialized (
      select scope.file_id, c.version_id, c.index, c.length, c.lexemes, any_term.lexemes as wanted
      from any_term, ai.chunks c join scope on scope.version_id = c.version_id
      where c.lexemes @@ any_term.query
    ), posting as materialized (
      select hit.file_id, hit.version_id, hit.index, hit.length, l.lexeme, cardinality(l.positions)::float8 as tf
      from hit, unnest(hit.lexemes) l where l.lexeme = any(hit.wanted)
    ), weight as materialized (
      select term.lexeme, ln(1 + (size.chunks - count(p.lexeme) + 0.5) / (count(p.lexeme) + 0.5)) as idf
      from size, term left join posting p on p.lexeme = term.lexeme group by term.lexeme, size.chunks
    ), scored as (
      select p.file_id, p.version_id, p.index,
        sum(w.idf * p.tf / (p.tf + ${k1}::float8 * (1 - ${b}::float8 + ${b}::float8 * p.length / size.words)))
          / (select sum(idf) from weight) as score
      from posting p join weight w on w.lexeme = p.lexeme cross join size
      group by p.file_id, p.version_id, p.index
    ), best as (
      select distinct on (file_id) file_id, version_id, index, score from scored order by file_id, score desc, index
    )
    select file_id, version_id, index, score from best order by score desc, file_id limit ${depth}`;
}
