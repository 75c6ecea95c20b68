import { type ExplainRequest, SEARCH_DEPTH } from '../models/search.ts';
import type { ExplainReason, SearchExplanation } from '../models/search-explain.ts';
import type { FileStanding } from '../ports/search.ts';
import { fuse } from './fusion.ts';
import { parseQuery } from './query-language.ts';
import { queryVectors } from './query-vectors.ts';
import type { SearchParts } from './search-parts.ts';

/** Why a file is, or is not, in the answer to a query. Of what the caller may not see it says what it says of nothing. */
export async function explain(
  dependencies: SearchParts,
  userId: string,
  { q, mode, fileId, filters }: ExplainRequest,
): Promise<SearchExplanation> {
  const terms = parseQuery(q);
  const scope = { userId, filters };
  const asked = mode !== 'keyword' && terms.meaning !== '';
  const { vectors, missing } = asked
    ? await queryVectors(dependencies, userId, terms.meaning)
    : { vectors: [], missing: undefined };
  const keyword = mode !== 'semantic' || missing !== undefined;
  const standing = await dependencies.repository.standing(scope, terms, fileId, vectors);
  if (standing.visibility !== 'visible') return unseen(standing.visibility);
  const found = await dependencies.repository.search(scope, terms, { keyword, vectors, depth: SEARCH_DEPTH });
  const list = fuse(found.keyword, found.semantic, { names: found.names }).slice(0, SEARCH_DEPTH);
  const rank = list.findIndex((hit) => hit.fileId === fileId) + 1;
  const nearness = found.semantic.findIndex((candidate) => candidate.fileId === fileId) + 1;
  const { terms: weights, keywordScore, similarity } = standing;
  return {
    inAnswer: rank > 0,
    ...(rank > 0 ? { rank } : {}),
    reasons: rank > 0 ? [FOUND] : reasonsOf(standing, vectors.length > 0),
    legs: {
      keyword: keyword && keywordScore !== null ? { score: keywordScore, terms: [...weights] } : null,
      semantic: similarity === null ? null : { similarity, rank: nearness > 0 ? nearness : null },
    },
  };
}

const FOUND: ExplainReason = { code: 'found', detail: 'The file is in the answer.' };

function unseen(visibility: 'deleted' | 'not_visible'): SearchExplanation {
  const reason: ExplainReason =
    visibility === 'deleted'
      ? { code: 'deleted', detail: 'The file is in the trash; what is there is in no answer.' }
      : { code: 'not_visible', detail: 'There is no such file, or it is not yours to see.' };
  return { inAnswer: false, reasons: [reason], legs: { keyword: null, semantic: null } };
}

function reasonsOf(standing: FileStanding, hasVector: boolean): ExplainReason[] {
  const { filters, phrasesHold, status, reason, hasText, hasVectors, keywordScore, similarity } = standing;
  const reasons: ExplainReason[] = filters.map((name) => ({
    code: 'filter',
    detail: `The filter ${name} leaves it out.`,
  }));
  if (!phrasesHold)
    reasons.push({
      code: 'filter',
      detail: 'A phrase of the query is not in it, or a word that must not be in it is.',
    });
  if (!hasText || (hasVector && !hasVectors)) {
    const missing = hasText ? 'Its meaning is not indexed' : 'Its text is not indexed';
    reasons.push({
      code: 'not_indexed',
      detail: `${missing}: ${reason ?? status ?? 'it has not been looked at yet'}`,
    });
  }
  if (reasons.length > 0) return reasons;
  return keywordScore === null && similarity === null
    ? [{ code: 'no_match', detail: 'No word of the query is in its text or its name.' }]
    : [{ code: 'beyond_depth', detail: `There are ${SEARCH_DEPTH} files that match better.` }];
}
