import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import {
  type BufferedRequest,
  healthReply,
  type JsonReply,
  jsonReply,
  sameSecret,
  startJsonServer,
} from '../http-server.ts';
import type { RunningService } from '../process.ts';
import {
  EngineUnavailableError,
  type IsolationLevel,
  type SqlEngine,
  SqlError,
  type SqlQuery,
  type SqlResult,
  type TransactionOptions,
} from './sql-engine.ts';

const MAX_BODY_BYTES = 64 * 1024 * 1024;

export interface NeonFrontOptions {
  engine: SqlEngine;
  host: string;
  port: number;
  /** What the connection string in each request must carry. */
  user: string;
  password: string;
}

const parameter = z
  .union([z.string(), z.null(), z.number(), z.boolean()])
  // Neon's own driver sends text; JSON scalars from other clients become the text PostgreSQL reads.
  .transform((value) => (typeof value === 'number' || typeof value === 'boolean' ? String(value) : value));
const statement = z.object({ query: z.string(), params: z.array(parameter).default([]) });
const requestBody = z.union([z.object({ queries: z.array(statement) }), statement]);

/**
 * `POST /sql` as Neon's serverless driver speaks it: raw text values, errors as HTTP 400 with PostgreSQL's own
 * fields, a batch as one transaction. Wire: github.com/neondatabase/serverless (src/httpQuery.ts) and
 * github.com/neondatabase/neon (proxy/src/serverless/sql_over_http.rs).
 */
export function startNeonFront(options: NeonFrontOptions): Promise<RunningService> {
  return startJsonServer({
    host: options.host,
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    maxBufferedBytes: 4 * MAX_BODY_BYTES,
    handle: (request) => route(options, request),
  });
}

async function route(options: NeonFrontOptions, request: BufferedRequest): Promise<JsonReply> {
  if (request.path === '/healthz' && request.method === 'GET')
    return healthReply(options.engine.query({ text: 'select 1', params: [] }));
  if (request.path !== '/sql') return jsonReply(404, { message: 'no such path' });
  if (request.method !== 'POST') return jsonReply(405, { message: 'use POST' });
  const refusal = authenticate(options, request.headers);
  if (refusal) return refusal;
  try {
    return await answer(options.engine, request);
  } catch (error) {
    return errorReply(error);
  }
}

async function answer(engine: SqlEngine, request: BufferedRequest): Promise<JsonReply> {
  const body = parseBody(request.body);
  if (!body)
    return jsonReply(400, { message: 'the body must be {query, params} or {queries: [{query, params}]}' });
  const arrayMode = request.headers['neon-array-mode'] === 'true';
  if ('queries' in body) {
    const mode = transactionOptions(request.headers);
    if (!mode) return jsonReply(400, { message: 'a Neon-Batch header has a value that is not known' });
    const results = await engine.transaction(body.queries.map(toQuery), mode);
    return jsonReply(200, { results: results.map((result) => present(result, arrayMode)) });
  }
  return jsonReply(200, present(await engine.query(toQuery(body)), arrayMode));
}

function parseBody(text: string): z.infer<typeof requestBody> | undefined {
  try {
    return requestBody.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function toQuery(body: z.infer<typeof statement>): SqlQuery {
  return { text: body.query, params: body.params };
}

function present(result: SqlResult, arrayMode: boolean): object {
  const names = result.fields.map((field) => field.name);
  const rows = arrayMode
    ? result.rows
    : result.rows.map((row) => Object.fromEntries(row.map((value, index) => [names[index] ?? '', value])));
  return { ...result, rows, rowAsArray: arrayMode };
}

function authenticate(options: NeonFrontOptions, headers: IncomingHttpHeaders): JsonReply | undefined {
  const header = headers['neon-connection-string'];
  const credentials = typeof header === 'string' ? parseCredentials(header) : undefined;
  if (!credentials) return jsonReply(400, { message: 'Neon-Connection-String must be a postgresql:// URL' });
  const userMatches = sameSecret(credentials.user, options.user);
  const passwordMatches = sameSecret(credentials.password, options.password);
  if (userMatches && passwordMatches) return undefined;
  // Neon's proxy answers 400, not 401: only then does the driver read the code.
  const message = `password authentication failed for user '${credentials.user}'`;
  return jsonReply(400, { message, code: '28P01', severity: 'FATAL' });
}

function parseCredentials(connectionString: string): { user: string; password: string } | undefined {
  try {
    const url = new URL(connectionString);
    if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') return undefined;
    return { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
  } catch {
    return undefined;
  }
}

const ISOLATION_LEVELS: Record<string, IsolationLevel> = {
  ReadUncommitted: 'ReadUncommitted',
  ReadCommitted: 'ReadCommitted',
  RepeatableRead: 'RepeatableRead',
  Serializable: 'Serializable',
};

function transactionOptions(headers: IncomingHttpHeaders): TransactionOptions | undefined {
  const level = headers['neon-batch-isolation-level'];
  const isolationLevel = typeof level === 'string' ? ISOLATION_LEVELS[level] : undefined;
  if (level !== undefined && !isolationLevel) return undefined;
  const flag = (name: string): boolean | undefined =>
    headers[name] === undefined ? undefined : headers[name] === 'true';
  return {
    isolationLevel,
    readOnly: flag('neon-batch-read-only'),
    deferrable: flag('neon-batch-deferrable'),
  };
}

function errorReply(error: unknown): JsonReply {
  if (error instanceof SqlError) return jsonReply(400, { message: error.message, ...error.fields });
  if (error instanceof EngineUnavailableError) return jsonReply(503, { message: error.message });
  return jsonReply(500, { message: error instanceof Error ? error.message : String(error) });
}
