import type { ReadRequest, ReadResponse } from '../../../contracts/sidecar.ts';

/** Reads documents. @throws DependencyError when it cannot be reached, WorkLostError when it was lost over this one. */
export interface DocumentReader {
  read(request: ReadRequest): Promise<ReadResponse>;
}

export interface EmbedOptions {
  readonly priority: 'interactive' | 'batch';
  /** Without one, the default of whoever answers. */
  readonly model?: string | undefined;
  /** What the texts are; unless told, what is interactive is a query. */
  readonly role?: 'query' | 'document';
}

export interface Embedded {
  /** What made the vectors; vectors of different models cannot be compared. */
  readonly model: string;
  /** Who answered. */
  readonly provider: string;
  /** One for each text, of length 1. */
  readonly vectors: number[][];
}

/** Makes vectors. @throws ModelUnavailableError, DependencyError. */
export interface Embedder {
  embed(texts: readonly string[], options: EmbedOptions): Promise<Embedded>;
}

/** The model server answers, but has no model to answer with, or no room. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError';
}

/** The other side was there when it got this work, and was lost before it answered: perhaps because of the work. */
export class WorkLostError extends Error {
  override name = 'WorkLostError';
}
