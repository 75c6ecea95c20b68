import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import { type Coverage, coverageReasonSchema, type Freshness, freshnessSchema } from '../models/search.ts';
import type { SearchPlan, SearchScope } from '../ports/search.ts';
import { scopeOf } from './search-scope.ts';

/** From the sentence that people read: there is no code beside it. What fits nothing is named by its status. */
const REASON = sql`
  case status
    when 'failed' then case
      when reason ilike '%encrypt%' or reason ilike '%password%' then 'encrypted'
      when reason ilike '%larger%' or reason ilike '%bomb%' or reason ilike '%too many%' or reason ilike '%memory%' then 'too_large'
      when reason ilike '%took longer%' or reason ilike '%seconds%' or reason ilike '%time%out%' then 'timed_out'
      when reason ilike '%damaged%' or reason ilike '%broken%' or reason ilike '%cut off%' then 'damaged'
      when reason ilike '%attempts%' or reason ilike '%gave up%' then 'gave_up'
      else 'failed' end
    when 'skipped' then case
      when reason ilike '%is empty%' then 'empty'
      when reason ilike '%larger%' then 'too_large'
      when reason ilike '%no text%' then 'no_text'
      when reason ilike '%not a readable%' or reason ilike '%type%' or reason ilike '%known document format%'
        or reason ilike '%old binary format%' or reason ilike '%a program%' then 'unsupported'
      else 'skipped' end
    else case
      when reason ilike 'waiting for%model%' then 'waiting_model'
      when reason ilike 'waiting for%' then 'waiting_reader'
      when chunk_count > 0 then 'pending_vectors'
      else 'pending_text' end
  end`;

/** `state, reason, count`: a row for each of the few reasons that there are. */
export const coverageOf = (scope: SearchScope): SQL => sql`
  with scope as (${scopeOf(scope, { with: 'anything', contentFilters: false })}), told as (
    select case
      when status = 'failed' then 'failed'
      when status = 'skipped' then 'skipped'
      when status = 'ready' or chunk_count > 0 and has_vectors then 'indexed'
      else 'pending' end as state, status, reason, chunk_count
    from scope
  ), coded as (
    select state, case when state = 'indexed' then '' else ${REASON} end as reason from told
  )
  select state, reason, count(*)::int as count from coded group by state, reason order by count(*) desc, reason`;

export function toCoverage(rows: readonly Record<string, unknown>[]): Coverage {
  const sum = (state: string) =>
    rows.filter((row) => row.state === state).reduce((total, row) => total + Number(row.count), 0);
  return {
    indexed: sum('indexed'),
    pending: sum('pending'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    reasons: rows
      .filter(({ state }) => state !== 'indexed')
      .map(({ reason, count }) => ({ reason: coverageReasonSchema.parse(reason), count: Number(count) })),
  };
}

/** `freshness` of the worst of the versions, for the mode that was asked for. */
export function freshnessOf(userId: string, { versionIds, mode }: NonNullable<SearchPlan['freshness']>): SQL {
  const needsVectors = mode !== 'keyword';
  return sql`
    with asked as (
      select id from unnest(${sql.param(versionIds.map(idToUuid))}::uuid[]) id
    ), told as (
      select case
        when visible.version_id is null then 'gone'
        when a.status in ('failed', 'skipped') then 'failed'
        when a.status = 'ready' or a.chunk_count > 0 and (not ${needsVectors} or a.embedding_model is not null) then 'current'
        else 'pending' end as state
      from asked left join ${visibleFiles(userId)} visible on visible.version_id = asked.id
        left join ai.analyses a on a.version_id = asked.id
    )
    select state as freshness from told order by array_position('{pending,failed,gone,current}'::text[], state) limit 1`;
}

export const toFreshness = (row: Record<string, unknown> | undefined): Freshness | undefined =>
  row === undefined ? undefined : freshnessSchema.parse(row.freshness);
