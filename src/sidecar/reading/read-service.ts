import type { ReadRequest, ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import type { ObjectSource } from '../object-source.ts';
import { downloadObject } from '../source-file.ts';
import { createTurns } from '../turns.ts';
import type { ReaderPool } from './reader-pool.ts';

export interface ReadService {
  /** @throws AppError overloaded, or whatever keeps the object from being fetched. */
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse>;
}

export interface ReadServiceOptions {
  pool: ReaderPool;
  source: ObjectSource;
  limits: ReadingLimits;
}

/** Fetches and reads documents, a few at a time. */
export function createReadService({ pool, source, limits }: ReadServiceOptions): ReadService {
  const turns = createTurns(
    { concurrent: limits.concurrentReads, waiting: limits.waitingReads },
    'Many documents are waiting to be read.',
  );

  async function fetchAndRead(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse> {
    const file = await downloadObject(source, request, limits.downloadMilliseconds, signal);
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
      return turns(signal, () => fetchAndRead(request, signal));
    },
  };
}
