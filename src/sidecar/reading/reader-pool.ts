import { Worker } from 'node:worker_threads';
import type { ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';

export interface ReaderPool {
  /**
   * Reads the file at `path` on a thread of its own. Never rejects for what the document does: running out of
   * memory or time is a `failed` answer.
   */
  read(path: string, name: string): Promise<ReadResponse>;
  close(): Promise<void>;
}

/** Libraries that parse leak a little; a fresh thread now and then costs 0.1 s and forgets it all. */
const READS_PER_THREAD = 100;
const DAMAGED = 'The document could not be read: it is damaged.';
const MEMORY_CHECK_MS = 100;
const TOO_MUCH_MEMORY = 'Reading the document needs more memory than is allowed.';

interface ReaderThread {
  worker: Worker;
  reads: number;
}

type Message = { contentType: string } | { response: ReadResponse } | { error: string };
type Outcome = { response: ReadResponse } | { contentType: string; reason: string };

/** Threads are reused while documents behave, and thrown away when one does not. The caller bounds concurrency. */
export function createReaderPool(limits: ReadingLimits): ReaderPool {
  const idle: ReaderThread[] = [];
  const busy = new Set<ReaderThread>();

  return {
    async read(path, name) {
      const thread = idle.pop() ?? start(limits);
      busy.add(thread);
      const outcome = await runOn(thread.worker, { path, name }, limits);
      busy.delete(thread);
      thread.reads++;
      if ('response' in outcome && thread.reads < READS_PER_THREAD) idle.push(thread);
      else await thread.worker.terminate();
      return 'response' in outcome ? outcome.response : { status: 'failed', ...outcome };
    },
    async close() {
      await Promise.all([...idle, ...busy].map(({ worker }) => worker.terminate()));
    },
  };
}

function start(limits: ReadingLimits): ReaderThread {
  const worker = new Worker(new URL('./reader-worker.ts', import.meta.url), {
    workerData: limits,
    resourceLimits: { maxOldGenerationSizeMb: limits.heapMebibytes, maxYoungGenerationSizeMb: 64 },
    // Parsers print warnings; the process owns its stdout.
    stdout: true,
    stderr: true,
    env: {},
  });
  worker.stdout.resume();
  worker.stderr.resume();
  return { worker, reads: 0 };
}

function runOn(worker: Worker, job: { path: string; name: string }, limits: ReadingLimits): Promise<Outcome> {
  const { parseMilliseconds, memoryMebibytes } = limits;
  return new Promise((resolve) => {
    let contentType = 'application/octet-stream';
    const settle = (outcome: Outcome) => {
      clearTimeout(timer);
      clearInterval(watch);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      resolve(outcome);
    };
    const fail = (reason: string) => settle({ contentType, reason });
    const onMessage = (message: Message) => {
      if ('response' in message) settle(message);
      else if ('contentType' in message) contentType = message.contentType;
      else fail(DAMAGED);
    };
    const onError = (error: unknown) => fail(explain(error));
    const onExit = () => fail('The document could not be read: reading it stopped unexpectedly.');
    const seconds = Math.round(parseMilliseconds / 1000);
    const timer = setTimeout(
      () => fail(`The document could not be read within ${seconds} seconds.`),
      parseMilliseconds,
    );
    const watch = setInterval(async () => {
      if ((await mebibytesOf(worker)) > memoryMebibytes) fail(TOO_MUCH_MEMORY);
    }, MEMORY_CHECK_MS);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(job);
  });
}

/** Heap and buffers of the thread, asked in the middle of whatever it computes. */
async function mebibytesOf(worker: Worker): Promise<number> {
  const statistics = await worker.getHeapStatistics().catch(() => undefined);
  return statistics === undefined ? 0 : (statistics.used_heap_size + statistics.external_memory) / 1_048_576;
}

function explain(error: unknown): string {
  const outOfMemory = error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
  return outOfMemory ? TOO_MUCH_MEMORY : DAMAGED;
}
