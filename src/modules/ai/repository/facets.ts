import { type SQL, sql } from 'drizzle-orm';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import type { FacetName, Facets } from '../models/search.ts';
import type { QueryTerms, SearchScope } from '../ports/search.ts';
import { matchesOf } from './keyword-leg.ts';
import { CATEGORIES, TYPE_GROUP } from './search-filters.ts';

const MOST_VALUES = 20;
/** Counting goes over that many files. */
const MOST_MATCHES = 10_000;

const ROWS: Readonly<Record<FacetName, SQL>> = {
  type: sql`select coalesce(${TYPE_GROUP}, 'other') as value, null::text as name from visible
    join storage.version_facts version on version.version_id = visible.version_id`,
  tag: sql`select tag as value, null::text as name from file, unnest(file.tags) tag`,
  category: sql`select category.label as value, category.name from visible
    join file on file.file_id = visible.file_id, lateral ${CATEGORIES} category`,
  language: sql`select a.language as value, null::text as name from visible
    join ai.analyses a on a.version_id = visible.version_id where a.language is not null`,
  owner: sql`select file.created_by::text as value, null::text as name from file`,
};

/** `facet, value, name, count`; the row of facet `*` has the number of files. */
export function facetsOf(
  scope: SearchScope,
  terms: QueryTerms,
  fileIds: readonly string[],
  names: readonly FacetName[],
): SQL {
  const counts = names.map(
    (name) => sql`union all (
      select ${name}::text, value, name, count(*)::int from (${ROWS[name]}) rows
      group by value, name order by count(*) desc, value limit ${MOST_VALUES})`,
  );
  return sql`
    ${matchesOf(scope, terms)}, visible as materialized (
      select distinct on (scope.file_id) scope.file_id, scope.version_id from scope
      where scope.file_id in (select matched.file_id from matched)
        or scope.file_id = any(${sql.param(fileIds.map(idToUuid))}::uuid[])
      order by scope.file_id, scope.version_id desc limit ${MOST_MATCHES + 1}
    ), file as materialized (
      select file.file_id, file.tags, file.created_by, file.drive_id
      from visible join storage.file_facts file on file.file_id = visible.file_id
    )
    select '*' as facet, null::text as value, null::text as name, count(*)::int as count from visible
    ${sql.join(counts, sql` `)}`;
}

export function toFacets(rows: readonly Record<string, unknown>[], names: readonly FacetName[]): Facets {
  const matches = Number(rows.find(({ facet }) => facet === '*')?.count ?? 0);
  const of = (wanted: FacetName) =>
    rows
      .filter(({ facet }) => facet === wanted)
      .map(({ value, name, count }) => ({
        value: wanted === 'owner' ? uuidToId('usr', String(value)) : String(value),
        ...(typeof name === 'string' && name !== value ? { name } : {}),
        count: Number(count),
      }));
  return {
    matches: Math.min(matches, MOST_MATCHES),
    complete: matches <= MOST_MATCHES,
    ...Object.fromEntries(names.map((name) => [name, of(name)])),
  };
}
