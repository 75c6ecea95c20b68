import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../../core/http/app-error.ts';
import { QueueFullError } from '../models/batcher.ts';
import type { EmbedderHandle } from '../models/embedder.ts';
import type { ModelManager } from '../models/manager.ts';
import type { Calls } from './protocol.ts';

const CHARACTERS_PER_TEXT = 2_000;
const TEXTS_PER_CALL = 2_000;
/** Texts are embedded so many at a time, so that one document does not fill the queue. */
const SLICE = 64;
const RETRY_MS = 250;
const SUMMARISED_CHARACTERS = 20_000;
const summaryAnswer = z.array(z.object({ summary_text: z.string().min(1) })).min(1);

/** `embed` of plugins: the default embedding model, behind everybody who waits for an answer. */
export function createPluginEmbedding(handle: Pick<EmbedderHandle, 'current'>): NonNullable<Calls['embed']> {
  return async (texts, signal) => {
    const embedder = handle.current();
    if (embedder === undefined) return undefined;
    if (texts.length > TEXTS_PER_CALL)
      throw new Error(`At most ${TEXTS_PER_CALL} texts are embedded at once.`);
    const options = {
      truncate: true,
      direction: 'right',
      normalize: true,
      purpose: 'document',
      priority: 'batch',
      signal,
    } as const;
    const vectors: Float32Array[] = [];
    for (let from = 0; from < texts.length; from += SLICE) {
      const slice = texts.slice(from, from + SLICE).map((text) => text.slice(0, CHARACTERS_PER_TEXT));
      vectors.push(...(await whenThereIsRoom(signal, () => embedder.embed(slice, options))));
    }
    return { model: embedder.model.id, vectors };
  };
}

/** A full queue empties; the time of the step bounds the waiting. */
async function whenThereIsRoom<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      await pause(RETRY_MS, undefined, { signal });
    }
  }
}

/** `summarise` of built-in steps: the summarisation model, where one is on disk. */
export function createPluginSummaries(
  models: Pick<ModelManager, 'withRunner'>,
): NonNullable<Calls['summarise']> {
  return async (text, signal) => {
    try {
      return await models.withRunner('summarization', undefined, signal, async (runner) => {
        const inputs = text.slice(0, SUMMARISED_CHARACTERS);
        const call = { task: 'summarization', input: { inputs, parameters: {} } } as const;
        const answer = summaryAnswer.parse(await runner.run(call, { priority: 'batch', signal }));
        return { model: runner.model.id, summary: answer[0]?.summary_text ?? '' };
      });
    } catch (error) {
      // None is known, or none is here: the document speaks for itself then.
      if (error instanceof AppError && ['not_found', 'model_unavailable'].includes(error.code))
        return undefined;
      throw error;
    }
  };
}
