import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { RunningService } from './process.ts';

const DRAIN_LIMIT_MS = 5_000;
const HEALTH_LIMIT_MS = 2_000;

export interface BufferedRequest {
  method: string;
  /** Without the query string. */
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface JsonReply {
  status: number;
  /** A JSON document, unless the headers say otherwise. */
  body: string;
  headers?: Record<string, string>;
}

export interface JsonServerOptions {
  host: string;
  /** 0 takes any free port. */
  port: number;
  maxBodyBytes: number;
  /** Over all requests at once; beyond it new bodies are refused with 503. */
  maxBufferedBytes: number;
  handle(request: BufferedRequest): Promise<JsonReply>;
}

/** The stand-ins' HTTP server: buffered JSON in, JSON out, bounded, and drained for up to 5 s when it closes. */
export async function startJsonServer(options: JsonServerOptions): Promise<RunningService> {
  const buffered = { bytes: 0 };
  const server = createServer((request, response) => {
    serve(options, buffered, request, response).catch((error: unknown) => {
      // The client left in the middle of its request: nobody to answer.
      if (!response.headersSent && !response.destroyed) reply(response, failure(500, String(error)));
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        const force = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

/** Compares secrets without telling by the time taken how much of them, or what length, was right. */
export function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** 200 once the engine answers the probe; 503 if it fails or is busy with something long. */
export async function healthReply(probe: Promise<unknown>): Promise<JsonReply> {
  const limit = AbortSignal.timeout(HEALTH_LIMIT_MS);
  const tooLate = new Promise<JsonReply>((resolve) => {
    limit.addEventListener('abort', () => resolve(jsonReply(503, { status: 'busy' })), { once: true });
  });
  const asked = probe.then(
    () => jsonReply(200, { status: 'ok' }),
    () => jsonReply(503, { status: 'unavailable' }),
  );
  return Promise.race([asked, tooLate]);
}

/** A 503 says when to come again. */
export function jsonReply(status: number, value: unknown): JsonReply {
  return { status, body: JSON.stringify(value), headers: status === 503 ? { 'Retry-After': '1' } : {} };
}

async function serve(
  options: JsonServerOptions,
  buffered: { bytes: number },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Buffer)) continue;
      size += chunk.length;
      buffered.bytes += chunk.length;
      if (size > options.maxBodyBytes) return refuse(response, failure(413, 'the request body is too large'));
      if (buffered.bytes > options.maxBufferedBytes)
        return refuse(response, failure(503, 'too many requests at once'));
      chunks.push(chunk);
    }
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
    const answer = await options.handle({
      method: request.method ?? 'GET',
      path,
      query: new URLSearchParams(search),
      headers: request.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    });
    reply(response, answer);
  } finally {
    buffered.bytes -= size;
  }
}

/** The rest of the body is not read, so the connection cannot be used again. */
function refuse(response: ServerResponse, answer: JsonReply): void {
  reply(response, { ...answer, headers: { ...answer.headers, Connection: 'close' } });
}

/** Both words: the Neon driver reads `message`, the Upstash client `error`. */
function failure(status: number, message: string): JsonReply {
  return jsonReply(status, { message, error: message });
}

function reply(response: ServerResponse, answer: JsonReply): void {
  response.writeHead(answer.status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(answer.body),
    ...answer.headers,
  });
  response.end(answer.body);
}
