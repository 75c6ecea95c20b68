import { type SQL, sql } from 'drizzle-orm';
import type { LikeWord, SearchScope } from '../ports/search.ts';
import { scopeOf } from './search-scope.ts';

/** The vocabulary is that of so many passages and names of the scope: enough for a person's words, and bounded. */
const PASSAGES = 2_000;
const NAMES = 5_000;
const LEAST_SIMILARITY = 0.2;
const CHOICES = 8;

/**
 * `word, lexeme, sample`: for each word the lexemes of the caller's own files and names that share most of its
 * trigrams, the nearest first. Nobody else's words can be among them.
 */
export const likeWordsOf = (scope: SearchScope, words: readonly string[]): SQL => sql`
  with asked as materialized (
    select word, coalesce((ts_lexize('english_stem', word))[1], word) as stem from unnest(${sql.param([...words])}::text[]) word
  ), scope as materialized (${scopeOf(scope, { with: 'anything' })}), passage as materialized (
    select c.version_id, c.index, c.lexemes
    from scope join ai.chunks c on c.version_id = scope.version_id and scope.chunk_count > 0 limit ${PASSAGES}
  ), named as materialized (
    select file.name from (select distinct file_id from scope limit ${NAMES}) s
      join storage.file_facts file on file.file_id = s.file_id
  ), vocabulary as materialized (
    select distinct lexeme, from_name from (
      select l.lexeme, false as from_name from passage, unnest(passage.lexemes) l
      union all
      select l.lexeme, true from named, unnest(storage.name_words(named.name)) l
    ) spoken where char_length(lexeme) between (select min(char_length(stem)) - 3 from asked) and (select max(char_length(stem)) + 3 from asked)
  ), near as (
    select asked.word, v.lexeme, v.from_name,
      row_number() over (partition by asked.word order by similarity(v.lexeme, asked.stem) desc, v.lexeme) as place
    from asked join vocabulary v on similarity(v.lexeme, asked.stem) >= ${LEAST_SIMILARITY}::float8
      and abs(char_length(v.lexeme) - char_length(asked.stem)) <= 3
  )
  select near.word, near.lexeme, case when near.from_name
    then (select named.name from named where near.lexeme = any(tsvector_to_array(storage.name_words(named.name))) limit 1)
    else (select c.text from passage p join ai.chunks c on c.version_id = p.version_id and c.index = p.index
      where near.lexeme = any(tsvector_to_array(p.lexemes)) limit 1) end as sample
  from near where near.place <= ${CHOICES} order by near.word, near.place`;

export function toLikeWords(rows: readonly Record<string, unknown>[]): Map<string, LikeWord[]> {
  const found = new Map<string, LikeWord[]>();
  for (const { word, lexeme, sample } of rows) {
    const like = { word: String(lexeme), sample: String(sample) };
    found.set(String(word), [...(found.get(String(word)) ?? []), like]);
  }
  return found;
}
