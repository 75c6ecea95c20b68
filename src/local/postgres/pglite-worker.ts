import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { openPgliteSession, type PgliteSession } from './pglite-session.ts';
import {
  SqlError,
  type SqlErrorFields,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';

/** What the engine asks of its worker, one at a time. Without `transaction` there is exactly one query. */
export type WorkerRequest =
  | { kind: 'run'; queries: readonly SqlQuery[]; transaction: TransactionOptions | undefined }
  | { kind: 'close' };

export type WorkerReply =
  | { kind: 'ready' }
  | { kind: 'results'; results: SqlResult[] }
  | { kind: 'error'; message: string; fields: SqlErrorFields | undefined }
  | { kind: 'closed' };

const options = z.object({ dataDir: z.string(), fsync: z.boolean() }).parse(workerData);
const session = await openPgliteSession(options);
const send = (reply: WorkerReply): void => parentPort?.postMessage(reply);

parentPort?.on('message', async (request: WorkerRequest) => {
  if (request.kind === 'close') {
    await session.close();
    send({ kind: 'closed' });
    return;
  }
  send(answer(session, request));
});
send({ kind: 'ready' });

function answer(pg: PgliteSession, request: WorkerRequest & { kind: 'run' }): WorkerReply {
  try {
    if (request.transaction) {
      return { kind: 'results', results: pg.runTransaction(request.queries, request.transaction) };
    }
    return { kind: 'results', results: request.queries.map((query) => pg.runAlone(query)) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'error', message, fields: error instanceof SqlError ? error.fields : undefined };
  }
}
