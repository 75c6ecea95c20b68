import type { SidecarReady } from '../../contracts/sidecar.ts';
import { queueLimits } from '../limits.ts';
import { type Batcher, createBatcher, QueueFullError } from './batcher.ts';
import type { Cores, Priority } from './cores.ts';
import type { EmbeddingMemory } from './embedding-memory.ts';
import type { InferenceEngine } from './engine.ts';
import type { ModelFigures } from './figures.ts';
import type { ModelFolder } from './model-source.ts';
import { normalise } from './pooling.ts';
import type { EmbeddingModel } from './registry.ts';
import { loadTokenizer, TextTooLongError, type TokenizeOptions, type Tokenizer } from './tokenizer.ts';
import { createWorkerEngine } from './worker-engine.ts';

export interface EmbedOptions extends TokenizeOptions {
  normalize: boolean;
  /** A search query gets the model's instruction prefix, a document does not. */
  purpose: 'query' | 'document';
  priority: Priority;
  signal?: AbortSignal;
  /** Is told for how many of the texts nothing had to be computed. */
  onHits?: (hits: number) => void;
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

/** The default embedding model, which may come later. */
export interface EmbedderHandle {
  current(): Embedder | undefined;
  state(): ModelState;
  close(): Promise<void>;
}

/** What the models of a process share, and the figures of this one. */
export interface EmbedderContext {
  cores: Cores;
  memory: EmbeddingMemory;
  figures: ModelFigures;
}

/** More copies of the weights than this gain less than they take. */
const MOST_LANES = 4;

export const lanesOf = (cores: Cores) => Math.min(cores.count, MOST_LANES);

/** Loads a model: tokenizer here, inference on threads of its own. */
export async function loadEmbedder(
  { model, folder }: { model: EmbeddingModel; folder: ModelFolder },
  context: EmbedderContext,
): Promise<Embedder> {
  const tokenizer = await loadTokenizer(folder.path, model);
  const lanes = lanesOf(context.cores);
  const engine = await createWorkerEngine({ model, folder: folder.path, lanes, threadsPerLane: 1 });
  const batcher = createBatcher({ engine, cores: context.cores, limits: queueLimits });
  return createEmbedder({ model, source: folder.source, tokenizer, engine, batcher, ...context });
}

export interface EmbedderParts extends EmbedderContext {
  model: EmbeddingModel;
  source: string;
  tokenizer: Tokenizer;
  engine: Pick<InferenceEngine, 'close'>;
  batcher: Batcher;
}

export function createEmbedder(parts: EmbedderParts): Embedder {
  const { model, source, tokenizer, batcher, memory, figures } = parts;
  /** Texts that are not in the queue yet: it alone would not bound what a process takes in. */
  const tokenizing: Record<Priority, number> = { interactive: 0, batch: 0 };

  async function tokenize(texts: readonly string[], indexes: readonly number[], options: EmbedOptions) {
    const { priority, signal } = options;
    batcher.assertRoom(priority);
    if (tokenizing[priority] >= queueLimits.tokenizingTexts) throw new QueueFullError();
    tokenizing[priority] += indexes.length;
    try {
      const prefix = options.purpose === 'query' ? model.queryPrefix : '';
      return await tokenizer.tokenize(
        indexes.map((index) => prefix + texts[index]),
        options,
        signal,
      );
    } catch (error) {
      throw error instanceof TextTooLongError ? error.at(indexes[error.index] ?? error.index) : error;
    } finally {
      tokenizing[priority] -= indexes.length;
    }
  }

  return {
    model,
    source,
    async embed(texts, options) {
      const { normalize, purpose, priority, truncate, direction, signal, onHits } = options;
      const end = figures.begin();
      let tokens = 0;
      try {
        const scope = {
          vector: `${model.id} ${source} ${purpose} ${truncate} ${direction}`,
          urgency: priority,
        };
        const { vectors, hits } = await memory.recall(texts, scope, async (indexes) => {
          const sequences = await tokenize(texts, indexes, options);
          for (const { length } of sequences) tokens += length;
          return batcher.embed(sequences, priority, signal);
        });
        onHits?.(hits);
        end('done', tokens);
        return vectors.map((vector) => (normalize ? normalise(vector.slice()) : vector.slice()));
      } catch (error) {
        const refused =
          error instanceof QueueFullError || error instanceof TextTooLongError || signal?.aborted;
        end(refused ? 'refused' : 'failed', tokens);
        throw error;
      }
    },
    close: () => parts.engine.close(),
  };
}
