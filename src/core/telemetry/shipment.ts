import type { Increments, Metrics } from './metrics.ts';

const DELAY_MS = 1_000;
/** A shipment that has not begun by then went down with the request that was to send it. */
const OVERDUE_MS = 3 * DELAY_MS;

export interface ShipmentOptions {
  readonly metrics: Pick<Metrics, 'take'>;
  readonly send: (batchId: string, increments: Increments) => Promise<void>;
  readonly newId: () => string;
  readonly sleep: (ms: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Shipment {
  /** Sends what was counted about a second later, once for all requests of that second. Never throws. */
  soon(waitUntil: (promise: Promise<unknown>) => void): void;
}

/**
 * Brings the counts of an isolate to where those of all isolates are added up. A batch that could not be sent is sent
 * again under its own id before anything newer. What an isolate has not sent when it ends, a second's worth, is lost.
 */
export function createShipment({ metrics, send, newId, sleep, now }: ShipmentOptions): Shipment {
  let overdueAt = 0;
  let unsent: { readonly id: string; readonly increments: Increments } | undefined;

  async function ship(): Promise<void> {
    await sleep(DELAY_MS);
    overdueAt = 0;
    const batch = unsent ?? { id: newId(), increments: metrics.take() };
    if (batch.increments.size === 0) return;
    unsent = batch;
    await send(batch.id, batch.increments);
    if (unsent === batch) unsent = undefined;
  }

  return {
    soon(waitUntil) {
      const at = now();
      if (at < overdueAt) return;
      overdueAt = at + OVERDUE_MS;
      // The next request tries again; a log line a second would say no more than `acs_metrics_store_up`.
      waitUntil(ship().catch(() => undefined));
    },
  };
}
