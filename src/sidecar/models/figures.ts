import type { ModelInfo } from '../../contracts/sidecar.ts';

/** `refused`: the caller's doing (too long, queue full, gone), which says nothing about the model. */
export type RequestOutcome = 'done' | 'failed' | 'refused';

/** What a model has done so far; it lives as long as the process, whether the model is in memory or not. */
export interface ModelFigures {
  /** Counts a request that begins; what is returned counts its end. */
  begin(): (outcome: RequestOutcome, tokens: number) => void;
  loaded(milliseconds: number, residentBytes: number): void;
  readonly inFlight: number;
  /** When a request began last, as epoch milliseconds; 0 for never. */
  readonly lastUsedAt: number;
  snapshot(): ModelInfo['figures'];
}

const WINDOW = 1_000;

export function createModelFigures(now: () => number = Date.now): ModelFigures {
  const latencies: number[] = [];
  const counts = { requests: 0, failures: 0, tokens: 0 };
  let load: { milliseconds: number; residentBytes: number } | undefined;
  let inFlight = 0;
  let lastUsedAt = 0;
  /** Time with at least one request under way: what throughput is measured by. */
  let busyMilliseconds = 0;
  let busySince = 0;

  return {
    get inFlight() {
      return inFlight;
    },
    get lastUsedAt() {
      return lastUsedAt;
    },
    begin() {
      const startedAt = performance.now();
      lastUsedAt = now();
      if (inFlight++ === 0) busySince = startedAt;
      return (outcome, tokens) => {
        const endedAt = performance.now();
        if (--inFlight === 0) busyMilliseconds += endedAt - busySince;
        if (outcome === 'refused') return;
        counts.requests++;
        counts.tokens += tokens;
        if (outcome === 'failed') counts.failures++;
        if (latencies.push(endedAt - startedAt) > WINDOW) latencies.shift();
      };
    },
    loaded(milliseconds, residentBytes) {
      load = { milliseconds, residentBytes };
    },
    snapshot() {
      const sorted = latencies.toSorted((a, b) => a - b);
      const seconds = (busyMilliseconds + (inFlight > 0 ? performance.now() - busySince : 0)) / 1_000;
      return {
        loadMilliseconds: load === undefined ? null : Math.round(load.milliseconds),
        residentBytes: load?.residentBytes ?? null,
        ...counts,
        p50Milliseconds: quantile(sorted, 0.5),
        p95Milliseconds: quantile(sorted, 0.95),
        tokensPerSecond: counts.tokens > 0 && seconds > 0 ? Math.round(counts.tokens / seconds) : null,
        lastUsedAt: lastUsedAt === 0 ? null : new Date(lastUsedAt).toISOString(),
      };
    },
  };
}

/** Nearest rank, in hundredths of a millisecond. */
function quantile(sorted: readonly number[], share: number): number | null {
  const value = sorted[Math.ceil(sorted.length * share) - 1];
  return value === undefined ? null : Math.round(value * 100) / 100;
}
