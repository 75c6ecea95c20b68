import { modelIdSchema } from '../../../contracts/sidecar.ts';
import { describeError } from '../../../core/telemetry/logger.ts';
import type { DegradedReason } from '../models/search.ts';
import type { ModelInUse, QueryVector } from '../ports/search.ts';
import type { SearchParts } from './search-parts.ts';

export interface QueryVectors {
  readonly vectors: readonly QueryVector[];
  /** Why there are fewer than there should be. */
  readonly missing?: DegradedReason;
}

/** A user of drives with more models than that searches the rest by keyword. */
const MOST_MODELS = 4;

/** A vector of the query for each model that the caller's drives search with. Search answers without one rather than not at all. */
export async function queryVectors(
  { repository, embedQuery, semanticSearchIsOn, logger }: Omit<SearchParts, 'reranker' | 'storage'>,
  userId: string,
  meaning: string,
): Promise<QueryVectors> {
  const [isOn, inUse] = await Promise.all([semanticSearchIsOn(userId), repository.modelsInUse(userId)]);
  if (!isOn) return { vectors: [], missing: 'semantic_search_off' };
  const models = inUse.length === 0 ? [{ model: null, dimensions: null, drives: [] }] : inUse;
  const results = await Promise.all(
    models.slice(0, MOST_MODELS).map(async (use): Promise<QueryVector | DegradedReason> => {
      try {
        const vector = await embedQuery(meaning, use.model ?? undefined);
        if (!fits(vector, use)) return 'model_mismatch';
        return models.length === 1 ? vector : { ...vector, drives: use.drives };
      } catch (error) {
        logger.warn('no vector for the query, answering by keyword', { error: describeError(error) });
        return 'model_unavailable';
      }
    }),
  );
  const vectors = results.filter((result) => typeof result !== 'string');
  const missing =
    results.find((result) => typeof result === 'string') ??
    (models.length > MOST_MODELS ? 'model_unavailable' : undefined);
  return { vectors, ...(missing === undefined ? {} : { missing }) };
}

/** A vector of another space would be compared with what it has nothing to do with. */
function fits({ model, values }: QueryVector, use: ModelInUse): boolean {
  return (
    values.length > 0 &&
    modelIdSchema.safeParse(model).success &&
    (use.model === null || use.model === model) &&
    (use.dimensions === null || use.dimensions === values.length)
  );
}
