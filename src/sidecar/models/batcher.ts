import type { Cores, Priority } from './cores.ts';
import type { InferenceEngine, TokenBatch } from './engine.ts';

export interface BatcherOptions {
  engine: InferenceEngine;
  cores: Cores;
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
  /** @throws QueueFullError when nothing more of this priority would be taken */
  assertRoom(priority: Priority): void;
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
/** After so many interactive batches in a row one of documents is computed, so that queries never stop them altogether. */
const INTERACTIVE_STREAK = 8;

/**
 * Packs sequences of all requests into batches of similar length, so that little is computed on padding. The
 * oldest waiting sequence is always in the next batch: sorting starves nobody.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { engine, cores, limits, batchTokens = BATCH_TOKENS, lingerMs = LINGER_MS } = options;
  /** Each queue is kept sorted by length. */
  const queues: Record<Priority, Item[]> = { interactive: [], batch: [] };
  const queuedTokens: Record<Priority, number> = { interactive: 0, batch: 0 };
  const freeLanes = Array.from({ length: engine.lanes }, (_, lane) => lane);
  /** Cores that are asked for and not there yet. */
  const asked: Record<Priority, number> = { interactive: 0, batch: 0 };
  let streak = 0;
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
    const passed = streak >= INTERACTIVE_STREAK && queues.batch.length > 0;
    const priority = queues.interactive.length > 0 && !passed ? 'interactive' : 'batch';
    streak = priority === 'interactive' ? streak + 1 : 0;
    const taken = takeBatch(queues[priority], batchTokens);
    for (const item of taken) queuedTokens[priority] -= item.ids.length;
    return taken;
  }

  /** Asks for a core for each lane that has something to do; what it computes is chosen when the core is there. */
  function dispatch(): void {
    clearTimeout(timer);
    timer = undefined;
    for (const priority of ['interactive', 'batch'] as const) {
      // A core that is free at once takes a lane and part of the queue with it.
      while (asked[priority] < Math.min(freeLanes.length, queues[priority].length)) {
        asked[priority]++;
        cores.request(priority, (release) => {
          asked[priority]--;
          start(release);
        });
      }
    }
  }

  function start(release: () => void): void {
    const lane = queues.interactive.length + queues.batch.length > 0 ? freeLanes.pop() : undefined;
    if (lane === undefined) {
      release();
      return;
    }
    void compute(lane, next()).then(() => {
      freeLanes.push(lane);
      // Before the core is passed on: work of this model then waits in line for it like that of the others.
      dispatch();
      release();
    });
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

  const limitOf = (priority: Priority) =>
    priority === 'batch' ? limits.batchTokens : limits.interactiveTokens;

  return {
    queuedTokens,
    assertRoom(priority) {
      if (queuedTokens[priority] >= limitOf(priority)) throw new QueueFullError();
    },
    async embed(sequences, priority, signal) {
      signal?.throwIfAborted();
      const tokens = sequences.reduce((sum, ids) => sum + ids.length, 0);
      // An empty queue takes any call, however large: the door has bounded it already.
      if (queuedTokens[priority] > 0 && queuedTokens[priority] + tokens > limitOf(priority)) {
        throw new QueueFullError();
      }
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
