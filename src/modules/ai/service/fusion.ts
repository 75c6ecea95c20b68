import type { Candidate } from '../ports/search.ts';

export interface Fused {
  readonly fileId: string;
  readonly versionId: string;
  /** The passage to show: of the leg that ranks the file higher. */
  readonly index: number;
  readonly score: number;
  readonly match: 'keyword' | 'semantic' | 'both';
}

/** Share of the keyword leg; docs/decisions/0006 has the figures. */
export const KEYWORD_WEIGHT = 0.5;

/**
 * Joins the two legs by the weighted sum of their scores, both on a scale of their own that means the same for every
 * query: the share of the query that the words cover, and the cosine similarity. (Normalised to the best candidate
 * instead, one incidental word in a small collection would count as a perfect match.) Either leg may be empty; ties
 * go to the smaller file id, so that pages are stable.
 */
export function fuse(
  keyword: readonly Candidate[],
  semantic: readonly Candidate[],
  keywordWeight: number = KEYWORD_WEIGHT,
): Fused[] {
  const joined = new Map<string, Fused>();
  const add = (leg: readonly Candidate[], weight: number, match: 'keyword' | 'semantic') => {
    for (const { fileId, versionId, index, score } of leg) {
      const share = weight * Math.max(0, score);
      const other = joined.get(fileId);
      joined.set(fileId, {
        fileId,
        versionId,
        index: other && other.score >= share ? other.index : index,
        score: share + (other?.score ?? 0),
        match: other ? 'both' : match,
      });
    }
  };
  add(keyword, semantic.length === 0 ? 1 : keywordWeight, 'keyword');
  add(semantic, keyword.length === 0 ? 1 : 1 - keywordWeight, 'semantic');
  return [...joined.values()].sort((a, b) => b.score - a.score || (a.fileId < b.fileId ? -1 : 1));
}
