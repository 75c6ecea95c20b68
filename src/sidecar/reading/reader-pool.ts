import type { ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import { createProcessPool, type ProcessEnd } from '../process-pool.ts';
import type { PictureJob } from './pictures/picture.ts';
import { createPicturePool } from './pictures/picture-pool.ts';
import type { ReaderMessage, ReaderOrder } from './reader-process.ts';

export interface ReadOptions {
  /** Ends the process in the middle of its work. */
  signal?: AbortSignal;
  /** Asked before each look at pictures; always unless told. */
  mayLook?: () => boolean;
}

export interface ReaderPool {
  /**
   * Reads the file at `path` in a process of its own. Never rejects for what the document does: crashing the process, or
   * running out of memory or time, is a `failed` answer. Rejects when no process can be started.
   * @throws LookLaterError when the document has pictures and they may not be looked at; the signal's reason
   */
  read(path: string, name: string, options?: ReadOptions): Promise<ReadResponse>;
  close(): Promise<void>;
}

/** The document has to be read again, when its pictures may be looked at. */
export class LookLaterError extends Error {
  override name = 'LookLaterError';
}

/** What is left for the document when looking at its pictures took all the time there was. */
const REST_MS = 10_000;

interface Reading {
  end: ProcessEnd;
  contentType: string;
  response?: ReadResponse;
  /** Why reading cannot go on; thrown. */
  fault?: unknown;
}

/**
 * The caller bounds concurrency. A process that reads decodes no picture itself: it asks, and another one looks at the
 * same file (docs/decisions/0025).
 * @param ocrLanguages as their packages `@tesseract.js-data/*` are called.
 */
export function createReaderPool(
  limits: ReadingLimits,
  ocrLanguages: readonly string[] = ['eng'],
): ReaderPool {
  const pictures = createPicturePool(limits.pictures, ocrLanguages);
  const readers = createProcessPool<ReaderOrder, ReaderMessage>(
    new URL('./reader-process.ts', import.meta.url),
    limits,
  );

  async function readOnce(path: string, name: string, options: ReadOptions): Promise<Reading> {
    const { signal, mayLook = () => true } = options;
    const lookUntil = performance.now() + limits.parseMilliseconds - REST_MS;
    const over = new AbortController();
    const seen: Omit<Reading, 'end'> = { contentType: 'application/octet-stream' };
    const stop = (fault: unknown) => {
      seen.fault = fault;
      over.abort();
    };
    const look = async (job: PictureJob, reply: (answer: object) => void) => {
      if (!mayLook()) return stop(new LookLaterError());
      const milliseconds = Math.max(0, Math.min(job.milliseconds, lookUntil - performance.now()));
      await pictures
        .look(path, { ...job, milliseconds }, over.signal)
        .then((sight) => reply({ sight }), stop);
    };
    const onMessage = (message: ReaderMessage, reply: (answer: object) => void) => {
      if ('look' in message) void look(message.look, reply);
      else if ('contentType' in message) seen.contentType = message.contentType;
      else if ('response' in message) seen.response = message.response;
      return 'response' in message || 'error' in message;
    };
    const end = await readers
      .run(
        { path, name, limits },
        {
          milliseconds: limits.parseMilliseconds,
          signal: signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]),
          onMessage,
        },
      )
      .finally(() => over.abort());
    return { ...seen, end };
  }

  return {
    async read(path, name, options = {}) {
      let reading = await readOnce(path, name, options);
      options.signal?.throwIfAborted();
      // A process may die of what documents before have left in it; one that dies twice dies of this one.
      if (reading.end === 'stopped' && reading.fault === undefined)
        reading = await readOnce(path, name, options);
      options.signal?.throwIfAborted();
      const { response, contentType, fault, end } = reading;
      if (fault !== undefined) throw fault;
      return response ?? { status: 'failed', contentType, reason: explain(end, limits) };
    },
    async close() {
      await Promise.all([readers.close(), pictures.close()]);
    },
  };
}

function explain(end: ProcessEnd, limits: ReadingLimits): string {
  if (end === 'too-much-memory') return 'Reading the document needs more memory than is allowed.';
  if (end === 'too-long')
    return `The document could not be read within ${Math.round(limits.parseMilliseconds / 1000)} seconds.`;
  if (end === 'stopped') return 'The document could not be read: reading it stopped unexpectedly.';
  return 'The document could not be read: it is damaged.';
}
