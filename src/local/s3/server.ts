import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { authenticate, type Credentials } from './authenticate.ts';
import { createBlobs } from './blobs.ts';
import { createRequestBody } from './body.ts';
import { assertBucketName } from './buckets.ts';
import { S3Error } from './errors.ts';
import type { Reply, S3Call } from './reply.ts';
import { errorReply, sendReply } from './respond.ts';
import { createRouter } from './router.ts';
import { createStore, openDatabase } from './store.ts';
import { parseTarget } from './target.ts';
import { createUploads } from './uploads.ts';

export interface S3ServerOptions extends Credentials {
  /** Holds the index and the files; created if missing, one server at a time. */
  dataDir: string;
  /** Created at start if missing. */
  bucket?: string | undefined;
  /** Takes the headers of server-side encryption and answers as if it encrypted, which it does not. For tests. */
  encryption?: boolean;
  now?: () => number;
  newId?: () => string;
  /** Gets what becomes an InternalError. */
  onError?: (error: unknown, requestId: string) => void;
}

export interface S3Server {
  /** Resolves with the port; 0 picks a free one. */
  listen(port: number, host: string): Promise<number>;
  /** Ends connections, then the index. */
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 15_000;
/** Neither a byte in nor out for so long: the peer is gone or means harm. */
const IDLE_TIMEOUT_MS = 60_000;
const CLOSE_GRACE_MS = 5_000;
/** How much of a refused upload is read away so that the client gets to see why. */
const MAX_DRAINED_BYTES = 64 * 1024 * 1024;

/** An S3-compatible server on a local folder: path-style addresses, one key pair, Signature V4 on every request. */
export function createS3Server(options: S3ServerOptions): S3Server {
  mkdirSync(options.dataDir, { recursive: true });
  const database = openDatabase(join(options.dataDir, 'index.sqlite'));
  const serve = createHandler(database, options);
  const server = createServer(
    { requestTimeout: 0, headersTimeout: HEADERS_TIMEOUT_MS },
    (request, response) => serve(request, response, () => undefined),
  );
  server.on('checkContinue', (request, response) => serve(request, response, () => response.writeContinue()));
  server.timeout = IDLE_TIMEOUT_MS;
  server.keepAliveTimeout = IDLE_TIMEOUT_MS;

  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          const address = server.address();
          resolve(typeof address === 'object' && address ? address.port : port);
        });
      }),
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const grace = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
      await closed;
      clearTimeout(grace);
      database.close();
    },
  };
}

type Handler = (request: IncomingMessage, response: ServerResponse, begin: () => void) => void;

/** Everything behind the socket; `begin` lets a client that waits for permission send its body. */
function createHandler(database: DatabaseSync, options: S3ServerOptions): Handler {
  const { now = Date.now, newId = randomUUID, onError = () => undefined, encryption = false } = options;
  const store = createStore(database);
  const uploads = createUploads(database, store);
  const blobs = createBlobs(join(options.dataDir, 'blobs'), newId);
  // What a crash left half-written, and what it kept from being deleted.
  blobs.sweep(new Set([...store.segmentIds(), ...uploads.segmentIds()]));
  if (options.bucket !== undefined) {
    assertBucketName(options.bucket);
    store.createBucket(options.bucket, now());
  }
  const { region, accessKeyId: owner } = options;
  const route = createRouter({ store, blobs, uploads, region, owner, encryption, now, newId });

  const handle = async (...[request, response, begin]: Parameters<Handler>): Promise<void> => {
    const requestId = newId();
    response.setHeader('x-amz-request-id', requestId);
    response.setHeader('server', 'ai-cloud-storage-local-s3');
    // Inside the promise, so that a target that cannot be parsed is refused like any other.
    const answer = async (): Promise<Reply> => route(readCall(request, options, new Date(now()), begin));
    const reply = await answer().catch((error: unknown) => {
      if (!(error instanceof S3Error) && !request.destroyed) onError(error, requestId);
      return errorReply(error, request.url?.split('?')[0] ?? '', requestId);
    });
    drain(request);
    await sendReply(response, reply, blobs);
  };

  return (request, response, begin) => {
    if (request.method === 'GET' && request.url === '/_local/healthz') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
      return;
    }
    handle(request, response, begin).catch((error: unknown) => {
      // The head is out already, so only a cut connection can tell the client.
      if (!response.destroyed) onError(error, '');
      response.destroy();
    });
  };
}

/** Parses and authenticates; throws the refusal. */
function readCall(request: IncomingMessage, credentials: Credentials, now: Date, begin: () => void): S3Call {
  const target = parseTarget(request.url ?? '');
  const method = request.method ?? '';
  const headers = headersOf(request);
  const payload = authenticate({ method, target, headers, now }, credentials);
  // The SDK's presigner moves x-amz- headers into the query; S3 honours them there.
  for (const [name, value] of target.parameters) {
    const lower = name.toLowerCase();
    if (lower.startsWith('x-amz-') && !headers.has(lower)) headers.set(lower, value);
  }
  // By default an early end of the iteration would cut the connection before the refusal is sent.
  const stream = { [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }) };
  const body = createRequestBody({ headers, payload, stream, begin });
  return { method, bucket: target.bucket, key: target.key, query: new Map(target.parameters), headers, body };
}

/** Lower-case names; repeated ones joined with a bare comma, as SigV4 has it. */
function headersOf(request: IncomingMessage): Map<string, string> {
  const headers = new Map<string, string>();
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const name = (request.rawHeaders[index] ?? '').toLowerCase();
    const value = request.rawHeaders[index + 1] ?? '';
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return headers;
}

/** A body nobody reads would stop the client before it sees the answer. */
function drain(request: IncomingMessage): void {
  let drained = 0;
  if (request.readableEnded || request.destroyed) return;
  request.on('error', () => undefined);
  request.on('data', (chunk: Buffer) => {
    drained += chunk.length;
    if (drained > MAX_DRAINED_BYTES) request.destroy();
  });
  request.resume();
}
