import { join } from 'node:path';
import { createLogger } from '../../core/telemetry/logger.ts';
import { createConfiguredModels } from '../dependencies.ts';
import type { Embedder } from '../models/embedder.ts';
import { createModelFigures } from '../models/figures.ts';
import { createModelLoader } from '../models/load-models.ts';
import { createLocalSource } from '../models/local-source.ts';
import { createModelManager, type ModelLoader, type ModelManager } from '../models/manager.ts';
import type { ResolvedModel } from '../models/model-resolver.ts';
import type { ModelSource } from '../models/model-source.ts';
import { createModelStore } from '../models/model-store.ts';
import { type ModelEntry, miniLm } from '../models/registry.ts';

export const modelCacheDir = process.env.MODEL_CACHE_DIR ?? join('.data', 'models');

/** Tests of the real model fail loudly without one; `ALLOW_NO_MODEL=1` says that this is expected. */
export const modelIsOptional = process.env.ALLOW_NO_MODEL === '1';

/** A real model for tests and benchmarks, from whichever source answers. */
export function resolveTestModel(): Promise<ResolvedModel> {
  const { resolver } = createConfiguredModels({
    EMBEDDING_MODEL: miniLm.id,
    MODEL_CACHE_DIR: modelCacheDir,
    MODEL_SOURCES: ['local', 'wheel', 'hub'],
    MODELS_DIR: process.env.MODELS_DIR,
    MODEL_HUB_URL: undefined,
    MODEL_REGISTRY: undefined,
  });
  return resolver.resolve(AbortSignal.timeout(300_000));
}

export interface TestModelsOptions {
  entries?: readonly ModelEntry[];
  /** Folder with models named by id. */
  modelsDir?: string;
  sources?: readonly ModelSource[];
  budgetBytes?: number;
  cacheBytes?: number;
  limits?: { coldStartMilliseconds: number; failedPauseMilliseconds: number };
  loader?: Partial<ModelLoader>;
  residentBytes?: () => number;
}

/** Models under management, none by default. Loading one takes as long as it takes: requests wait. */
export function createTestModels(options: TestModelsOptions = {}): ModelManager {
  const { entries = [], modelsDir, budgetBytes = 2 ** 31, cacheBytes = 0 } = options;
  return createModelManager({
    entries,
    store: createModelStore(options.sources ?? [createLocalSource(modelsDir)]),
    loader: { ...createModelLoader(cacheBytes), ...options.loader },
    budgetBytes,
    logger: createLogger('silent', {}),
    ...(options.residentBytes === undefined ? {} : { residentBytes: options.residentBytes }),
    limits: options.limits ?? { coldStartMilliseconds: 60_000, failedPauseMilliseconds: 0 },
  });
}

/** A resolved model loaded on its own. */
export function loadTestEmbedder({ model, folder }: ResolvedModel, cacheBytes = 0): Promise<Embedder> {
  return createModelLoader(cacheBytes).embedder(model, folder, createModelFigures());
}
