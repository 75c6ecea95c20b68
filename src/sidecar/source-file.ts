import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectRequest } from '../contracts/sidecar.ts';
import type { ObjectSource } from './object-source.ts';
import { sidecarError } from './problems.ts';

/** A downloaded object on disk. */
export interface SourceFile {
  path: string;
  remove(): Promise<void>;
}

/**
 * Streams the plaintext of an object into a temporary file.
 * @throws AppError source_forbidden, source_gone, source_unavailable, storage_full
 */
export async function downloadObject(
  source: ObjectSource,
  request: ObjectRequest,
  limitMilliseconds: number,
  signal: AbortSignal,
): Promise<SourceFile> {
  const { handle, ...file } = await create();
  const limit = AbortSignal.timeout(limitMilliseconds);
  try {
    const pieces = await source(request, AbortSignal.any([signal, limit]));
    await handle.writeFile(pieces);
    return file;
  } catch (error) {
    await file.remove();
    signal.throwIfAborted();
    throw explain(error, limit);
  }
}

/** On Linux without a name, so that nothing is left however this process ends; its own ones open it by its number here. */
async function create(): Promise<SourceFile & { handle: FileHandle }> {
  const name = join(tmpdir(), `acs-object-${randomUUID()}`);
  const handle = await open(name, 'wx+', 0o600);
  const remove = async () => {
    await handle.close().catch(() => undefined);
    await rm(name, { force: true });
  };
  if (process.platform !== 'linux') return { path: name, remove, handle };
  await rm(name);
  return { path: `/proc/${process.pid}/fd/${handle.fd}`, remove, handle };
}

function explain(error: unknown, limit: AbortSignal): unknown {
  if (limit.aborted)
    return sidecarError('source_unavailable', {
      detail: 'The object store took too long to deliver the object.',
      retryAfterSeconds: 5,
      cause: error,
    });
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC')
    return sidecarError('storage_full', {
      detail: 'Nothing was lost. Try again later.',
      retryAfterSeconds: 60,
    });
  return error;
}
