import type { ReadRequest, ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import type { ObjectSource } from '../object-source.ts';
import { downloadObject } from '../source-file.ts';
import { createTurns } from '../turns.ts';
import { LookLaterError, type ReaderPool } from './reader-pool.ts';

export interface ReadService {
  /** @throws AppError overloaded, or whatever keeps the object from being fetched. */
  read(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse>;
}

export interface ReadServiceOptions {
  pool: ReaderPool;
  source: ObjectSource;
  limits: ReadingLimits;
}

/**
 * Fetches and reads documents, a few at a time. Recognising text takes a minute where reading takes a second: whatever
 * needs it has turns of its own, fewer than there are to read, so that a few scans never hold up everything else.
 */
export function createReadService({ pool, source, limits }: ReadServiceOptions): ReadService {
  const reads = createTurns(
    { concurrent: limits.concurrentReads, waiting: limits.waitingReads },
    'Many documents are waiting to be read.',
  );
  const looks = createTurns(
    { concurrent: limits.concurrentLooks, waiting: limits.waitingReads },
    'Many pictures and scans are waiting to be read.',
  );

  async function fetchAndRead(request: ReadRequest, signal: AbortSignal, mayLook: () => boolean) {
    const file = await downloadObject(source, request, limits.downloadMilliseconds, signal);
    try {
      return await pool.read(file.path, request.name, { signal, mayLook });
    } finally {
      await file.remove();
    }
  }

  /** A look that is free is taken; undefined when there is none and the document needs one. */
  async function readAtOnce(request: ReadRequest, signal: AbortSignal): Promise<ReadResponse | undefined> {
    let giveBack: (() => void) | undefined;
    const mayLook = () => {
      giveBack ??= looks.takeNow();
      return giveBack !== undefined;
    };
    try {
      return await reads(signal, () => fetchAndRead(request, signal, mayLook));
    } catch (error) {
      if (error instanceof LookLaterError) return undefined;
      throw error;
    } finally {
      giveBack?.();
    }
  }

  return {
    async read(request, signal) {
      if (request.size > limits.fileBytes) {
        const reason = `The file is larger than ${Math.round(limits.fileBytes / 1_048_576)} MB, the largest that is read.`;
        return { status: 'skipped', contentType: request.contentType, reason };
      }
      // Where the name of the type is wrong, it only waits in the wrong row.
      const isPicture = request.contentType.startsWith('image/');
      const response = isPicture ? undefined : await readAtOnce(request, signal);
      return response ?? looks(signal, () => reads(signal, () => fetchAndRead(request, signal, () => true)));
    },
  };
}
