import type { ReadRequest, ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import { sidecarError } from '../problems.ts';
import type { ReaderPool } from './reader-pool.ts';
import { downloadSource } from './source-file.ts';

export interface ReadService {
  /** @throws AppError overloaded, or whatever keeps the object from being fetched. */
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse>;
}

export interface ReadServiceOptions {
  pool: ReaderPool;
  objectStore: string;
  limits: ReadingLimits;
}

/** Fetches and reads documents, a few at a time; some more wait, and the rest are told to come back. */
export function createReadService({ pool, objectStore, limits }: ReadServiceOptions): ReadService {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function takeTurn(signal: AbortSignal): Promise<void> {
    if (running < limits.concurrentReads) {
      running++;
      return;
    }
    if (waiting.length >= limits.waitingReads) {
      throw sidecarError('overloaded', {
        detail: 'Many documents are waiting to be read.',
        retryAfterSeconds: 10,
      });
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        waiting.splice(waiting.indexOf(proceed), 1);
        reject(signal.reason);
      };
      const proceed = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(proceed);
    });
  }

  function passTurn(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }

  async function fetchAndRead(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse> {
    const options = { objectStore, downloadMilliseconds: limits.downloadMilliseconds };
    const file = await downloadSource(request.url, request.size, options, signal);
    try {
      return await pool.read(file.path, request.name);
    } finally {
      await file.remove();
    }
  }

  return {
    async read(request, signal) {
      if (request.size > limits.fileBytes) {
        const reason = `The file is larger than ${Math.round(limits.fileBytes / 1_048_576)} MB, the largest that is read.`;
        return { status: 'skipped', contentType: request.contentType, reason };
      }
      signal.throwIfAborted();
      await takeTurn(signal);
      try {
        return await fetchAndRead(request, signal);
      } finally {
        passTurn();
      }
    },
  };
}
