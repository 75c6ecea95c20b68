import { Worker } from 'node:worker_threads';
import type { PgliteOptions } from './pglite-session.ts';
import type { WorkerReply, WorkerRequest } from './pglite-worker.ts';
import {
  EngineUnavailableError,
  SqlError,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';

/** At the end of the process, on top of what the HTTP server has already waited. */
const LAST_JOB_LIMIT_MS = 1_000;

export interface PgliteRunnerOptions extends PgliteOptions {
  /** A statement or a transaction that runs longer is ended with SQLSTATE 57014. */
  statementTimeoutMs: number;
  /** Jobs that may wait; one more is refused with EngineUnavailableError. */
  maxQueue: number;
}

interface Job {
  request: WorkerRequest & { kind: 'run' };
  resolve(results: SqlResult[]): void;
  reject(error: Error): void;
}

/**
 * Hands jobs to the PGlite worker one by one. No signal reaches PGlite while it computes, so neither does
 * PostgreSQL's `statement_timeout`: the time-out here ends the thread, and the next one recovers from the log as
 * after a crash.
 */
export class PgliteRunner {
  readonly #options: PgliteRunnerOptions;
  readonly #queue: Job[] = [];
  #worker: Worker | undefined;
  #current: Job | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #closing = false;
  #onIdle: (() => void) | undefined;

  constructor(options: PgliteRunnerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const worker = await spawnWorker(this.#options);
    worker.on('message', this.#onReply);
    worker.on('error', (error) => {
      this.#replaceWorker(new EngineUnavailableError(`PGlite failed: ${error.message}`));
    });
    this.#worker = worker;
    this.#next();
  }

  submit(queries: readonly SqlQuery[], transaction?: TransactionOptions): Promise<SqlResult[]> {
    if (this.#closing) return Promise.reject(new EngineUnavailableError('the database is stopping'));
    if (this.#queue.length >= this.#options.maxQueue) {
      return Promise.reject(new EngineUnavailableError('too many queries are waiting'));
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ request: { kind: 'run', queries, transaction }, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    const isIdle = await this.#idleWithin(LAST_JOB_LIMIT_MS);
    const worker = this.#worker;
    this.#worker = undefined;
    clearTimeout(this.#deadline);
    if (isIdle && worker) await closeWorker(worker);
    await worker?.terminate();
  }

  #next(): void {
    if (this.#current || !this.#worker) return;
    this.#current = this.#queue.shift();
    if (!this.#current) {
      this.#onIdle?.();
      return;
    }
    this.#deadline = setTimeout(this.#onTimeout, this.#options.statementTimeoutMs);
    this.#worker.postMessage(this.#current.request);
  }

  /** The running job, which from here on is the caller's to answer. */
  #take(): Job | undefined {
    clearTimeout(this.#deadline);
    const job = this.#current;
    this.#current = undefined;
    return job;
  }

  readonly #onReply = (reply: WorkerReply): void => {
    if (reply.kind === 'results') this.#take()?.resolve(reply.results);
    if (reply.kind === 'error') this.#take()?.reject(toError(reply.message, reply.fields));
    this.#next();
  };

  readonly #onTimeout = (): void => {
    const fields = { severity: 'ERROR', code: '57014', routine: 'ProcessInterrupts' };
    this.#replaceWorker(new SqlError('canceling statement due to statement timeout', fields));
  };

  #replaceWorker(reason: Error): void {
    const old = this.#worker;
    this.#worker = undefined;
    old?.off('message', this.#onReply);
    this.#take()?.reject(reason);
    // A rejection stays unhandled on purpose: without its database the process is no use, and the launcher sees it end.
    void (old?.terminate() ?? Promise.resolve()).then(() => this.start());
  }

  async #idleWithin(milliseconds: number): Promise<boolean> {
    if (!this.#current && this.#queue.length === 0) return true;
    return new Promise((resolve) => {
      const limit = setTimeout(() => resolve(false), milliseconds);
      this.#onIdle = () => {
        clearTimeout(limit);
        resolve(true);
      };
    });
  }
}

async function spawnWorker(options: PgliteOptions): Promise<Worker> {
  const worker = new Worker(new URL('./pglite-worker.ts', import.meta.url), {
    workerData: { dataDir: options.dataDir, fsync: options.fsync },
  });
  await oneMessage(worker);
  return worker;
}

function closeWorker(worker: Worker): Promise<void> {
  const closed = oneMessage(worker);
  worker.postMessage({ kind: 'close' } satisfies WorkerRequest);
  return closed;
}

/** Listeners go one by one: removeAllListeners would also take those with which the worker delivers its messages. */
function oneMessage(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', () => {
      worker.off('error', reject);
      resolve();
    });
  });
}

function toError(message: string, fields: SqlError['fields'] | undefined): Error {
  return fields ? new SqlError(message, fields) : new Error(message);
}
