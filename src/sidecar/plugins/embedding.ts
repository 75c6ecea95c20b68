import { setTimeout as pause } from 'node:timers/promises';
import type { EmbedderHandle } from '../models/embedder.ts';
import { QueueFullError } from '../models/batcher.ts';
import type { Embedded } from './plugin.ts';
import type { Calls } from './protocol.ts';

const CHARACTERS_PER_TEXT = 2_000;
const TEXTS_PER_CALL = 2_000;
/** Texts are embedded so many at a time, so that one document does not fill the queue. */
const SLICE = 64;
const RETRY_MS = 250;
/** The same labels and fields come with every document of a workspace. */
const REMEMBERED = 2_000;

/** `embed` of plugins: the embedding model in use, behind everybody who waits for an answer. */
export function createPluginEmbedding(handle: Pick<EmbedderHandle, 'current'>): NonNullable<Calls['embed']> {
  const remembered = new Map<string, Float32Array>();

  function remember(key: string, vector: Float32Array): void {
    remembered.delete(key);
    remembered.set(key, vector);
    for (const oldest of remembered.keys()) {
      if (remembered.size <= REMEMBERED) return;
      remembered.delete(oldest);
    }
  }

  return async (texts, signal): Promise<Embedded | undefined> => {
    const embedder = handle.current();
    if (embedder === undefined) return undefined;
    if (texts.length > TEXTS_PER_CALL) throw new Error(`At most ${TEXTS_PER_CALL} texts are embedded at once.`);
    const model = embedder.model.id;
    const cut = texts.map((text) => text.slice(0, CHARACTERS_PER_TEXT));
    const found = new Map<string, Float32Array>();
    for (const text of cut) {
      const known = remembered.get(`${model}\0${text}`);
      if (known !== undefined) found.set(text, known);
    }
    const missing = [...new Set(cut)].filter((text) => !found.has(text));
    for (let from = 0; from < missing.length; from += SLICE) {
      const slice = missing.slice(from, from + SLICE);
      const vectors = await whenThereIsRoom(signal, () =>
        embedder.embed(slice, {
          truncate: true,
          direction: 'right',
          normalize: true,
          purpose: 'document',
          priority: 'batch',
          signal,
        }),
      );
      slice.forEach((text, index) => found.set(text, vectors[index] ?? new Float32Array()));
    }
    for (const text of cut) remember(`${model}\0${text}`, found.get(text) ?? new Float32Array());
    return { model, vectors: cut.map((text) => found.get(text) ?? new Float32Array()) };
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
