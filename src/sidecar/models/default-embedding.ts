import type { Logger } from '../../core/telemetry/logger.ts';
import type { Embedder, EmbedderHandle, ModelState } from './embedder.ts';
import type { ModelResolver, ResolvedModel } from './model-resolver.ts';

export interface DefaultEmbeddingOptions {
  resolver: ModelResolver;
  /** The id to report while nothing is resolved. */
  wanted: string;
  logger: Logger;
  /** Makes it the pinned default and loads it. */
  adopt(resolved: ResolvedModel): Promise<void>;
  /** The model, if it is in memory. */
  embedder(id: string): Embedder | undefined;
  /** Resolves after the pause between two attempts; rejects when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

/** Looks for the model in the background until it is loaded; the pause between attempts doubles up to a minute. */
export function startDefaultEmbedding(options: DefaultEmbeddingOptions): EmbedderHandle {
  const { resolver, wanted, logger, adopt, embedder, pause } = options;
  const stopping = new AbortController();
  let adopted: ResolvedModel | undefined;
  let state: ModelState = { id: wanted, state: 'loading' };

  async function attempt(): Promise<void> {
    const resolved = await resolver.resolve(stopping.signal);
    const { model, folder } = resolved;
    if (state.state === 'loading') state = { id: model.id, state: 'loading' };
    await adopt(resolved);
    if (stopping.signal.aborted) return;
    await resolver.remember(resolved);
    adopted = resolved;
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
    current: () => (adopted === undefined ? undefined : embedder(adopted.model.id)),
    state() {
      if (adopted === undefined) return state;
      const { id, dimensions } = adopted.model;
      if (embedder(id) !== undefined)
        return { id, state: 'ready', dimensions, source: adopted.folder.source };
      return { id, state: 'missing', dimensions, reason: 'It is not in memory; the next request loads it.' };
    },
    async close() {
      stopping.abort();
      await running;
    },
  };
}
