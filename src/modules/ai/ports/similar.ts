import type { Similar, SimilarKind, SimilarQuery } from '../models/similar.ts';

export interface SimilarCandidate {
  readonly fileId: string;
  readonly kind: SimilarKind;
  readonly score: number;
  readonly distance: number | null;
}

export interface SimilarRepository {
  /** Among the files that the user sees, without the file itself; undefined when they do not see it. */
  similar(
    userId: string,
    fileId: string,
    query: SimilarQuery,
  ): Promise<
    | { readonly candidates: SimilarCandidate[]; readonly comparedBy: Similar['comparedBy'] }
    | 'not_a_file'
    | undefined
  >;
}
