import { createHash } from 'node:crypto';
import type { DigestResponse, ObjectRequest } from '../contracts/sidecar.ts';
import type { ObjectSource } from './object-source.ts';
import { createTurns, type TurnLimits } from './turns.ts';

export interface DigestService {
  /** @throws AppError overloaded, or whatever keeps the object from being fetched whole. */
  digest(request: ObjectRequest, signal: AbortSignal): Promise<DigestResponse>;
}

export interface DigestServiceOptions {
  source: ObjectSource;
  turns: TurnLimits;
}

/** Hashes objects of any size as they stream by: nothing is kept, in memory or on disk. */
export function createDigestService({ source, turns: limits }: DigestServiceOptions): DigestService {
  const turns = createTurns(limits, 'Many objects are waiting for their digest.');
  return {
    digest: (request, signal) =>
      turns(signal, async () => {
        const hash = createHash('sha256');
        for await (const piece of await source(request, signal)) hash.update(piece);
        return { sha256: hash.digest('hex'), size: request.size };
      }),
  };
}
