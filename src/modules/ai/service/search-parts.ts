import type { StorageClient } from '../../../contracts/storage.ts';
import type { Logger } from '../../../core/telemetry/logger.ts';
import type { QueryVector, Reranker, SearchRepository } from '../ports/search.ts';

/** What finding needs, whoever shows what was found. */
export interface SearchParts {
  readonly repository: SearchRepository;
  /** Without a model: by whatever the model server has by default. */
  readonly embedQuery: (query: string, model?: string) => Promise<QueryVector>;
  /** False: search goes by keyword for this user, as if there were no model. */
  readonly semanticSearchIsOn: (userId: string) => Promise<boolean>;
  readonly reranker: Reranker;
  readonly storage: StorageClient;
  readonly logger: Logger;
}
