import type { SidecarReady } from '../../contracts/sidecar.ts';
import type { Logger } from '../../core/telemetry/logger.ts';
import { queueLimits } from '../limits.ts';
import { type Batcher, createBatcher, type Priority } from './batcher.ts';
import type { InferenceEngine } from './engine.ts';
import type { ModelResolver, ResolvedModel } from './model-resolver.ts';
import { normalise } from './pooling.ts';
import type { EmbeddingModel } from './registry.ts';
import { loadTokenizer, type TokenizeOptions, type Tokenizer } from './tokenizer.ts';
import { createWorkerEngine } from './worker-engine.ts';

export interface EmbedOptions extends TokenizeOptions {
  normalize: boolean;
  /** A search query gets the model's instruction prefix, a document does not. */
  purpose: 'query' | 'document';
  priority: Priority;
  signal?: AbortSignal;
}

/** A model that is loaded. */
export interface Embedder {
  readonly model: EmbeddingModel;
  readonly source: string;
  /** One vector for each text. @throws QueueFullError, TextTooLongError */
  embed(texts: readonly string[], options: EmbedOptions): Promise<Float32Array[]>;
  close(): Promise<void>;
}

export type ModelState = SidecarReady['models'][string];

/** A model that may come later. */
export interface EmbedderHandle {
  current(): Embedder | undefined;
  state(): ModelState;
  close(): Promise<void>;
}

const LANES = 2;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** Loads a resolved model: tokenizer here, inference on threads of its own. */
export async function loadEmbedder({ model, folder }: ResolvedModel): Promise<Embedder> {
  const tokenizer = await loadTokenizer(folder.path, model);
  const engine = await createWorkerEngine({ model, folder: folder.path, lanes: LANES, threadsPerLane: 1 });
  return createEmbedder(
    model,
    folder.source,
    tokenizer,
    engine,
    createBatcher({ engine, limits: queueLimits }),
  );
}

function createEmbedder(
  model: EmbeddingModel,
  source: string,
  tokenizer: Tokenizer,
  engine: InferenceEngine,
  batcher: Batcher,
): Embedder {
  return {
    model,
    source,
    async embed(texts, { normalize, purpose, priority, signal, ...tokenizing }) {
      const prefix = purpose === 'query' ? model.queryPrefix : '';
      const sequences = await tokenizer.tokenize(
        prefix === '' ? texts : texts.map((text) => prefix + text),
        tokenizing,
      );
      const vectors = await batcher.embed(sequences, priority, signal);
      return normalize ? vectors.map(normalise) : vectors;
    },
    close: () => engine.close(),
  };
}

export interface ModelLoaderOptions {
  resolver: ModelResolver;
  /** The id to report while nothing is resolved. */
  wanted: string;
  logger: Logger;
  load?: (resolved: ResolvedModel) => Promise<Embedder>;
  /** Resolves after the pause between two attempts; rejects when the signal aborts. */
  pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Looks for a model in the background until one is loaded; the pause between attempts doubles up to a minute. */
export function startModelLoader(options: ModelLoaderOptions): EmbedderHandle {
  const { resolver, wanted, logger, load = loadEmbedder, pause } = options;
  const stopping = new AbortController();
  let embedder: Embedder | undefined;
  let state: ModelState = { id: wanted, state: 'loading' };

  async function attempt(): Promise<void> {
    const resolved = await resolver.resolve(stopping.signal);
    const { model, folder } = resolved;
    if (state.state === 'loading') state = { id: model.id, state: 'loading' };
    const loaded = await load(resolved);
    if (stopping.signal.aborted) return loaded.close();
    await resolver.remember(resolved);
    embedder = loaded;
    state = { id: model.id, state: 'ready', dimensions: model.dimensions, source: folder.source };
    logger.info('model ready', { model: model.id, source: folder.source });
  }

  async function run(): Promise<void> {
    for (let wait = FIRST_RETRY_MS; !stopping.signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        return await attempt();
      } catch (error) {
        if (stopping.signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        state = { id: wanted, state: 'missing', reason };
        logger.warn('model missing', { model: wanted, reason, retryInMs: wait });
      }
      await pause(wait, stopping.signal).catch(() => undefined);
    }
  }

  const running = run();
  return {
    current: () => embedder,
    state: () => state,
    async close() {
      stopping.abort();
      await running;
      await embedder?.close();
    },
  };
}
