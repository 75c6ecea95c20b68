import { Worker } from 'node:worker_threads';
import { lockDataDir } from './data-dir-lock.ts';
import type { PgliteOptions } from './pglite-session.ts';
import type { WorkerReply, WorkerRequest } from './pglite-worker.ts';
import {
  EngineUnavailableError,
  type SqlEngine,
  SqlError,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';

export interface PgliteEngineOptions extends PgliteOptions {
  /** A statement or a transaction that runs longer is ended with SQLSTATE 57014. */
  statementTimeoutMs: number;
  /** Requests that may wait; one more is refused with EngineUnavailableError. */
  maxQueue: number;
}

interface Job {
  request: WorkerRequest & { kind: 'run' };
  resolve(results: SqlResult[]): void;
  reject(error: Error): void;
}

/**
 * PostgreSQL inside this process, kept in `dataDir`. It has one session, which blocks its thread: it lives in a
 * worker, so that HTTP still answers, and jobs go to it one by one. No signal reaches it while it computes, so
 * neither does `statement_timeout`; the time-out here ends the thread, and the next one recovers from the log as
 * after a crash.
 */
export async function createPgliteEngine(options: PgliteEngineOptions): Promise<SqlEngine> {
  const lock = await lockDataDir(options.dataDir);
  const queue: Job[] = [];
  let worker: Worker | undefined;
  let current: Job | undefined;
  let closing: Promise<void> | undefined;
  let idle: (() => void) | undefined;

  const next = (): void => {
    if (current || !worker) return;
    current = queue.shift();
    if (!current) {
      idle?.();
      return;
    }
    deadline = setTimeout(onTimeout, options.statementTimeoutMs);
    worker.postMessage(current.request);
  };

  let deadline: NodeJS.Timeout | undefined;
  const settle = (apply: (job: Job) => void): void => {
    clearTimeout(deadline);
    const job = current;
    current = undefined;
    if (job) apply(job);
  };

  const onReply = (reply: WorkerReply): void => {
    if (reply.kind === 'results') settle((job) => job.resolve(reply.results));
    if (reply.kind === 'error') settle((job) => job.reject(toError(reply.message, reply.fields)));
    next();
  };

  const replaceWorker = async (reason: Error): Promise<void> => {
    const old = worker;
    worker = undefined;
    settle((job) => job.reject(reason));
    old?.off('message', onReply);
    await old?.terminate();
    worker = await startWorker();
    next();
  };

  const onTimeout = (): void => {
    const fields = { severity: 'ERROR', code: '57014', routine: 'ProcessInterrupts' };
    void replaceWorker(new SqlError('canceling statement due to statement timeout', fields)).catch(giveUp);
  };

  // Without its database the process is no use: the launcher sees the exit and starts another.
  const giveUp = (error: unknown): void => {
    process.nextTick(() => {
      throw error;
    });
  };

  const startWorker = async (): Promise<Worker> => {
    const started = await spawnWorker(options);
    started.on('message', onReply);
    started.on('error', (error) => {
      void replaceWorker(new EngineUnavailableError(`PGlite failed: ${error.message}`)).catch(giveUp);
    });
    return started;
  };

  const submit = (queries: readonly SqlQuery[], transaction?: TransactionOptions): Promise<SqlResult[]> =>
    new Promise((resolve, reject) => {
      if (closing) return reject(new EngineUnavailableError('the database is stopping'));
      if (queue.length >= options.maxQueue)
        return reject(new EngineUnavailableError('too many queries are waiting'));
      queue.push({ request: { kind: 'run', queries, transaction }, resolve, reject });
      next();
    });

  const shutDown = async (): Promise<void> => {
    if (current || queue.length > 0) await new Promise<void>((resolve) => (idle = resolve));
    if (worker) await closeWorker(worker);
    await lock.release();
  };

  try {
    worker = await startWorker();
  } catch (error) {
    await lock.release();
    throw error;
  }
  return {
    async query(query) {
      const [result] = await submit([query]);
      if (!result) throw new Error('PGlite gave no result');
      return result;
    },
    transaction: (queries, mode) => submit(queries, mode),
    close: () => (closing ??= shutDown()),
  };
}

async function spawnWorker(options: PgliteOptions): Promise<Worker> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { dataDir: options.dataDir, fsync: options.fsync },
  });
  await oneMessage(worker);
  return worker;
}

async function closeWorker(worker: Worker): Promise<void> {
  const closed = oneMessage(worker);
  worker.postMessage({ kind: 'close' } satisfies WorkerRequest);
  await closed;
  await worker.terminate();
}

/** Not events.once and not removeAllListeners(): the latter also takes the worker's own listeners away. */
function oneMessage(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    const onMessage = (): void => {
      worker.off('error', reject);
      resolve();
    };
    worker.once('error', reject);
    worker.once('message', onMessage);
  });
}

function toError(message: string, fields: SqlError['fields'] | undefined): Error {
  return fields ? new SqlError(message, fields) : new Error(message);
}
