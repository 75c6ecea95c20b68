import { existsSync, fsyncSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite, protocol } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { vector } from '@electric-sql/pglite-pgvector';
import {
  beginStatement,
  errorFields,
  parseCommandTag,
  SqlError,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';
import { createStatementNames, type StatementName } from './statement-names.ts';

const { serialize, Parser } = protocol;
/** After these a kept plan may answer with another shape (SQLSTATE 0A000). */
const CHANGES_SCHEMA = /^(CREATE|ALTER|DROP|DISCARD|DEALLOCATE)/;
const UNNAMED: StatementName = { name: '', isParsed: false };

export interface PgliteOptions {
  dataDir: string;
  /** Wait for the disk at every commit, as a server does. Off: a SIGKILL loses nothing, a power cut may. */
  fsync: boolean;
}

/** One session of PostgreSQL in this thread. Every call is synchronous: the thread is deaf while a statement runs. */
export interface PgliteSession {
  runAlone(query: SqlQuery): SqlResult;
  runTransaction(queries: readonly SqlQuery[], options: TransactionOptions): SqlResult[];
  close(): Promise<void>;
}

/** Opens the cluster in `dataDir`, making it first if there is none. The caller holds the folder's lock. */
export async function openPgliteSession(options: PgliteOptions): Promise<PgliteSession> {
  const clusterDir = join(options.dataDir, 'cluster');
  if (!existsSync(clusterDir)) await initialise(options.dataDir, clusterDir);
  return createSession(await openCluster(clusterDir, options.fsync));
}

/** initdb elsewhere and rename: a kill on the first start must not leave half a cluster that never opens again. */
async function initialise(dataDir: string, clusterDir: string): Promise<void> {
  const unfinished = join(dataDir, 'cluster.unfinished');
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  const pg = await openCluster(unfinished, false);
  await pg.close();
  await rename(unfinished, clusterDir);
}

async function openCluster(dir: string, fsync: boolean): Promise<PGlite> {
  const pg = await PGlite.create(dir, {
    extensions: { vector, pg_trgm },
    relaxedDurability: false,
    // PGlite starts PostgreSQL with -F (no fsync).
    startParams: fsync
      ? [
          ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
          '-c',
          'wal_sync_method=fsync',
        ]
      : PGlite.defaultStartParams,
  });
  if (fsync) enableFsync(pg);
  return pg;
}

/** Emscripten's node file system has no fsync of its own and calls one only if it is there (syscall fd_sync). */
function enableFsync(pg: PGlite): void {
  const streamOps: unknown = Reflect.get(pg.Module.FS.filesystems.NODEFS, 'stream_ops');
  if (typeof streamOps !== 'object' || streamOps === null)
    throw new Error('PGlite has no NODEFS stream operations');
  Reflect.set(streamOps, 'fsync', (stream: { nfd?: unknown }) => {
    if (typeof stream.nfd === 'number') fsyncSync(stream.nfd);
    return 0;
  });
}

function createSession(pg: PGlite): PgliteSession {
  const statements = createStatementNames();

  /** One exchange: everything up to Sync goes in as a whole, the answer is complete when the call returns. */
  const exchange = (query: SqlQuery, statement: StatementName = UNNAMED): SqlResult => {
    const collector = createCollector(statement);
    const parser = new Parser();
    // Async by signature only: the protocol runs inside the call. PGlite's own query() makes six such calls for one
    // statement and asks for parameter types, which text parameters do not need.
    void pg.execProtocolRawStream(encode(query, statement), {
      syncToFs: false,
      // The bytes are a view into WebAssembly memory, which the next write reuses.
      onRawData: (bytes) => parser.parse(bytes.slice(), collector.take),
    });
    return collector.finish();
  };

  /** With the plan kept, where the text comes again and again. */
  const exchangeNamed = (query: SqlQuery): SqlResult => {
    const result = exchange(query, statements.nameFor(query.text));
    if (CHANGES_SCHEMA.test(result.command)) {
      statements.forget();
      run('DEALLOCATE ALL');
    }
    return result;
  };

  const run = (text: string): SqlResult => exchange({ text, params: [] });

  const restore = (dirty: boolean): void => {
    if (pg.isInTransaction()) run('ROLLBACK');
    // A SET that outlives its request would reach the next caller; Neon's pool resets the session too.
    if (dirty) run('RESET ALL');
  };

  return {
    runAlone(query) {
      let result: SqlResult | undefined;
      try {
        result = exchangeNamed(query);
        return result;
      } finally {
        restore(result?.command === 'SET');
      }
    },
    runTransaction(queries, options) {
      const results: SqlResult[] = [];
      try {
        run(beginStatement(options));
        for (const query of queries) results.push(exchangeNamed(query));
        run('COMMIT');
        return results;
      } finally {
        restore(results.some((result) => result.command === 'SET'));
      }
    },
    close: () => pg.close(),
  };
}

function encode(query: SqlQuery, statement: StatementName): Buffer {
  return Buffer.concat([
    ...(statement.isParsed ? [] : [serialize.parse({ name: statement.name, text: query.text })]),
    serialize.bind({ statement: statement.name, values: [...query.params] }),
    serialize.describe({ type: 'P' }),
    serialize.execute(),
    // COPY FROM STDIN would wait for data for ever; outside of a COPY the server ignores this message.
    serialize.copyFail('COPY FROM STDIN is not possible over HTTP'),
    serialize.sync(),
  ]);
}

type Message = Parameters<Parameters<InstanceType<typeof Parser>['parse']>[1]>[0];

function createCollector(statement: StatementName): { take(message: Message): void; finish(): SqlResult } {
  const result: SqlResult = { command: '', rowCount: null, fields: [], rows: [] };
  let failure: SqlError | undefined;
  let complete = false;
  return {
    take(message) {
      if (message instanceof protocol.messages.DataRowMessage) {
        result.rows.push(message.fields);
      } else if (message instanceof protocol.messages.RowDescriptionMessage) {
        result.fields = message.fields.map((field) => ({ ...field, format: 'text' }));
      } else if (message instanceof protocol.messages.CommandCompleteMessage) {
        Object.assign(result, parseCommandTag(message.text));
      } else if (message.name === 'parseComplete') {
        statement.isParsed = statement.name !== '';
      } else if (message instanceof protocol.messages.ReadyForQueryMessage) {
        complete = true;
      } else if (message instanceof protocol.messages.DatabaseError) {
        failure ??= new SqlError(message.message, errorFields(message));
      }
    },
    finish() {
      if (failure) throw failure;
      if (!complete) throw new Error('PGlite gave no complete answer');
      return result;
    },
  };
}
