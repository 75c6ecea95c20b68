import { Worker } from 'node:worker_threads';
import type { InferenceEngine, TokenBatch } from './engine.ts';
import type { EmbeddingModel } from './registry.ts';

const LOAD_LIMIT_MS = 120_000;
const BATCH_LIMIT_MS = 120_000;

type Reply = { loaded: true } | { vectors: Float32Array } | { error: string };

export interface WorkerEngineOptions {
  model: EmbeddingModel;
  folder: string;
  lanes: number;
  threadsPerLane: number;
}

/** One thread with the model loaded, doing one thing at a time. */
interface Lane {
  run(batch: TokenBatch): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Lanes of one thread each keep both cores busy better than one lane of two threads (measured 1.15 times alone and
 * 1.5 times on a busy machine), and a query waits for a shorter batch. A lane that dies is started again by its next batch.
 * @throws Error when the model does not load.
 */
export async function createWorkerEngine(options: WorkerEngineOptions): Promise<InferenceEngine> {
  const lanes: (Lane | undefined)[] = await Promise.all(
    Array.from({ length: options.lanes }, () => startLane(options)),
  );
  return {
    lanes: options.lanes,
    dimensions: options.model.dimensions,
    async run(index, batch) {
      const lane = lanes[index] ?? (await startLane(options));
      lanes[index] = lane;
      try {
        return await lane.run(batch);
      } catch (error) {
        lanes[index] = undefined;
        await lane.close();
        throw error;
      }
    },
    async close() {
      await Promise.all(lanes.map((lane) => lane?.close()));
    },
  };
}

async function startLane({ model, folder, threadsPerLane }: WorkerEngineOptions): Promise<Lane> {
  const worker = new Worker(new URL('./engine-worker.ts', import.meta.url), {
    workerData: {
      folder,
      dtype: model.dtype,
      dimensions: model.dimensions,
      pooling: model.pooling,
      threads: threadsPerLane,
    },
    // The process owns stdout; whatever a library prints goes nowhere.
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  const close = async () => {
    await worker.terminate();
  };
  try {
    await reply(worker, LOAD_LIMIT_MS);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async run(batch) {
      const answer = reply(worker, BATCH_LIMIT_MS);
      worker.postMessage(batch);
      const message = await answer;
      if ('vectors' in message) return message.vectors;
      throw new Error('the inference thread gave an unexpected answer');
    },
    close,
  };
}

/** The worker's next message; rejects when it reports an error, dies, or does not answer in time. */
function reply(worker: Worker, limitMs: number): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      action();
    };
    const onMessage = (message: Reply) =>
      settle(() => ('error' in message ? reject(new Error(message.error)) : resolve(message)));
    const onError = (error: unknown) => settle(() => reject(error));
    const onExit = () => settle(() => reject(new Error('the inference thread ended')));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`the inference thread did not answer within ${limitMs} ms`))),
      limitMs,
    );
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
