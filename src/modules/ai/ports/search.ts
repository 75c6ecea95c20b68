import type { Coverage, FacetName, Facets, Freshness, SearchFilters, SearchMode } from '../models/search.ts';

/** Whose files, and which of them. */
export interface SearchScope {
  readonly userId: string;
  readonly filters: SearchFilters;
}

/** Text that has to be there, or must not be. `literal`: of a script without spaces, looked for letter by letter. */
export interface HardTerm {
  readonly text: string;
  readonly literal: boolean;
}

/** A query taken apart. */
export interface QueryTerms {
  /** Words, those of phrases too. */
  readonly words: string;
  /** Beginnings of words, lower case, letters and digits only. */
  readonly prefixes: readonly string[];
  readonly phrases: readonly HardTerm[];
  readonly excluded: readonly HardTerm[];
  /** Pieces of words of scripts without spaces, lower case. */
  readonly grams: readonly string[];
  /** What a model is asked about; empty when there is nothing to ask. */
  readonly meaning: string;
}

export interface Candidate {
  readonly fileId: string;
  readonly versionId: string;
  readonly index: number;
  readonly score: number;
}

export interface QueryVector {
  readonly model: string;
  readonly values: readonly number[];
  readonly provider?: string;
  /** UUIDs of the drives whose model it is; undefined: of all. */
  readonly drives?: readonly string[];
}

/** An embedding model and the drives (UUIDs) that search with it. */
export interface ModelInUse {
  /** Null: what the model server has by default. */
  readonly model: string | null;
  readonly dimensions: number | null;
  readonly drives: readonly string[];
}

export interface SearchPlan {
  readonly keyword: boolean;
  readonly vectors: readonly QueryVector[];
  /** Files of each leg. */
  readonly depth: number;
  /** Passages of each file; 1 unless told. */
  readonly perFile?: number;
  readonly freshness?: { readonly versionIds: readonly string[]; readonly mode: SearchMode } | undefined;
}

export interface Found {
  /** Share of the query's words, weighted by rarity, that the passage has. */
  readonly keyword: Candidate[];
  /** Share of the query's words that the file's name has; `index` is 0. */
  readonly names: Candidate[];
  /** Cosine similarity. */
  readonly semantic: Candidate[];
  readonly coverage: Coverage;
  readonly freshness: Freshness | undefined;
}

export interface Passage {
  readonly versionId: string;
  readonly index: number;
  readonly start: number;
  readonly end: number;
  readonly page: number | null;
  /** All of it, matched words between MARK_START and MARK_END. */
  readonly marked: string;
}

export interface VersionFacts {
  readonly versionId: string;
  readonly number: number;
  readonly sha256: string | null;
}

/** A word that the caller's files have, like one of the query; `sample` is a text that has it. */
export interface LikeWord {
  readonly word: string;
  readonly sample: string;
}

export interface FileStanding {
  readonly visibility: 'visible' | 'deleted' | 'not_visible';
  /** Names of the filters that leave it out. */
  readonly filters: readonly string[];
  readonly phrasesHold: boolean;
  readonly status: string | null;
  readonly reason: string | null;
  readonly hasText: boolean;
  readonly hasVectors: boolean;
  readonly terms: readonly { readonly term: string; readonly idf: number; readonly tf: number }[];
  readonly keywordScore: number | null;
  readonly similarity: number | null;
}

export const MARK_START = '\uE000';
export const MARK_END = '\uE001';

export interface SearchRepository {
  modelsInUse(userId: string): Promise<ModelInUse[]>;
  /** What the drive that is searched, else the caller's own, or the deployment has chosen; null: nothing. */
  rankingModel({ userId, filters }: SearchScope): Promise<string | null>;
  /** Best passages by BM25, by name and by cosine similarity, over what the user may see, and how much that is. */
  search(scope: SearchScope, terms: QueryTerms, plan: SearchPlan): Promise<Found>;
  passages(terms: QueryTerms, hits: readonly { versionId: string; index: number }[]): Promise<Passage[]>;
  versions(versionIds: readonly string[]): Promise<VersionFacts[]>;
  /** Over all files that match by their words or their name, and those of `fileIds` that are in scope. */
  facets(
    scope: SearchScope,
    terms: QueryTerms,
    fileIds: readonly string[],
    names: readonly FacetName[],
  ): Promise<Facets>;
  /** Files that match by their words or their name; without terms, all that the filters leave. */
  matching(scope: SearchScope, terms: QueryTerms | undefined, most: number): Promise<string[]>;
  /** For each word, those of the scope that look like it. */
  likeWords(scope: SearchScope, words: readonly string[]): Promise<Map<string, LikeWord[]>>;
  standing(
    scope: SearchScope,
    terms: QueryTerms,
    fileId: string,
    vectors: readonly QueryVector[],
  ): Promise<FileStanding>;
}

/** Orders texts by how well they answer a query. */
export interface Reranker {
  /** Higher is better, in the order of the texts. Undefined: there is no such model, or it did not answer in time. */
  rank(
    query: string,
    texts: readonly string[],
    /** Undefined: the provider's default. */
    model: string | undefined,
  ): Promise<{ scores: number[]; provider: string } | undefined>;
}

/** Text that only this deployment can have written. */
export interface Seal {
  /** `context` is not in the text, and has to be the same to open it. */
  close(payload: string, context: string): string;
  open(sealed: string, context: string): string | undefined;
}
