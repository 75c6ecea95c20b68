import { Worker } from 'node:worker_threads';
import type { Calls, FromThread, Settled, ToThread } from './protocol.ts';

export interface ThreadLimits {
  /** JavaScript heap of the thread. */
  heapMebibytes: number;
  /** Heap and buffers together: V8 limits the heap only. */
  memoryMebibytes: number;
}

export interface Bounds {
  milliseconds: number;
  /** The caller has gone. */
  signal: AbortSignal;
}

/** How a job ended, and whether the thread can have another one. */
export interface ThreadOutcome {
  settled: Settled;
  usable: boolean;
}

export interface PluginThread {
  jobs: number;
  /** Never rejects for what the plugin does. @throws the signal's reason */
  run(
    job: Extract<ToThread, { kind: 'describe' | 'run' }>,
    calls: Calls,
    bounds: Bounds,
  ): Promise<ThreadOutcome>;
  close(): Promise<void>;
}

const MEMORY_CHECK_MS = 50;
/** A plugin that minds its signal gets the time to say so itself. */
const GRACE_MS = 200;
const TOO_MUCH_MEMORY = 'It needs more memory than is allowed.';
const STOPPED = 'It stopped unexpectedly.';

export function startPluginThread(limits: ThreadLimits): PluginThread {
  const worker = new Worker(new URL('./plugin-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMebibytes, maxYoungGenerationSizeMb: 32 },
    // What a plugin prints goes nowhere, and the process's secrets are not in its environment.
    stdout: true,
    stderr: true,
    env: {},
  });
  worker.stdout.resume();
  worker.stderr.resume();
  // Between two jobs nobody listens; the next job finds the thread gone.
  worker.on('error', () => undefined);
  const thread: PluginThread = {
    jobs: 0,
    async run(job, calls, bounds) {
      thread.jobs++;
      const outcome = await runOn(worker, limits, job, calls, bounds);
      bounds.signal.throwIfAborted();
      return outcome;
    },
    async close() {
      await worker.terminate();
    },
  };
  return thread;
}

function runOn(
  worker: Worker,
  { memoryMebibytes }: ThreadLimits,
  job: ToThread,
  calls: Calls,
  { milliseconds, signal }: Bounds,
): Promise<ThreadOutcome> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  return new Promise((resolve) => {
    const end = (settled: Settled, usable: boolean) => {
      clearTimeout(timer);
      clearInterval(watch);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
      over.abort();
      resolve({ settled, usable });
    };
    const fail = (reason: string) => end({ kind: 'failed', reason }, false);
    const onMessage = (message: FromThread) => {
      if (message.kind === 'embed' || message.kind === 'summarise') void answer(worker, message, calls, stop);
      else end(message, true);
    };
    const onError = (error: unknown) => fail(isOutOfMemory(error) ? TOO_MUCH_MEMORY : STOPPED);
    const onExit = () => fail(STOPPED);
    const onAbort = () => fail(STOPPED);
    const timer = setTimeout(
      () => fail(`It did not end within ${milliseconds / 1000} seconds.`),
      milliseconds + GRACE_MS,
    );
    const watch = setInterval(async () => {
      if ((await mebibytesOf(worker)) > memoryMebibytes) fail(TOO_MUCH_MEMORY);
    }, MEMORY_CHECK_MS);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    worker.postMessage(job);
  });
}

async function answer(
  worker: Worker,
  message: Extract<FromThread, { kind: 'embed' | 'summarise' }>,
  calls: Calls,
  signal: AbortSignal,
): Promise<void> {
  const { call } = message;
  const reply = (told: ToThread) => worker.postMessage(told);
  try {
    const value =
      message.kind === 'embed'
        ? await calls.embed?.(message.texts, signal)
        : await calls.summarise?.(message.text, signal);
    reply({ kind: 'answer', call, value });
  } catch (error) {
    if (signal.aborted) return;
    reply({ kind: 'refuse', call, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** Heap and buffers of the thread, asked in the middle of whatever it computes. */
async function mebibytesOf(worker: Worker): Promise<number> {
  const statistics = await worker.getHeapStatistics().catch(() => undefined);
  return statistics === undefined ? 0 : (statistics.used_heap_size + statistics.external_memory) / 1_048_576;
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}
