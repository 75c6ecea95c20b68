import type { ReadRequest, ReadResponse } from '../../../contracts/sidecar.ts';

/** Reads documents. @throws DependencyError when it cannot be reached. */
export interface DocumentReader {
  read(request: ReadRequest): Promise<ReadResponse>;
}

/** Makes vectors. @throws ModelUnavailableError, DependencyError. */
export interface Embedder {
  embed(
    texts: readonly string[],
    priority: 'interactive' | 'batch',
  ): Promise<{ model: string; vectors: number[][] }>;
}

/** The model server answers, but has no model to answer with, or no room. */
export class ModelUnavailableError extends Error {
  override name = 'ModelUnavailableError';
}
