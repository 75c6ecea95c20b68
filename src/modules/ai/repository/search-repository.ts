import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { visibleFiles } from '../../../core/database/schema/published.ts';
import type { Coverage } from '../models/search.ts';
import {
  type Candidate,
  MARK_END,
  MARK_START,
  type Passage,
  type SearchRepository,
} from '../ports/search.ts';
import { keywordLeg } from './keyword-leg.ts';
import { semanticLeg } from './semantic-leg.ts';
import { TEXT_SEARCH } from './text-search.ts';

export function createSearchRepository(db: Database): SearchRepository {
  return {
    async search(userId, query, { keyword, vector }, depth) {
      const nothing = sql`select null where false`;
      // One transaction: both legs and the coverage speak of the same moment.
      const [, , byKeyword, byVector, covered] = await db.batch([
        db.execute(sql`set transaction isolation level repeatable read, read only`),
        db.execute(INDEX_SCAN),
        db.execute(keyword ? keywordLeg(userId, query, depth) : nothing),
        db.execute(vector ? semanticLeg(userId, vector, depth) : nothing),
        db.execute(coverage(userId)),
      ]);
      return {
        keyword: byKeyword.rows.map(toCandidate),
        semantic: byVector.rows.map(toCandidate),
        coverage: toCoverage(covered.rows[0] ?? {}),
      };
    },

    async passages(query, hits) {
      const wanted = sql.join(
        hits.map(({ versionId, index }) => sql`(${idToUuid(versionId)}::uuid, ${index}::int)`),
        sql`, `,
      );
      const options = `StartSel=${MARK_START}, StopSel=${MARK_END}, MaxFragments=1, MaxWords=45, MinWords=25, ShortWord=0`;
      const result = await db.execute(sql`
        select c.version_id, c.index, c.start_offset, c.end_offset, c.page,
          ts_headline(${TEXT_SEARCH}, translate(c.text, ${MARK_START + MARK_END}, ''),
            websearch_to_tsquery(${TEXT_SEARCH}, ${anyWord(query)}), ${options}) as marked
        from ai.chunks c where (c.version_id, c.index) in (${wanted})`);
      return result.rows.map(toPassage);
    },
  };
}

/** As many candidates at once as the semantic leg asks for; a filtered scan goes on until it has that many. */
const INDEX_SCAN = sql`
  select set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '400', true),
    set_config('hnsw.max_scan_tuples', '200000', true)`;

const anyWord = (query: string): string => query.replace(/["-]/g, ' ').trim().split(/\s+/).join(' or ');

function coverage(userId: string): SQL {
  return sql`
    select count(*) filter (where a.status = 'ready') as indexed,
      count(*) filter (where a.status is null or a.status in ('pending', 'processing')) as pending,
      count(*) filter (where a.status = 'failed') as failed,
      count(*) filter (where a.status = 'skipped') as skipped
    from ${visibleFiles(userId)} visible
    left join ai.analyses a on a.version_id = visible.version_id
    where visible.version_id is not null`;
}

function toCoverage(row: Record<string, unknown>): Coverage {
  const { indexed, pending, failed, skipped } = row;
  return {
    indexed: Number(indexed),
    pending: Number(pending),
    failed: Number(failed),
    skipped: Number(skipped),
  };
}

function toCandidate(row: Record<string, unknown>): Candidate {
  return {
    fileId: uuidToId('file', String(row.file_id)),
    versionId: uuidToId('ver', String(row.version_id)),
    index: Number(row.index),
    score: Number(row.score),
  };
}

function toPassage(row: Record<string, unknown>): Passage {
  return {
    versionId: uuidToId('ver', String(row.version_id)),
    index: Number(row.index),
    start: Number(row.start_offset),
    end: Number(row.end_offset),
    page: row.page === null ? null : Number(row.page),
    marked: String(row.marked),
  };
}
