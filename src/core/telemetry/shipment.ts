const DELAY_MS = 1_000;
/** A shipment that has not begun by then went down with the request that was to send it. */
const OVERDUE_MS = 3 * DELAY_MS;

export interface ShipmentOptions<Batch extends { readonly size: number }> {
  /** What has come together since the last time. */
  readonly take: () => Batch;
  readonly send: (batchId: string, batch: Batch) => Promise<void>;
  readonly newId: () => string;
  readonly sleep: (ms: number) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface Shipment {
  /** Sends what has come together about a second later, once for all requests of that second. Never throws. */
  soon(waitUntil: (promise: Promise<unknown>) => void): void;
}

/**
 * Brings what an isolate has counted or recorded to where that of all isolates comes together. A batch that could not be
 * sent is sent again under its own id before anything newer. What an isolate has not sent when it ends, a second's
 * worth, is lost.
 */
export function createShipment<Batch extends { readonly size: number }>({
  take,
  send,
  newId,
  sleep,
  now,
}: ShipmentOptions<Batch>): Shipment {
  let overdueAt = 0;
  let unsent: { readonly id: string; readonly content: Batch } | undefined;

  async function ship(): Promise<void> {
    await sleep(DELAY_MS);
    overdueAt = 0;
    const batch = unsent ?? { id: newId(), content: take() };
    if (batch.content.size === 0) return;
    unsent = batch;
    await send(batch.id, batch.content);
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
