import pg from 'pg';
import {
  beginStatement,
  EngineUnavailableError,
  errorFields,
  type SqlEngine,
  SqlError,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';

export interface PgEngineOptions {
  databaseUrl: string;
  statementTimeoutMs: number;
  maxConnections: number;
}

/** Values stay in the server's text format; the Neon driver at the other end parses them. */
const RAW_TEXT = { getTypeParser: () => (value: string | Buffer) => value };

const COPY_FROM_CLIENT = /^\s*copy\b.*\bfrom\s+stdin\b/is;

/** A real PostgreSQL behind the port, through node-postgres. */
export function createPgEngine(options: PgEngineOptions): SqlEngine {
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    max: options.maxConnections,
    connectionTimeoutMillis: 10_000,
    statement_timeout: options.statementTimeoutMs,
    // A server that does not answer at all; the margin lets its own time-out, which names the cause, come first.
    query_timeout: options.statementTimeoutMs + 2_000,
    types: RAW_TEXT,
  });
  // An idle connection that the server closes is replaced at the next request; unhandled, it would end the process.
  pool.on('error', () => undefined);
  return {
    query: (query) => withClient(pool, (client) => run(client, query)),
    transaction: (queries, mode) => withClient(pool, (client) => runBatch(client, queries, mode)),
    close: () => pool.end(),
  };
}

async function withClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw translate(error);
  });
  let answered = true;
  try {
    return await use(client);
  } catch (error) {
    const translated = translate(error);
    answered = translated instanceof SqlError;
    throw translated;
  } finally {
    client.release(!(answered && (await reset(client))));
  }
}

/** The next caller must find a new session: no open transaction, no SET, no temporary table, no advisory lock. */
async function reset(client: pg.PoolClient): Promise<boolean> {
  if (client.getTransactionStatus() !== 'I') return false;
  return client.query('DISCARD ALL').then(
    () => true,
    () => false,
  );
}

// The simple protocol would let several statements through, and Neon refuses them. @types/pg does not know the option.
type ExtendedQuery = pg.QueryArrayConfig<(string | null)[]> & { queryMode: 'extended' };

async function run(client: pg.PoolClient, query: SqlQuery): Promise<SqlResult> {
  // In the extended protocol node-postgres has sent its Sync by the time it refuses to copy, and waits for ever.
  if (COPY_FROM_CLIENT.test(query.text)) {
    throw new SqlError('COPY FROM STDIN is not possible over HTTP', { severity: 'ERROR', code: '57014' });
  }
  const config: ExtendedQuery = {
    text: query.text,
    values: [...query.params],
    rowMode: 'array',
    queryMode: 'extended',
  };
  const result = await client.query<(string | null)[]>(config);
  return {
    // PGlite and PostgreSQL name both: the first word of the command tag.
    command: result.command ?? '',
    rowCount: result.rowCount,
    fields: result.fields.map(({ name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier }) => ({
      name,
      dataTypeID,
      tableID,
      columnID,
      dataTypeSize,
      dataTypeModifier,
      format: 'text',
    })),
    rows: result.rows,
  };
}

async function runBatch(
  client: pg.PoolClient,
  queries: readonly SqlQuery[],
  options: TransactionOptions,
): Promise<SqlResult[]> {
  try {
    await client.query(beginStatement(options));
    const results: SqlResult[] = [];
    for (const query of queries) results.push(await run(client, query));
    await client.query('COMMIT');
    return results;
  } catch (error) {
    // If this fails too, the connection is discarded, and with it the transaction.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

function translate(error: unknown): Error {
  if (error instanceof SqlError) return error;
  if (error instanceof pg.DatabaseError) return new SqlError(error.message, errorFields(error));
  return new EngineUnavailableError(error instanceof Error ? error.message : String(error));
}
