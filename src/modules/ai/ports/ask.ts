import type { File } from '../../../contracts/storage.ts';
import type { Coverage, SearchFilters } from '../models/search.ts';
import type { Caller } from './caller.ts';

/** What a question is answered from: passages of files that the caller sees at this moment, the best first. */
export interface RetrievedPassage {
  readonly file: File;
  readonly versionId: string;
  readonly versionNumber: number;
  readonly sha256: string | null;
  readonly start: number;
  readonly end: number;
  readonly page: number | null;
  readonly text: string;
  /** Share of the question's words, weighted by rarity, that the passage has; 0 where it has none. */
  readonly keyword: number;
}

export interface Retrieved {
  readonly passages: readonly RetrievedPassage[];
  readonly degraded: boolean;
  readonly coverage: Coverage;
  /** Which provider made the vector of the question. */
  readonly provider: string | null;
}

export interface Retriever {
  retrieve(
    caller: Caller,
    question: string,
    filters: SearchFilters | undefined,
    limit: number,
  ): Promise<Retrieved>;
}

export interface ChatMessage {
  readonly role: 'system' | 'user';
  readonly content: string;
}

/** Pieces of an answer as a chat model writes it. @throws DependencyError, ModelUnavailableError before the first piece or in the middle. */
export interface ChatModel {
  write(
    messages: readonly ChatMessage[],
  ): { readonly provider: string; readonly pieces: AsyncIterable<string> }[];
}

/** How alike a question and each of some texts are, as cosines; undefined when no model can be had. */
export type Similarity = (question: string, texts: readonly string[]) => Promise<number[] | undefined>;
