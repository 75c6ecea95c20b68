import { type SQL, sql } from 'drizzle-orm';
import type { QueryTerms, SearchScope } from '../ports/search.ts';
import { matchesOf } from './keyword-leg.ts';
import { scopeOf } from './search-scope.ts';

/** Rows `(file_id)`: the files that match by their words or their name; without words, all that the filters leave. */
export const matchingOf = (scope: SearchScope, terms: QueryTerms | undefined, most: number): SQL =>
  terms === undefined
    ? sql`select distinct scope.file_id from (${scopeOf(scope, { with: 'anything' })}) scope limit ${most}`
    : sql`${matchesOf(scope, terms)} select distinct matched.file_id from matched limit ${most}`;
