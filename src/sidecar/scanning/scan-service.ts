import type { ObjectRequest, ScanResponse } from '../../contracts/sidecar.ts';
import type { ObjectSource } from '../object-source.ts';
import { createTurns, type TurnLimits } from '../turns.ts';

/**
 * @param open called when the scanner is there, and again for every new try
 * @throws AppError scanner_unavailable; whatever opening and reading throw
 */
export type Scanner = (
  open: () => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
) => Promise<ScanResponse>;

export interface ScanService {
  /** @throws AppError overloaded, scanner_unavailable, or whatever keeps the object from being fetched whole. */
  scan(request: ObjectRequest, signal: AbortSignal): Promise<ScanResponse>;
}

export interface ScanServiceOptions {
  source: ObjectSource;
  scanner: Scanner | undefined;
  turns: TurnLimits;
}

/** Shows objects to the malware scanner as they stream by; without one it fetches nothing. */
export function createScanService({ source, scanner, turns: limits }: ScanServiceOptions): ScanService {
  const turns = createTurns(limits, 'Many objects are waiting to be scanned.');
  return {
    async scan(request, signal) {
      if (scanner === undefined) return { status: 'unscanned', reason: 'no_scanner' };
      return turns(signal, () => scanner(() => source(request, signal), signal));
    },
  };
}
