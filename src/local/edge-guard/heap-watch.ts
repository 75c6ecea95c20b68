import { z } from 'zod';

export interface HeapSample {
  readonly name: string;
  readonly peakBytes: number;
  readonly violation?: string;
}

export interface HeapWatch {
  stop(): Promise<HeapSample[]>;
}

/** Of one isolate: JavaScript heap and the buffers that it holds. */
const MAX_ISOLATE_BYTES = 128 * 1024 ** 2;
const SAMPLE_MS = 250;
const ANSWER_MS = 10_000;

const targetsSchema = z.array(z.object({ id: z.string(), webSocketDebuggerUrl: z.string() }));
const usageSchema = z.object({
  usedSize: z.number(),
  embedderHeapUsedSize: z.number().default(0),
  backingStorageSize: z.number().default(0),
});
const answerSchema = z.object({ id: z.int(), result: z.unknown() });

/** Asks each isolate behind the inspector of a workerd how much memory it uses, until it is stopped. */
export async function watchHeaps(inspector: URL): Promise<HeapWatch> {
  const isolates = await openIsolates(inspector);
  let isOver = false;
  const watching = Promise.all(isolates.map((isolate) => follow(isolate, () => isOver)));
  return {
    async stop() {
      isOver = true;
      const samples = await watching;
      for (const { socket } of isolates) socket.close();
      return samples;
    },
  };
}

interface Isolate {
  readonly name: string;
  readonly socket: WebSocket;
  ask(method: string): Promise<unknown>;
}

async function openIsolates(inspector: URL): Promise<Isolate[]> {
  const url = new URL('/json', inspector);
  url.protocol = 'http:';
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
  const targets = targetsSchema.parse(await response.json());
  return Promise.all(
    targets
      .filter(({ id }) => id.startsWith('core:user:'))
      .map(({ id, webSocketDebuggerUrl }) =>
        openIsolate(id.slice('core:user:'.length), webSocketDebuggerUrl),
      ),
  );
}

async function openIsolate(name: string, url: string): Promise<Isolate> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error(`the inspector refused ${name}`)), {
      once: true,
    });
  });
  const waiting = new Map<number, (result: unknown) => void>();
  // Gone with its runtime: nothing more is coming.
  socket.addEventListener('close', () => {
    for (const settle of waiting.values()) settle(undefined);
  });
  socket.addEventListener('message', ({ data }) => {
    const answer = answerSchema.safeParse(JSON.parse(String(data)));
    if (!answer.success) return;
    waiting.get(answer.data.id)?.(answer.data.result);
    waiting.delete(answer.data.id);
  });
  let last = 0;
  return {
    name,
    socket,
    async ask(method) {
      // To one that is closed nothing is sent, and nobody says so.
      if (socket.readyState !== WebSocket.OPEN) throw new Error(`the inspector of ${name} is gone`);
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${name} did not answer ${method}`)), ANSWER_MS);
        waiting.set(id, (result) => {
          clearTimeout(timer);
          resolve(result);
        });
        socket.send(JSON.stringify({ id, method }));
      });
    },
  };
}

async function follow(isolate: Isolate, isOver: () => boolean): Promise<HeapSample> {
  let peakBytes = 0;
  for (;;) {
    // Gone with its runtime, or too busy to answer: that is no measurement.
    const used = await measure(isolate).catch(() => undefined);
    if (isolate.socket.readyState !== WebSocket.OPEN) return { name: isolate.name, peakBytes };
    if (used !== undefined) peakBytes = Math.max(peakBytes, used);
    if (used !== undefined && used > MAX_ISOLATE_BYTES) {
      const megabytes = Math.ceil(used / 1024 ** 2);
      return { name: isolate.name, peakBytes, violation: `memory: ${isolate.name} used ${megabytes} MiB` };
    }
    if (isOver()) return { name: isolate.name, peakBytes };
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
}

/** What is left after a collection, if it looks like too much before: the platform collects before it gives up too. */
async function measure(isolate: Isolate): Promise<number> {
  const before = await heapBytes(isolate);
  if (before <= MAX_ISOLATE_BYTES) return before;
  await isolate.ask('HeapProfiler.collectGarbage');
  return heapBytes(isolate);
}

async function heapBytes(isolate: Isolate): Promise<number> {
  const usage = usageSchema.parse(await isolate.ask('Runtime.getHeapUsage'));
  return usage.usedSize + usage.embedderHeapUsedSize + usage.backingStorageSize;
}
