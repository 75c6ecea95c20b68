import type { Candidate } from '../ports/search.ts';

export interface Fused {
  readonly fileId: string;
  readonly versionId: string;
  /** The passage to show: of the leg that ranks the file higher. */
  readonly index: number;
  readonly score: number;
  readonly match: 'keyword' | 'semantic' | 'both' | 'name';
}

/** Share of the keyword leg; docs/decisions/0006 has the figures. */
export const KEYWORD_WEIGHT = 0.5;
/**
 * Of a name that has all words of the query. It counts by the square of the share, so that one word of many, which a
 * name may have by chance, is next to nothing.
 */
export const NAME_WEIGHT = 0.3;

export const byFile = ({ fileId }: Candidate): string => fileId;
export const byPassage = ({ versionId, index }: Candidate): string => `${versionId}:${index}`;

export interface FusionOptions {
  readonly keywordWeight?: number;
  readonly names?: readonly Candidate[];
  /** What is one entry of the answer: a file, or a passage. */
  readonly keyOf?: (candidate: Candidate) => string;
}

/**
 * Joins the two legs by the weighted sum of their scores, both on a scale of their own that means the same for every
 * query: the share of the query that the words cover, and the cosine similarity. (Normalised to the best candidate
 * instead, one incidental word in a small collection would count as a perfect match.) Either leg may be empty; ties
 * go to the smaller file id, so that pages are stable. Names add their share to what a file has otherwise.
 */
export function fuse(
  keyword: readonly Candidate[],
  semantic: readonly Candidate[],
  { keywordWeight = KEYWORD_WEIGHT, names = [], keyOf = byFile }: FusionOptions = {},
): Fused[] {
  const joined = new Map<string, Fused>();
  const add = (leg: readonly Candidate[], weight: number, match: 'keyword' | 'semantic') => {
    for (const candidate of leg) {
      const { fileId, versionId, index, score } = candidate;
      const share = weight * Math.max(0, score);
      const other = joined.get(keyOf(candidate));
      const passage = other !== undefined && other.score >= share ? other : { versionId, index };
      joined.set(keyOf(candidate), {
        fileId,
        versionId: passage.versionId,
        index: passage.index,
        score: share + (other?.score ?? 0),
        match: other ? 'both' : match,
      });
    }
  };
  add(keyword, semantic.length === 0 ? 1 : keywordWeight, 'keyword');
  add(semantic, keyword.length === 0 ? 1 : 1 - keywordWeight, 'semantic');
  for (const candidate of names) {
    const share = NAME_WEIGHT * candidate.score * candidate.score;
    const other = joined.get(keyOf(candidate));
    joined.set(
      keyOf(candidate),
      other ? { ...other, score: other.score + share } : { ...candidate, score: share, match: 'name' },
    );
  }
  return [...joined.values()].sort(byRank);
}

/** The best first; ties by file id, then by passage. */
export function byRank(a: Fused, b: Fused): number {
  return b.score - a.score || (a.fileId < b.fileId ? -1 : a.fileId > b.fileId ? 1 : a.index - b.index);
}
