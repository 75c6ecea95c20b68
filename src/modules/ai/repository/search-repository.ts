import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import type { Candidate, ModelInUse, SearchRepository } from '../ports/search.ts';
import { coverageOf, freshnessOf, toCoverage, toFreshness } from './coverage.ts';
import { facetsOf, toFacets } from './facets.ts';
import { hasWords, keywordLeg, letterLeg } from './keyword-leg.ts';
import { likeWordsOf, toLikeWords } from './like-words.ts';
import { matchingOf } from './matching.ts';
import { passagesOf, toPassage, toVersionFacts, versionsOf } from './passages.ts';
import { INDEX_SCAN, semanticLeg } from './semantic-leg.ts';
import { similarityOf, standingOf, termsInFile, toStanding, trashedOf } from './standing.ts';

type Row = Record<string, unknown>;

const NOTHING = sql`select null where false`;
const ONE_MOMENT = sql`set transaction isolation level repeatable read, read only`;

export function createSearchRepository(db: Database): SearchRepository {
  /** One transaction, so that all statements speak of the same moment. */
  async function atOnce(statements: readonly SQL[]): Promise<Row[][]> {
    const [, , ...results] = await db.batch([
      db.execute(ONE_MOMENT),
      db.execute(INDEX_SCAN),
      ...statements.map((statement) => db.execute(statement)),
    ]);
    return results.map(({ rows }) => rows);
  }
  const rows = async (statement: SQL): Promise<Row[]> => (await db.execute(statement)).rows;

  return {
    async modelsInUse(userId) {
      return (await rows(modelsOf(userId))).map(toModelInUse);
    },

    async rankingModel({ userId, filters }) {
      const [row] = await rows(
        sql`select ai.model_for(${idToUuid(filters.driveId ?? userId)}::uuid, 'text-ranking') as model`,
      );
      return typeof row?.model === 'string' ? row.model : null;
    },

    async search(scope, terms, { keyword, vectors, depth, perFile = 1, freshness }) {
      const [worded = [], lettered = [], covered = [], fresh = [], ...near] = await atOnce([
        keyword && hasWords(terms) ? keywordLeg(scope, terms, depth, perFile) : NOTHING,
        keyword && terms.grams.length > 0 ? letterLeg(scope, terms, depth, perFile) : NOTHING,
        coverageOf(scope),
        freshness === undefined ? NOTHING : freshnessOf(scope.userId, freshness),
        ...vectors.map((vector) => semanticLeg(scope, terms, vector, depth, perFile)),
      ]);
      const texts = worded.filter(({ kind }) => kind === 'text').map(toCandidate);
      return {
        keyword: joined(texts, hasWords(terms), lettered.map(toCandidate)),
        names: worded.filter(({ kind }) => kind === 'name').map(toCandidate),
        semantic: near.flatMap((candidates) => candidates.map(toCandidate)).sort((a, b) => b.score - a.score),
        coverage: toCoverage(covered),
        freshness: toFreshness(fresh[0]),
      };
    },

    async passages(terms, hits) {
      return hits.length === 0 ? [] : (await rows(passagesOf(terms, hits))).map(toPassage);
    },

    async versions(versionIds) {
      return versionIds.length === 0 ? [] : (await rows(versionsOf(versionIds))).map(toVersionFacts);
    },

    async facets(scope, terms, fileIds, names) {
      return toFacets(await rows(facetsOf(scope, terms, fileIds, names)), names);
    },

    async matching(scope, terms, most) {
      const found = await rows(matchingOf(scope, terms, most));
      return found.map((row) => uuidToId('file', String(row.file_id)));
    },

    async likeWords(scope, words) {
      return toLikeWords(await rows(likeWordsOf(scope, words)));
    },

    async standing(scope, terms, fileId, vectors) {
      const [standing = [], trashed = [], found = [], ...similarities] = await atOnce([
        standingOf(scope, terms, fileId),
        trashedOf(scope.userId, fileId),
        hasWords(terms) ? termsInFile(scope, terms, fileId) : NOTHING,
        ...vectors.map((vector) => similarityOf(scope, fileId, vector)),
      ]);
      return toStanding(
        standing[0],
        trashed[0],
        found,
        similarities.map(([row]) => row?.similarity),
      );
    },
  };
}

const modelsOf = (userId: string): SQL => sql`
  select chosen.model, space.dimensions, array_agg(chosen.drive_id::text) as drives
  from (
    select d.drive_id, ai.model_for(d.drive_id, 'feature-extraction') as model
    from storage.visible_drives(${idToUuid(userId)}::uuid) d
  ) chosen left join ai.embedding_models space on space.model = chosen.model
  group by chosen.model, space.dimensions order by count(*) desc, chosen.model`;

const toModelInUse = ({ model, dimensions, drives }: Row): ModelInUse => ({
  model: typeof model === 'string' ? model : null,
  dimensions: dimensions === null ? null : Number(dimensions),
  drives: Array.isArray(drives) ? drives.map(String) : [],
});

/** Of a query in two kinds of script, each kind counts half. */
function joined(texts: Candidate[], hasWords: boolean, letters: Candidate[]): Candidate[] {
  if (letters.length === 0) return texts;
  const half = hasWords ? 0.5 : 1;
  const found = new Map<string, Candidate>();
  for (const [candidates, share] of [
    [texts, 0.5],
    [letters, half],
  ] as const) {
    for (const candidate of candidates) {
      const key = `${candidate.fileId}:${candidate.versionId}:${candidate.index}`;
      const score = share * candidate.score + (found.get(key)?.score ?? 0);
      found.set(key, { ...candidate, score });
    }
  }
  return [...found.values()].sort((a, b) => b.score - a.score);
}

function toCandidate(row: Row): Candidate {
  return {
    fileId: uuidToId('file', String(row.file_id)),
    versionId: uuidToId('ver', String(row.version_id)),
    index: Number(row.index),
    score: Number(row.score),
  };
}
