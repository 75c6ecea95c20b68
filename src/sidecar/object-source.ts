import type { ObjectDecryption, ObjectRequest } from '../contracts/sidecar.ts';
import { AppError } from '../core/http/app-error.ts';
import { decryptFrames, EnvelopeError, importDataKey, sealedSize } from '../core/objects/envelope.ts';
import { currentTraceparent, withClientSpan } from '../core/telemetry/tracer.ts';
import { sidecarError } from './problems.ts';

const CONNECT_LIMIT_MS = 10_000;

/**
 * Opens an object of the object store by its presigned URL.
 * @returns exactly `size` bytes of plaintext, piece by piece; iterating throws AppError source_unavailable when there
 * are fewer or more, or when nothing arrives for the idle time-out, and source_damaged when it does not decrypt.
 * Whoever stops early closes the connection.
 * @throws AppError source_forbidden, source_gone, source_unavailable; the signal's reason when that aborts
 */
export type ObjectSource = (
  request: ObjectRequest,
  signal: AbortSignal,
) => Promise<AsyncIterable<Uint8Array>>;

export interface ObjectSourceOptions {
  /** The only origin that may be fetched: nobody uses the sidecar to reach other hosts. */
  objectStore: string;
  /** How long the store may send nothing while it is waited for. There is no limit on the whole. */
  idleMilliseconds: number;
}

export function createObjectSource({ objectStore, idleMilliseconds }: ObjectSourceOptions): ObjectSource {
  const origin = new URL(objectStore).origin;
  return async ({ url, size, decryption }, signal) => {
    refuseForeign(url, origin);
    const stalled = new AbortController();
    const within = AbortSignal.any([signal, stalled.signal]);
    try {
      const body = await connect(url, within, stalled);
      const delivery = { signal, stalled, idleMilliseconds };
      if (decryption === undefined) return deliver(body, size, delivery);
      return decrypt(deliver(body, sealedSize(size), delivery), size, decryption, signal);
    } catch (error) {
      throw explain(error, signal);
    }
  };
}

function refuseForeign(url: string, origin: string): void {
  const wanted = new URL(url);
  if (wanted.origin !== origin || wanted.username !== '' || wanted.password !== '') {
    throw sidecarError('source_forbidden', { detail: 'The URL is not one of the object store.' });
  }
}

async function connect(
  url: string,
  signal: AbortSignal,
  stalled: AbortController,
): Promise<ReadableStream<Uint8Array>> {
  const timer = setTimeout(() => stalled.abort(), CONNECT_LIMIT_MS);
  // A redirect would lead away from the one origin that was checked.
  const response = await withClientSpan('s3', { 'peer.service': 's3' }, () => {
    const traceparent = currentTraceparent();
    return fetch(url, { signal, redirect: 'error', headers: traceparent ? { traceparent } : {} });
  }).finally(() => clearTimeout(timer));
  if (response.ok && response.body !== null) return response.body;
  await response.body?.cancel();
  if (response.status === 404)
    throw sidecarError('source_gone', { detail: 'The object store does not have the object.' });
  throw incomplete(`the object store answered ${response.status}`);
}

interface Delivery {
  signal: AbortSignal;
  stalled: AbortController;
  idleMilliseconds: number;
}

async function* deliver(
  body: ReadableStream<Uint8Array>,
  size: number,
  { signal, stalled, idleMilliseconds }: Delivery,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  let received = 0;
  // Only the store is timed: a consumer may take as long as it likes over a piece.
  let isWaiting = false;
  const idle = setTimeout(() => isWaiting && stalled.abort(), idleMilliseconds);
  try {
    for (;;) {
      isWaiting = true;
      idle.refresh();
      const { value } = await reader.read();
      isWaiting = false;
      if (value === undefined) break;
      received += value.byteLength;
      if (received > size) throw incomplete(`more than the announced ${size} bytes arrived`);
      yield value;
    }
    if (received !== size) throw incomplete(`${received} of ${size} bytes arrived`);
  } catch (error) {
    throw explain(error, signal);
  } finally {
    clearTimeout(idle);
    await reader.cancel().catch(() => undefined);
  }
}

async function* decrypt(
  sealed: AsyncIterable<Uint8Array>,
  size: number,
  { key, id }: ObjectDecryption,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    yield* decryptFrames(ReadableStream.from(sealed), await importDataKey(key), { id, size });
  } catch (error) {
    throw explain(error, signal);
  }
}

function incomplete(detail: string): AppError {
  return sidecarError('source_unavailable', { detail: `Try again: ${detail}.`, retryAfterSeconds: 5 });
}

function explain(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof AppError) return error;
  if (error instanceof EnvelopeError) return sidecarError('source_damaged', { cause: error });
  return sidecarError('source_unavailable', {
    detail: 'The object store cannot be reached, or the transfer broke off.',
    retryAfterSeconds: 5,
    cause: error,
  });
}
