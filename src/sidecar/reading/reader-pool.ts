import { Worker } from 'node:worker_threads';
import type { ReadResponse } from '../../contracts/sidecar.ts';
import type { ReadingLimits } from '../limits.ts';
import type { PictureJob, Sight } from './pictures/picture.ts';
import { createPicturePool } from './pictures/picture-pool.ts';

export interface ReaderPool {
  /**
   * Reads the file at `path` on a thread of its own. Never rejects for what the document does: running out of
   * memory or time is a `failed` answer. Rejects when there is no process to look at pictures in.
   */
  read(path: string, name: string): Promise<ReadResponse>;
  close(): Promise<void>;
}

/** Libraries that parse leak a little; a fresh thread now and then costs 0.1 s and forgets it all. */
const READS_PER_THREAD = 100;
const DAMAGED = 'The document could not be read: it is damaged.';
const MEMORY_CHECK_MS = 25;
/** What is left for the document when looking at its pictures took all the time there was. */
const REST_MS = 10_000;
const TOO_MUCH_MEMORY = 'Reading the document needs more memory than is allowed.';

interface ReaderThread {
  worker: Worker;
  reads: number;
}

interface ReadJob {
  path: string;
  name: string;
  look(job: PictureJob, signal: AbortSignal): Promise<Sight>;
}

type Message =
  | { contentType: string }
  | { look: PictureJob }
  | { response: ReadResponse }
  | { error: string };
type Outcome = { response: ReadResponse } | { contentType: string; reason: string };

/**
 * Threads are reused while documents behave, and thrown away when one does not. The caller bounds concurrency. A thread
 * decodes no picture itself: it asks, and a process does (docs/decisions/0025).
 * @param ocrLanguages as their packages `@tesseract.js-data/*` are called.
 */
export function createReaderPool(
  limits: ReadingLimits,
  ocrLanguages: readonly string[] = ['eng'],
): ReaderPool {
  const pictures = createPicturePool(limits.pictures, ocrLanguages);
  const idle: ReaderThread[] = [];
  const busy = new Set<ReaderThread>();

  return {
    async read(path, name) {
      const thread = idle.pop() ?? start(limits);
      busy.add(thread);
      const look: ReadJob['look'] = (job, signal) => pictures.look(path, job, signal);
      let isWell = false;
      try {
        const outcome = await runOn(thread.worker, { path, name, look }, limits);
        thread.reads++;
        isWell = 'response' in outcome && thread.reads < READS_PER_THREAD;
        return 'response' in outcome ? outcome.response : { status: 'failed', ...outcome };
      } finally {
        busy.delete(thread);
        if (isWell) idle.push(thread);
        else await thread.worker.terminate();
      }
    },
    async close() {
      await Promise.all([...[...idle, ...busy].map(({ worker }) => worker.terminate()), pictures.close()]);
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

function runOn(worker: Worker, { path, name, look }: ReadJob, limits: ReadingLimits): Promise<Outcome> {
  const { parseMilliseconds, memoryMebibytes } = limits;
  const lookUntil = performance.now() + parseMilliseconds - REST_MS;
  const settled = new AbortController();
  return new Promise((resolve, reject) => {
    let contentType = 'application/octet-stream';
    const stop = () => {
      clearTimeout(timer);
      clearInterval(watch);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      settled.abort();
    };
    const settle = (outcome: Outcome) => {
      stop();
      resolve(outcome);
    };
    const fail = (reason: string) => settle({ contentType, reason });
    const lookFor = async (job: PictureJob) => {
      const milliseconds = Math.max(0, Math.min(job.milliseconds, lookUntil - performance.now()));
      try {
        worker.postMessage({ sight: await look({ ...job, milliseconds }, settled.signal) });
      } catch (error) {
        stop();
        reject(error);
      }
    };
    const onMessage = (message: Message) => {
      if ('response' in message) settle(message);
      else if ('look' in message) lookFor(message.look);
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
    worker.postMessage({ path, name });
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
