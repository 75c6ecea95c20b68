import { type SQL, sql } from 'drizzle-orm';
import type { QueryTerms, SearchScope } from '../ports/search.ts';
import { scopeOf } from './search-scope.ts';
import { BM25, TEXT_SEARCH } from './text-search.ts';

export const hasWords = ({ words, prefixes }: QueryTerms): boolean => words !== '' || prefixes.length > 0;

/** `term` (a lexeme, or the beginning of some) and `any_term` (all of them as one query; no row without any). */
export function termsOf({ words, prefixes }: QueryTerms): SQL {
  return sql`
    term as materialized (
      select lexeme, false as is_prefix, lexeme as stem from unnest(to_tsvector(${TEXT_SEARCH}, ${words}))
      union all
      select prefix, true, coalesce((ts_lexize('english_stem', prefix))[1], prefix)
      from unnest(${sql.param([...prefixes])}::text[]) prefix
    ), any_term as materialized (
      select array_agg(lexeme) as lexemes, string_agg(
        ${quoted(sql`lexeme`)} || case when is_prefix then ':* | ' || ${quoted(sql`stem`)} else '' end, ' | ')::tsquery as query
      from term having count(*) > 0
    )`;
}

const quoted = (lexeme: SQL): SQL =>
  sql`'''' || replace(replace(${lexeme}, '\\', '\\\\'), '''', '''''') || ''''`;

/** Which term a lexeme `l` is of. A prefix also finds the stem of what it would be as a word: `running*`. */
const isOfTerm = ({ prefixes }: QueryTerms): SQL =>
  prefixes.length === 0
    ? sql`l.lexeme = term.lexeme`
    : sql`(l.lexeme = term.lexeme or term.is_prefix and (starts_with(l.lexeme, term.lexeme) or l.lexeme = term.stem))`;

/**
 * Robertson and Zaragoza's BM25 over the passages that this user may see, as if nobody else had any: document
 * frequencies and average length are those of the scope, counted in the same statement, so the ranking is that
 * of a private index and no other tenant's words show through it. `lexemes` carries the term frequencies.
 * A version counts as soon as its text is complete, even while it waits for vectors.
 * Scores are divided by the most that this query could reach, so that they lie between 0 and 1 and say how much of
 * the query a passage covers: words that occur nowhere count too.
 * The expressions `scope`, `size`, `posting`, `weight` and `scored`, for the statements below.
 */
export function scoring(scope: SearchScope, terms: QueryTerms): SQL {
  const { k1, b } = BM25;
  return sql`
    ${termsOf(terms)}, scope as materialized (
      ${scopeOf(scope, { terms, with: 'anything' })}
    ), size as materialized (
      select sum(chunk_count)::float8 as chunks, sum(word_count)::float8 / nullif(sum(chunk_count), 0) as words,
        count(*)::float8 as files from scope
    ), posting as materialized (
      ${posting(terms)}
    ), weight as materialized (
      select term.lexeme, ln(1 + (size.chunks - count(p.lexeme) + 0.5) / (count(p.lexeme) + 0.5)) as idf
      from size, term left join posting p on p.lexeme = term.lexeme group by term.lexeme, size.chunks
    ), scored as (
      select p.file_id, p.version_id, p.index,
        sum(w.idf * p.tf / (p.tf + ${k1}::float8 * (1 - ${b}::float8 + ${b}::float8 * p.length / size.words)))
          / (select sum(idf) from weight) as score
      from posting p join weight w on w.lexeme = p.lexeme cross join size
      group by p.file_id, p.version_id, p.index
    )`;
}

/** PostgreSQL keeps no more positions of a lexeme. */
const MOST_POSITIONS = 255;
/**
 * `ts_rank` of one lexeme that is there `tf` times is the sum of 1/j² up to `tf`, over π²/6: between the values of two
 * neighbours lies a step, and the number of steps below a rank is its `tf`. Several times as fast as `unnest`, which
 * makes a row of every lexeme of the passage.
 */
const RANK_STEPS: readonly number[] = (() => {
  const rank = (sum: number) => sum / (Math.PI ** 2 / 6);
  const steps: number[] = [];
  for (let tf = 1, sum = 0; tf <= MOST_POSITIONS; tf += 1) {
    steps.push(rank(sum + 1 / (2 * tf * tf)));
    sum += 1 / (tf * tf);
  }
  return steps;
})();

function posting(terms: QueryTerms): SQL {
  if (terms.prefixes.length === 0)
    return sql`
      select scope.file_id, c.version_id, c.index, c.length, term.lexeme, found.tf
      from (select lexeme, (${quoted(sql`lexeme`)})::tsquery as query from term) term
      cross join lateral (
        select c.version_id, c.index, c.length, c.lexemes from ai.chunks c where c.lexemes @@ term.query offset 0
      ) c
      join scope on scope.version_id = c.version_id and scope.chunk_count > 0
      cross join lateral (
        select width_bucket(ts_rank('{1,1,1,1}', c.lexemes, term.query, 0)::float8,
          ${sql.param([...RANK_STEPS])}::float8[])::float8 as tf offset 0
      ) found`;
  return sql`
    select scope.file_id, c.version_id, c.index, c.length, term.lexeme, sum(cardinality(l.positions))::float8 as tf
    from any_term, ai.chunks c join scope on scope.version_id = c.version_id and scope.chunk_count > 0,
      unnest(c.lexemes) l join term on ${isOfTerm(terms)}
    where c.lexemes @@ any_term.query
    group by scope.file_id, c.version_id, c.index, c.length, term.lexeme`;
}

/**
 * Words of names, by what is rare among the names in scope: a word that every name has says nothing. A name is found
 * whether or not there is any text, and the moment it is given.
 */
const naming = (terms: QueryTerms): SQL => sql`
  named as materialized (
    select file.file_id, storage.name_words(file.name) as words
    from any_term, storage.file_facts file where storage.name_words(file.name) @@ any_term.query
  ), name_posting as materialized (
    select distinct scope.file_id, term.lexeme
    from named join scope on scope.file_id = named.file_id, unnest(named.words) l join term on ${isOfTerm(terms)}
  ), name_weight as materialized (
    select term.lexeme, ln(1 + (greatest(size.files, count(p.file_id)) - count(p.file_id) + 0.5) / (count(p.file_id) + 0.5)) as idf
    from size, term left join name_posting p on p.lexeme = term.lexeme group by term.lexeme, size.files
  ), name_scored as (
    select p.file_id, sum(w.idf) / (select sum(idf) from name_weight) as score
    from name_posting p join name_weight w on w.lexeme = p.lexeme group by p.file_id
  )`;

/**
 * `kind ('text' or 'name'), file_id, version_id, index, score`: of each kind the best `depth` files, of each file the
 * best `perFile` passages.
 */
export function keywordLeg(scope: SearchScope, terms: QueryTerms, depth: number, perFile: number): SQL {
  return sql`
    with ${scoring(scope, terms)}, ${naming(terms)}, placed as (
      select *, row_number() over (partition by file_id order by score desc, version_id desc, index) as place from scored
    ), best as (
      select * from placed where place <= ${perFile} order by score desc, file_id limit ${depth * perFile}
    ), best_name as (
      select * from name_scored order by score desc, file_id limit ${depth}
    )
    select 'text' as kind, file_id, version_id, index, score from best
    union all
    select 'name', n.file_id, (select version_id from scope s where s.file_id = n.file_id order by version_id desc limit 1), 0, n.score
    from best_name n
    order by kind, score desc, file_id`;
}

/** All files that match by their words or their name: `file_id`. */
export const matchesOf = (scope: SearchScope, terms: QueryTerms): SQL => sql`
  with ${termsOf(terms)}, scope as materialized (${scopeOf(scope, { terms, with: 'anything' })}), named as materialized (
    select file.file_id from any_term, storage.file_facts file where storage.name_words(file.name) @@ any_term.query
  ), lettered as materialized (
    select c.version_id, c.text from scope join ai.chunks c on c.version_id = scope.version_id and scope.chunk_count > 0
    where ${terms.grams.length > 0} limit ${LETTERED_PASSAGES}
  ), matched as materialized (
    select scope.file_id from any_term, ai.chunks c join scope on scope.version_id = c.version_id and scope.chunk_count > 0
    where c.lexemes @@ any_term.query
    union
    select scope.file_id from named join scope on scope.file_id = named.file_id
    union
    select scope.file_id from lettered join scope on scope.version_id = lettered.version_id
    where ${gramShare(terms)} >= ${LEAST_GRAM_SHARE}::float8
  )`;

/** That many passages are looked through letter by letter. */
const LETTERED_PASSAGES = 50_000;
/** Of the pieces of the query that a passage has to have. */
const LEAST_GRAM_SHARE = 0.6;

const gramShare = ({ grams }: QueryTerms): SQL => sql`
  (select count(*) from unnest(${sql.param([...grams])}::text[]) gram where position(gram in lower(lettered.text)) > 0)::float8
    / ${Math.max(1, grams.length)}`;

/**
 * Scripts without spaces, and pictures: the share of the query's pairs of characters that a passage has.
 * `file_id, version_id, index, score`.
 */
export function letterLeg(scope: SearchScope, terms: QueryTerms, depth: number, perFile: number): SQL {
  return sql`
    with scope as materialized (${scopeOf(scope, { terms })}), lettered as materialized (
      select scope.file_id, c.version_id, c.index, c.text
      from scope join ai.chunks c on c.version_id = scope.version_id limit ${LETTERED_PASSAGES}
    ), scored as (
      select file_id, version_id, index, ${gramShare(terms)} as score from lettered
    ), placed as (
      select *, row_number() over (partition by file_id order by score desc, version_id desc, index) as place
      from scored where score >= ${LEAST_GRAM_SHARE}::float8
    )
    select file_id, version_id, index, score from placed
    where place <= ${perFile} order by score desc, file_id limit ${depth * perFile}`;
}
