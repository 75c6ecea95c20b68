import type { Coverage } from '../models/search.ts';

export interface Candidate {
  readonly fileId: string;
  readonly versionId: string;
  readonly index: number;
  readonly score: number;
}

export interface QueryVector {
  readonly model: string;
  readonly values: readonly number[];
}

export interface Passage {
  readonly versionId: string;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly page: number | null;
  /** The part to show, matched words between MARK_START and MARK_END. */
  readonly marked: string;
}

export const MARK_START = '\uE000';
export const MARK_END = '\uE001';

export interface SearchRepository {
  /** Best passage of each file by BM25 and by cosine similarity, over what the user may see, and how much that is. */
  search(
    userId: string,
    query: string,
    legs: { keyword: boolean; vector: QueryVector | undefined },
    depth: number,
  ): Promise<{ keyword: Candidate[]; semantic: Candidate[]; coverage: Coverage }>;
  passages(query: string, hits: readonly { versionId: string; index: number }[]): Promise<Passage[]>;
}
