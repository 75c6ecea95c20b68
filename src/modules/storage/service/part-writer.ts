import { AppError } from '../../../core/http/app-error.ts';
import type { Arrivals } from '../../../core/objects/arrivals.ts';
import { ObjectRefusedError } from '../../../core/objects/object-store.ts';
import type { NewObject, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import { LEASE_SECONDS, nextPart, type Tail, type UploadPartsRepository } from '../ports/upload-parts.ts';
import type { Upload } from '../ports/uploads.ts';
import { tusCapacity } from './part-sizes.ts';

export interface PartWriterDependencies {
  readonly repository: UploadPartsRepository;
  readonly vault: Vault;
  readonly newId: (prefix: 'obj') => string;
  readonly now: () => number;
}

/** The right to write, as somebody has it now. */
export interface Lease {
  readonly token: string;
  /** Set when a part was sent and nobody knows what became of it. */
  bytesMayCome: boolean;
}

/** How the bytes of a request ended. */
export type Ending =
  | { readonly kind: 'end' }
  | { readonly kind: 'broken'; readonly cause: unknown }
  | { readonly kind: 'too_much' };

const RENEW_MS = (LEASE_SECONDS * 1_000) / 3;
/** A tail that was sent without an answer may still come. */
const TAIL_MAY_COME_SECONDS = 20 * 60;

/**
 * Cuts what arrives into parts, one in memory at a time. Nothing counts before it is durable: a whole part, or, of what
 * is left when the request ends, however it ends, a tail that the next request begins with.
 * @returns the upload as it is then; a finished one has all its bytes in parts
 */
export async function writeParts(
  { repository, vault, newId, now }: PartWriterDependencies,
  before: Upload,
  lease: Lease,
  arrivals: Arrivals,
): Promise<{ readonly upload: Upload; readonly ending: Ending }> {
  const { size, object, storeUploadId, partBytes } = before;
  if (storeUploadId === null || partBytes === null) throw new Error(`${before.id} has no parts`);
  const most = size ?? tusCapacity(partBytes);
  let upload = before;
  let received = before.receivedBytes;
  let filled = before.tailBytes;
  let renewedAt = now();
  const buffer = new Uint8Array(Math.min(partBytes, most - received + filled));
  if (filled > 0) await loadTail(vault, before, buffer);

  async function keep(tail: Tail | null): Promise<void> {
    const kept = await repository.keep(upload, lease.token, { receivedBytes: received, tail });
    if (kept !== 'kept') throw storageError(kept === 'lost' ? 'upload_locked' : 'quota_exceeded');
    const { key = null, bytes = 0, wrappedKey = null } = tail ?? {};
    upload = {
      ...upload,
      receivedBytes: received,
      tailKey: key,
      tailBytes: bytes,
      tailWrappedKey: wrappedKey,
    };
    renewedAt = now();
  }

  async function flush(last: boolean): Promise<void> {
    const offset = received - filled;
    const number = nextPart({ ...upload, receivedBytes: offset, tailBytes: 0 });
    const body = buffer.subarray(0, filled);
    await vault
      .putPart(object, storeUploadId ?? '', { number, offset, size: filled, last, body })
      .catch((error: unknown) => {
        if (error instanceof ObjectRefusedError && error.reason === 'no_upload')
          throw storageError('upload_expired', { cause: error });
        lease.bytesMayCome = true;
        throw error;
      });
    filled = 0;
    await keep(null);
  }

  async function saveTail(): Promise<void> {
    const id = newId('obj');
    const tail = await vault.prepare(id, `tails/${before.id}/${id}`);
    const bytes = buffer.slice(0, filled);
    const options = { size: filled, contentType: 'application/octet-stream', metadata: {} };
    await vault.put(tail, bytes, options).catch(async (error: unknown) => {
      await repository.forget(tail.key, TAIL_MAY_COME_SECONDS).catch(() => undefined);
      throw error;
    });
    try {
      await keep({ key: tail.key, bytes: filled, wrappedKey: tail.wrappedKey });
    } catch (error) {
      // Refused for certain, so no row names it; after any other error one may.
      if (error instanceof AppError) await repository.forget(tail.key, 0).catch(() => undefined);
      throw error;
    }
  }

  async function take(piece: Uint8Array): Promise<void> {
    for (let taken = 0; taken < piece.byteLength; ) {
      // Whether it is the last one is known only when there is more.
      if (filled === partBytes) await flush(false);
      const some = piece.subarray(taken, taken + buffer.byteLength - filled);
      buffer.set(some, filled);
      taken += some.byteLength;
      filled += some.byteLength;
      received += some.byteLength;
    }
    if (filled === partBytes && size !== null && received < size) await flush(false);
    if (now() - renewedAt < RENEW_MS) return;
    if (!(await repository.renew(before.id, lease.token))) throw storageError('upload_locked');
    renewedAt = now();
  }

  const ending = await readAll(arrivals, async (piece) => {
    if (received + piece.byteLength > most) return false;
    await take(piece);
    return true;
  });
  if (received === size && filled > 0) await flush(true);
  else if (received > upload.receivedBytes && filled > 0) await saveTail();
  return { upload, ending };
}

/** @param take false when it is more than there may be */
async function readAll(arrivals: Arrivals, take: (piece: Uint8Array) => Promise<boolean>): Promise<Ending> {
  try {
    for (;;) {
      const next = await arrivals.next().then(
        (piece) => ({ piece }),
        (cause: unknown) => ({ cause }),
      );
      if ('cause' in next) return { kind: 'broken', cause: next.cause };
      if (next.piece === undefined) return { kind: 'end' };
      if (!(await take(next.piece))) return { kind: 'too_much' };
    }
  } finally {
    await arrivals.cancel(new Error('no more is taken')).catch(() => undefined);
  }
}

async function loadTail(vault: Vault, upload: Upload, buffer: Uint8Array): Promise<void> {
  const { tailKey, tailBytes, tailWrappedKey, object } = upload;
  if (tailKey === null) throw new Error(`${upload.id} has no tail`);
  const tail: NewObject = {
    id: tailKey.slice(tailKey.lastIndexOf('/') + 1),
    key: tailKey,
    encryption: tailWrappedKey === null ? plainKind(object) : 'envelope',
    wrappedKey: tailWrappedKey,
  };
  const answer = await vault.get({ ...tail, size: tailBytes });
  const bytes = new Uint8Array((await answer?.arrayBuffer()) ?? new ArrayBuffer(0));
  if (bytes.byteLength !== tailBytes) throw new Error(`the tail of ${upload.id} is not what was kept`);
  buffer.set(bytes);
}

/** How the bucket encrypts by itself makes no difference to reading. */
function plainKind({ encryption }: NewObject): NewObject['encryption'] {
  return encryption === 'envelope' ? 'none' : encryption;
}
