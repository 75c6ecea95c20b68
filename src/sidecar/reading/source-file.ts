import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../core/http/app-error.ts';
import { sidecarError } from '../problems.ts';

const CONNECT_LIMIT_MS = 10_000;

export interface SourceFileOptions {
  /** The only origin that may be fetched: nobody uses the sidecar to reach other hosts. */
  objectStore: string;
  downloadMilliseconds: number;
}

/** A downloaded object on disk. */
export interface SourceFile {
  path: string;
  remove(): Promise<void>;
}

/**
 * Streams an object into a temporary file.
 * @param size bytes the object must have: fewer or more means that the transfer was not the object.
 * @throws AppError source_forbidden, source_gone, source_unavailable, storage_full
 */
export async function downloadSource(
  url: string,
  size: number,
  options: SourceFileOptions,
  signal: AbortSignal,
): Promise<SourceFile> {
  refuseForeign(url, options.objectStore);
  const path = join(tmpdir(), `acs-read-${randomUUID()}`);
  const remove = () => rm(path, { force: true });
  try {
    await fetchTo(path, url, size, options.downloadMilliseconds, signal);
    return { path, remove };
  } catch (error) {
    await remove();
    signal.throwIfAborted();
    throw explain(error);
  }
}

function refuseForeign(url: string, objectStore: string): void {
  const wanted = new URL(url);
  if (wanted.origin !== new URL(objectStore).origin || wanted.username !== '' || wanted.password !== '') {
    throw sidecarError('source_forbidden', { detail: 'The URL is not one of the object store.' });
  }
}

async function fetchTo(
  path: string,
  url: string,
  size: number,
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(), CONNECT_LIMIT_MS);
  const within = AbortSignal.any([signal, connecting.signal, AbortSignal.timeout(limitMs)]);
  // A redirect would lead away from the one origin that was checked.
  const response = await fetch(url, { signal: within, redirect: 'error' }).finally(() => clearTimeout(timer));
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw refusal(response.status);
  }
  const count = countBytes(size);
  await pipeline(Readable.fromWeb(response.body), count.through, createWriteStream(path, { mode: 0o600 }), {
    signal: within,
  });
  if (count.received() !== size) throw incomplete(`${count.received()} of ${size} bytes arrived`);
}

function countBytes(limit: number): { through: Transform; received: () => number } {
  let received = 0;
  const through = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      received += chunk.length;
      if (received > limit) done(incomplete(`more than the announced ${limit} bytes arrived`));
      else done(null, chunk);
    },
  });
  return { through, received: () => received };
}

function refusal(status: number): AppError {
  if (status === 404)
    return sidecarError('source_gone', { detail: 'The object store does not have the object.' });
  return incomplete(`the object store answered ${status}`);
}

function incomplete(detail: string): AppError {
  return sidecarError('source_unavailable', { detail: `Try again: ${detail}.`, retryAfterSeconds: 5 });
}

function explain(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
  if (full)
    return sidecarError('storage_full', {
      detail: 'Nothing was lost. Try again later.',
      retryAfterSeconds: 60,
    });
  return sidecarError('source_unavailable', {
    detail: 'The object store cannot be reached, or the transfer broke off.',
    retryAfterSeconds: 5,
    cause: error,
  });
}
