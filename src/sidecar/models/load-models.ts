import { availableParallelism } from 'node:os';
import { createCores } from './cores.ts';
import { type EmbedderContext, lanesOf, loadEmbedder } from './embedder.ts';
import { createEmbeddingCache } from './embedding-cache.ts';
import { createEmbeddingMemory } from './embedding-memory.ts';
import type { ModelLoader } from './manager.ts';
import { loadTaskRunner } from './task-runner.ts';

/** A session holds the weights and what it unpacks them to; a thread and its copy of the library come on top. */
const SESSION_FACTOR = 1.5;
const THREAD_BYTES = 40 * 1_048_576;

/** Opens models that share the cores of the machine and one cache of embeddings. */
export function createModelLoader(cacheBytes: number): ModelLoader {
  const cores = createCores(availableParallelism());
  const shared: Omit<EmbedderContext, 'figures'> = {
    cores,
    memory: createEmbeddingMemory(createEmbeddingCache(cacheBytes)),
  };
  return {
    embedder: (model, folder, figures) => loadEmbedder({ model, folder }, { ...shared, figures }),
    runner: (model, folder, figures) => loadTaskRunner(model, folder, { cores, figures }),
    estimate({ task }, sizeBytes) {
      const threads = task === 'feature-extraction' ? lanesOf(cores) : 1;
      return Math.ceil(threads * (sizeBytes * SESSION_FACTOR + THREAD_BYTES));
    },
  };
}
