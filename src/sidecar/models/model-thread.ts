import { Worker } from 'node:worker_threads';

/** A thread with a model loaded, doing one thing at a time. */
export interface ModelThread {
  /** @throws Error when the thread reports one, ends, or does not answer in time; it must be closed then */
  ask(message: unknown, limitMs: number): Promise<unknown>;
  close(): Promise<void>;
}

const LOAD_LIMIT_MS = 120_000;

/** Starts a thread and waits for its first message, which says that the model is loaded. @throws Error when it is not */
export async function startModelThread(script: URL, workerData: unknown): Promise<ModelThread> {
  // The process owns stdout; whatever a library prints goes nowhere.
  const worker = new Worker(script, { workerData, stdout: true, stderr: true });
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
    ask(message, limitMs) {
      const answer = reply(worker, limitMs);
      worker.postMessage(message);
      return answer;
    },
    close,
  };
}

/** The worker's next message; rejects when it reports an error, dies, or does not answer in time. */
function reply(worker: Worker, limitMs: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (action: () => void) => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      action();
    };
    const onMessage = (message: unknown) =>
      settle(() => {
        const failed = typeof message === 'object' && message !== null && 'error' in message;
        if (failed) reject(new Error(String(message.error)));
        else resolve(message);
      });
    const onError = (error: unknown) => settle(() => reject(error));
    const onExit = () => settle(() => reject(new Error('the inference thread ended')));
    const timer = setTimeout(
      () => settle(() => reject(new Error(`the inference thread did not answer within ${limitMs} ms`))),
      limitMs,
    );
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
