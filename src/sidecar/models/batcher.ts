import type { InferenceEngine, TokenBatch } from './engine.ts';

export type Priority = 'interactive' | 'batch';

export interface BatcherOptions {
  engine: InferenceEngine;
  /** Padded tokens of one batch: small enough that a query does not wait long, large enough for full speed. */
  batchTokens?: number;
  /** How long a batch job waits for company while a lane is idle; an interactive one does not wait. */
  lingerMs?: number;
  limits: { batchTokens: number; interactiveTokens: number };
}

export interface Batcher {
  /**
   * One vector for each sequence of token ids, in their order.
   * @throws QueueFullError before anything is queued; the signal's reason when the caller gave up.
   */
  embed(sequences: readonly Int32Array[], priority: Priority, signal?: AbortSignal): Promise<Float32Array[]>;
  readonly queuedTokens: Readonly<Record<Priority, number>>;
}

/** More tokens are waiting than the limits allow. */
export class QueueFullError extends Error {
  override name = 'QueueFullError';
}

interface Item {
  ids: Int32Array;
  order: number;
  done(vector: Float32Array): void;
  fail(error: unknown): void;
}

const BATCH_TOKENS = 512;
const LINGER_MS = 2;

/**
 * Packs sequences of all requests into batches of similar length, so that little is computed on padding. The
 * oldest waiting sequence is always in the next batch: sorting starves nobody.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { engine, limits, batchTokens = BATCH_TOKENS, lingerMs = LINGER_MS } = options;
  /** Each queue is kept sorted by length. */
  const queues: Record<Priority, Item[]> = { interactive: [], batch: [] };
  const queuedTokens: Record<Priority, number> = { interactive: 0, batch: 0 };
  const freeLanes = Array.from({ length: engine.lanes }, (_, lane) => lane);
  let order = 0;
  let timer: NodeJS.Timeout | undefined;

  function add(priority: Priority, item: Item): void {
    const queue = queues[priority];
    queue.splice(positionOf(queue, item.ids.length), 0, item);
    queuedTokens[priority] += item.ids.length;
  }

  function withdraw(priority: Priority, items: ReadonlySet<Item>): void {
    queues[priority] = queues[priority].filter((item) => {
      const keep = !items.has(item);
      if (!keep) queuedTokens[priority] -= item.ids.length;
      return keep;
    });
  }

  function next(): Item[] {
    const priority = queues.interactive.length > 0 ? 'interactive' : 'batch';
    const taken = takeBatch(queues[priority], batchTokens);
    for (const item of taken) queuedTokens[priority] -= item.ids.length;
    return taken;
  }

  function dispatch(): void {
    clearTimeout(timer);
    timer = undefined;
    while (freeLanes.length > 0 && queues.interactive.length + queues.batch.length > 0) {
      const lane = freeLanes.pop();
      if (lane === undefined) return;
      void compute(lane, next()).then(() => {
        freeLanes.push(lane);
        dispatch();
      });
    }
  }

  async function compute(lane: number, items: readonly Item[]): Promise<void> {
    try {
      const vectors = await engine.run(lane, toBatch(items));
      items.forEach((item, row) => {
        item.done(vectors.slice(row * engine.dimensions, (row + 1) * engine.dimensions));
      });
    } catch (error) {
      for (const item of items) item.fail(error);
    }
  }

  function schedule(priority: Priority): void {
    if (freeLanes.length === 0) return;
    if (priority === 'interactive' || queuedTokens.batch >= batchTokens * freeLanes.length) dispatch();
    else timer ??= setTimeout(dispatch, lingerMs);
  }

  return {
    queuedTokens,
    async embed(sequences, priority, signal) {
      signal?.throwIfAborted();
      const tokens = sequences.reduce((sum, ids) => sum + ids.length, 0);
      const limit = priority === 'batch' ? limits.batchTokens : limits.interactiveTokens;
      // An empty queue takes any call, however large: the door has bounded it already.
      if (queuedTokens[priority] > 0 && queuedTokens[priority] + tokens > limit) throw new QueueFullError();
      const mine = new Set<Item>();
      const results = sequences.map(
        (ids) =>
          new Promise<Float32Array>((done, fail) => {
            const item: Item = { ids, order: order++, done, fail };
            mine.add(item);
            add(priority, item);
          }),
      );
      schedule(priority);
      const abandon = () => {
        withdraw(priority, mine);
        for (const item of mine) item.fail(signal?.reason);
      };
      signal?.addEventListener('abort', abandon, { once: true });
      try {
        return await Promise.all(results);
      } catch (error) {
        withdraw(priority, mine);
        throw error;
      } finally {
        signal?.removeEventListener('abort', abandon);
      }
    },
  };
}

function positionOf(queue: readonly Item[], length: number): number {
  let low = 0;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((queue[middle]?.ids.length ?? 0) <= length) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Removes and returns the oldest item with its neighbours in length, up to `budget` padded tokens. */
function takeBatch(queue: Item[], budget: number): Item[] {
  let oldest = 0;
  queue.forEach((item, index) => {
    if (item.order < (queue[oldest]?.order ?? 0)) oldest = index;
  });
  let first = oldest;
  let last = oldest;
  const lengthAt = (index: number) => queue[index]?.ids.length ?? Number.POSITIVE_INFINITY;
  for (;;) {
    const longest = lengthAt(last);
    const shorterGap = first > 0 ? longest - lengthAt(first - 1) : Number.POSITIVE_INFINITY;
    const longerGap = last + 1 < queue.length ? lengthAt(last + 1) - longest : Number.POSITIVE_INFINITY;
    if (Math.min(shorterGap, longerGap) === Number.POSITIVE_INFINITY) break;
    const takeLonger = longerGap < shorterGap;
    const columns = takeLonger ? lengthAt(last + 1) : longest;
    if ((last - first + 2) * columns > budget) break;
    if (takeLonger) last++;
    else first--;
  }
  return queue.splice(first, last - first + 1);
}

function toBatch(items: readonly Item[]): TokenBatch {
  const columns = items.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const ids = new Int32Array(items.length * columns);
  items.forEach((item, row) => {
    ids.set(item.ids, row * columns);
  });
  return { ids, lengths: Int32Array.from(items, (item) => item.ids.length), columns };
}
