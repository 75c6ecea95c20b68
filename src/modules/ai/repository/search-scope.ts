import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import type { HardTerm, QueryTerms, SearchScope } from '../ports/search.ts';
import { type Condition, contentConditions, fileConditions } from './search-filters.ts';
import { TEXT_SEARCH } from './text-search.ts';

export interface ScopeOptions {
  /** Phrases must hold and what is excluded must not, wherever in the version or its name. */
  readonly terms?: QueryTerms;
  /** UUIDs; undefined: all. */
  readonly drives?: readonly string[] | undefined;
  /** By words of the content: only versions whose text is complete. Otherwise whatever is visible. */
  readonly with?: 'text' | 'vectors' | 'anything';
  /** Filters by what the analysis has found: not for questions about what has not been analysed. */
  readonly contentFilters?: boolean;
}

/**
 * The rows that a statement is about, and THE place where search asks who may see what: `file_id, version_id,
 * chunk_count, word_count, status, reason, has_vectors, language` of the versions that this user sees at this moment
 * and that pass the filters; the analysis is null where there is none.
 */
export function scopeOf({ userId, filters }: SearchScope, options: ScopeOptions = {}): SQL {
  const { terms, drives, with: having = 'text', contentFilters = true } = options;
  const conditions = [
    ...fileConditions(userId, filters),
    ...(contentFilters ? contentConditions(filters) : []),
    ...(terms === undefined ? [] : hardConditions(terms)),
  ].map(({ holds }) => holds);
  if (drives !== undefined) conditions.push(sql`file.drive_id = any(${sql.param([...drives])}::uuid[])`);
  if (having !== 'anything') conditions.push(sql`a.chunk_count > 0`);
  // An old version keeps what was read of it; the current one is found by its vectors once all are there.
  if (having === 'vectors') conditions.push(sql`a.embedding_model is not null`);
  const needsFacts = conditions.length > (having === 'anything' ? 0 : having === 'text' ? 1 : 2);
  const rows = visibleVersions({ userId, filters });
  const where = sql.join([sql`visible.version_id is not null`, ...conditions], sql` and `);
  return sql`
    select visible.file_id, visible.version_id, a.chunk_count, a.word_count, a.status, a.reason, a.language,
      a.embedding_model is not null as has_vectors
    from ${rows} visible ${needsFacts ? FACTS : sql``}
      ${having === 'anything' ? sql`left` : sql``} join ai.analyses a on a.version_id = visible.version_id
    where ${where}`;
}

/** `file`: as it is now. `version`: the one that is searched. */
const FACTS = sql`
  join storage.file_facts file on file.file_id = visible.file_id
  join storage.version_facts version on version.version_id = visible.version_id`;

export function visibleVersions({ userId, filters: { versions, asOf } }: SearchScope): SQL {
  if (versions !== 'all' && asOf === undefined) return visibleFiles(userId);
  const time = asOf === undefined ? sql`null` : sql`${new Date(asOf).toISOString()}`;
  return sql`storage.visible_versions(${idToUuid(userId)}::uuid, ${time}::timestamptz)`;
}

export function hardConditions({ phrases, excluded }: QueryTerms): Condition[] {
  return [
    ...phrases.map((term) => ({ name: 'phrase', holds: sql`(${isBlank(term)} or ${contains(term)})` })),
    ...excluded.map((term) => ({ name: 'excluded', holds: sql`not (${contains(term)})` })),
  ];
}

/** Nothing but stop words. */
const isBlank = ({ text, literal }: HardTerm): SQL =>
  literal ? sql`false` : sql`numnode(phraseto_tsquery(${TEXT_SEARCH}, ${text})) = 0`;

function contains({ text, literal }: HardTerm): SQL {
  if (literal)
    return sql`(position(lower(${text}) in lower(file.name)) > 0 or exists (select from ai.chunks hard
      where hard.version_id = visible.version_id and position(lower(${text}) in lower(hard.text)) > 0))`;
  const query = sql`phraseto_tsquery(${TEXT_SEARCH}, ${text})`;
  return sql`(storage.name_words(file.name) @@ ${query} or exists (select from ai.chunks hard
    where hard.version_id = visible.version_id and hard.lexemes @@ ${query}))`;
}
