import pg from 'pg';
import { z } from 'zod';
import type { DatabaseConfig } from '../../core/database/client.ts';

export interface Statement {
  readonly text: string;
  readonly params?: readonly string[];
}

/** A database as a backup needs it. Every statement answers rows of one column of text. */
export interface BackupDatabase {
  /** In one transaction; the rows of each statement. */
  run(statements: readonly Statement[]): Promise<readonly (readonly string[])[]>;
  /** What all of these queries answer at one moment, row by row, in order. */
  snapshot(queries: readonly string[], take: (query: number, row: string) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

const ROWS_AT_ONCE = 500;
/** Of a batch over HTTP. */
const STATEMENT_LIMIT_MS = 10 * 60_000;
const RAW_ARRAYS = { 'Neon-Raw-Text-Output': 'true', 'Neon-Array-Mode': 'true' };
const ONE_MOMENT = { 'Neon-Batch-Isolation-Level': 'RepeatableRead', 'Neon-Batch-Read-Only': 'true' };
const answersSchema = z.object({ results: z.array(z.object({ rows: z.unknown() })) });
const rowsSchema = z.array(z.array(z.string().nullable()));

/**
 * A PostgreSQL, Neon's too, is asked over its own protocol: only there a snapshot can be read by cursors, in constant
 * memory. Behind DATABASE_FETCH_ENDPOINT there may be no such door; one batch over HTTP then is the snapshot, in memory.
 */
export function openBackupDatabase(config: DatabaseConfig): BackupDatabase {
  const { DATABASE_URL, DATABASE_FETCH_ENDPOINT } = config;
  return DATABASE_FETCH_ENDPOINT ? overHttp(DATABASE_URL, DATABASE_FETCH_ENDPOINT) : overWire(DATABASE_URL);
}

/** Neon's `POST /sql` (src/local/postgres/neon-front.ts): a batch is one transaction. */
function overHttp(url: string, endpoint: string): BackupDatabase {
  const ask = async (statements: readonly Statement[], mode: Readonly<Record<string, string>> = {}) => {
    const queries = statements.map(({ text, params = [] }) => ({ query: text, params }));
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Neon-Connection-String': url, ...RAW_ARRAYS, ...mode },
      body: JSON.stringify({ queries }),
      signal: AbortSignal.timeout(STATEMENT_LIMIT_MS),
    });
    if (answer.ok)
      return answersSchema.parse(await answer.json()).results.map(({ rows }) => firstColumn(rows));
    throw new Error(`the database refuses: ${(await answer.text()).slice(0, 500)}`);
  };
  return {
    run: ask,
    async snapshot(queries, take) {
      const statements = queries.map((text) => ({ text }));
      const answers = await ask(statements, ONE_MOMENT);
      for (const [query, rows] of answers.entries()) for (const row of rows) await take(query, row);
    },
    close: async () => undefined,
  };
}

function overWire(url: string): BackupDatabase {
  let connection: Promise<pg.Client> | undefined;
  const connect = async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
    // Whoever waits for an answer is told; without a listener the process would end.
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const within = async <T>(begin: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    connection ??= connect();
    const client = await connection;
    await client.query(begin);
    try {
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    }
  };
  return {
    run: (statements) =>
      within('begin', async (client) => {
        const answers: string[][] = [];
        for (const { text, params = [] } of statements)
          answers.push(
            firstColumn((await client.query({ text, values: [...params], rowMode: 'array' })).rows),
          );
        return answers;
      }),
    snapshot: (queries, take) =>
      within('begin isolation level repeatable read read only', async (client) => {
        for (const [query, text] of queries.entries()) {
          await client.query(`declare rows no scroll cursor for ${text}`);
          for (let rows = ['']; rows.length > 0; ) {
            const page = await client.query({ text: `fetch ${ROWS_AT_ONCE} from rows`, rowMode: 'array' });
            rows = firstColumn(page.rows);
            for (const row of rows) await take(query, row);
          }
          await client.query('close rows');
        }
      }),
    close: async () => (await connection)?.end(),
  };
}

function firstColumn(rows: unknown): string[] {
  return rowsSchema.parse(rows).map(([value]) => value ?? '');
}
