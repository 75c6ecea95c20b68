import type { Candidate } from '../ports.ts';

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
 * Joins the two legs by the weighted sum of their min-max normalised scores. Either leg may be empty; ties go to
 * the smaller file id, so that pages are stable.
 */
export function fuse(
  keyword: readonly Candidate[],
  semantic: readonly Candidate[],
  keywordWeight: number = KEYWORD_WEIGHT,
): Fused[] {
  const joined = new Map<string, Fused>();
  const add = (leg: readonly Candidate[], weight: number, match: 'keyword' | 'semantic') => {
    const normalise = normaliser(leg);
    for (const { fileId, versionId, index, score } of leg) {
      const share = weight * normalise(score);
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

/** Maps a leg's scores to (0, 1]: its worst candidate is still better than one that is not in the leg. */
function normaliser(leg: readonly Candidate[]): (score: number) => number {
  const scores = leg.map(({ score }) => score);
  const low = Math.min(...scores);
  const span = Math.max(...scores) - low;
  const FLOOR = 0.01;
  return (score) => (span === 0 ? 1 : FLOOR + ((1 - FLOOR) * (score - low)) / span);
}
