import { type SQL, sql } from 'drizzle-orm';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { MARK_END, MARK_START, type Passage, type QueryTerms, type VersionFacts } from '../ports/search.ts';
import { termsOf } from './keyword-leg.ts';
import { TEXT_SEARCH } from './text-search.ts';

/**
 * Letter for letter the passage, with marks put in: `ts_headline` would leave out what looks like a tag, so angle
 * brackets travel as other characters; marks that the text has itself become spaces.
 */
const DISGUISED = `${MARK_START}${MARK_END}<>`;
const DISGUISE = '  \uE002\uE003';
const OPTIONS = `StartSel=${MARK_START}, StopSel=${MARK_END}, HighlightAll=true`;

export function passagesOf(terms: QueryTerms, hits: readonly { versionId: string; index: number }[]): SQL {
  const wanted = sql.join(
    hits.map(({ versionId, index }) => sql`(${idToUuid(versionId)}::uuid, ${index}::int)`),
    sql`, `,
  );
  return sql`
    with ${termsOf(terms)}
    select c.version_id, c.index, c.start_offset, c.end_offset, c.page, ts_headline(${TEXT_SEARCH},
      translate(c.text, ${DISGUISED}, ${DISGUISE}), coalesce((select query from any_term), ''::tsquery), ${OPTIONS}) as marked
    from ai.chunks c where (c.version_id, c.index) in (${wanted})`;
}

export function toPassage(row: Record<string, unknown>): Passage {
  return {
    versionId: uuidToId('ver', String(row.version_id)),
    index: Number(row.index),
    start: Number(row.start_offset),
    end: Number(row.end_offset),
    page: row.page === null ? null : Number(row.page),
    marked: String(row.marked).replaceAll('\uE002', '<').replaceAll('\uE003', '>'),
  };
}

export const versionsOf = (versionIds: readonly string[]): SQL => sql`
  select version.version_id, version.number, version.sha256 from storage.version_facts version
  where version.version_id = any(${sql.param(versionIds.map(idToUuid))}::uuid[])`;

export const toVersionFacts = ({ version_id, number, sha256 }: Record<string, unknown>): VersionFacts => ({
  versionId: uuidToId('ver', String(version_id)),
  number: Number(number),
  sha256: typeof sha256 === 'string' ? sha256 : null,
});
