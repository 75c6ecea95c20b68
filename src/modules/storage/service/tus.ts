import { AppError } from '../../../core/http/app-error.ts';
import { type Arrivals, readArrivals } from '../../../core/objects/arrivals.ts';
import type { UploadedPart, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { FileRepository } from '../ports/files.ts';
import type { UploadPartsRepository } from '../ports/upload-parts.ts';
import type { Upload } from '../ports/uploads.ts';
import type { Assembly } from './assembly.ts';
import { type Checksum, readChecked } from './checksum.ts';
import { giveUp } from './give-up.ts';
import { TUS_MAX_BYTES, tusCapacity, tusPartBytes } from './part-sizes.ts';
import { type Lease, type PartWriterDependencies, writeParts } from './part-writer.ts';
import { type Destination, targetOf } from './upload-destination.ts';
import { known, writable } from './upload-states.ts';
import type { UploadMachine } from './uploads.ts';

export interface TusDependencies extends PartWriterDependencies {
  readonly files: FileRepository;
  readonly repository: UploadPartsRepository;
  readonly uploads: UploadMachine;
  readonly assembly: Assembly;
  readonly vault: Vault;
  readonly newToken: () => string;
  readonly lifetimeSeconds: number;
  /** Of one request. */
  readonly maxBodyBytes: number;
}

export interface TusCreation {
  readonly destination: Destination;
  readonly contentType: string;
  readonly sha256?: string | undefined;
  /** Null: said later. */
  readonly size: number | null;
  /** As sent. */
  readonly metadata: string | null;
}

/** The bytes of one request. */
export interface Chunk {
  readonly body: ReadableStream<Uint8Array> | null;
  /** As the client said; null when it did not. */
  readonly length: number | null;
  readonly checksum?: Checksum | undefined;
}

export interface TusState {
  readonly id: string;
  readonly offset: number;
  readonly size: number | null;
  readonly metadata: string | null;
  readonly expiresAt: Date;
  /** What it became, once it is complete. */
  readonly fileId: string | null;
}

export type Tus = ReturnType<typeof createTus>;

/** Nothing came for so long: the client is gone. */
const IDLE_MS = 20_000;

/** TUS 1.0 (https://tus.io/protocols/resumable-upload): one upload over many requests, from wherever the last one ended. */
export function createTus(dependencies: TusDependencies) {
  const { files, repository, uploads, assembly, vault, lifetimeSeconds, maxBodyBytes } = dependencies;

  /** `work` is the only writer meanwhile. Undefined when the upload was completed before it could begin. */
  async function withLease<T>(upload: Upload, work: (leased: Upload, lease: Lease) => Promise<T>) {
    const lease: Lease = { token: dependencies.newToken(), bytesMayCome: false };
    const leased = await repository.acquire(upload.id, lease.token);
    if (leased === undefined) {
      if (known(await repository.own(upload.userId, upload.id)).state === 'completed') return undefined;
      throw storageError('upload_locked', { retryAfterSeconds: 2 });
    }
    try {
      return await work(leased, lease);
    } finally {
      await repository.release(upload.id, lease.token, lease.bytesMayCome).catch(() => undefined);
    }
  }

  /** Bytes, if any, and the end of the upload, if they were the last. */
  async function write(upload: Upload, lease: Lease, arrivals: Arrivals): Promise<TusState> {
    const { upload: written, ending } = await writeParts(dependencies, upload, lease, arrivals).catch(
      async (error: unknown) => {
        // Whoever ended the upload meanwhile knows why there is nobody to write to.
        known(await repository.own(upload.userId, upload.id));
        throw error;
      },
    );
    if (ending.kind === 'too_much') throw tooLarge('There are more bytes than the upload can have.');
    const { size, receivedBytes } = written;
    if (size !== null && size === receivedBytes) {
      const { fileId } = await assembly.finish(written, size, (parts) => chosen(vault, written, size, parts));
      return { ...stateOf(written), fileId };
    }
    if (ending.kind === 'broken')
      throw ending.cause instanceof AppError
        ? ending.cause
        : storageError('upload_incomplete', { cause: ending.cause });
    return stateOf(written);
  }

  function refuseTooMuch({ size, partBytes }: Upload, offset: number, { length }: Chunk): void {
    if (length === null) return;
    if (length > maxBodyBytes) throw tooLarge(`One request may have up to ${maxBodyBytes} bytes.`);
    if (offset + length > (size ?? tusCapacity(partBytes ?? 0)))
      throw tooLarge('There are more bytes than the upload can have.');
  }

  async function resize(upload: Upload, size: number): Promise<Upload> {
    if (upload.size !== null && upload.size !== size)
      throw storageError('offset_mismatch', { detail: `The length was said before: ${upload.size}.` });
    if (size < upload.receivedBytes)
      throw storageError('offset_mismatch', { detail: `There are ${upload.receivedBytes} bytes already.` });
    if (size > tusCapacity(upload.partBytes ?? 0))
      throw tooLarge('It is too large for an upload that began without a length.');
    const resized = await uploads.resize(upload.id, size);
    if (resized === 'quota_exceeded') throw storageError('quota_exceeded');
    if (resized === 'not_active') throw storageError('upload_not_found');
    return { ...upload, size };
  }

  async function append(
    upload: Upload,
    at: { readonly offset: number; readonly length?: number | undefined },
    chunk: Chunk,
  ): Promise<TusState> {
    if (upload.receivedBytes !== at.offset) throw mismatch(upload);
    refuseTooMuch({ ...upload, size: at.length ?? upload.size }, at.offset, chunk);
    const arrivals = await arrivalsOf(chunk, maxBodyBytes);
    const written = await withLease(upload, async (leased, lease) => {
      if (leased.receivedBytes !== at.offset) throw mismatch(leased);
      return write(at.length === undefined ? leased : await resize(leased, at.length), lease, arrivals);
    });
    if (written === undefined) throw mismatch(upload);
    return written;
  }

  return {
    async create(userId: string, creation: TusCreation, chunk: Chunk | null): Promise<TusState> {
      const { size, contentType, sha256, metadata } = creation;
      if ((size ?? 0) > TUS_MAX_BYTES) throw tooLarge(`At most ${TUS_MAX_BYTES} bytes.`);
      const target = await targetOf(files, userId, creation.destination);
      const upload = await uploads.begin(target, {
        ...{ door: 'tus', size, contentType, sha256, inParts: true, lifetimeSeconds },
        partBytes: tusPartBytes(size),
        ...(metadata === null ? {} : { metadata }),
      });
      if (chunk === null && size !== 0) return stateOf(upload);
      try {
        return await append(upload, { offset: 0 }, chunk ?? { body: null, length: 0 });
      } catch (error) {
        const found = await repository.own(userId, upload.id);
        if (found?.upload.state === 'active' && found.upload.receivedBytes < (size ?? Infinity)) {
          if (isBroken(error)) return stateOf(found.upload);
          // Nobody has been told of it: nobody will go on with it.
          await giveUp({ uploads, vault }, upload).catch(() => undefined);
        }
        throw error;
      }
    },

    /** How much is kept. Where that is all, it is (or has been) made a file: a refusal of that is told here too. */
    async state(userId: string, uploadId: string): Promise<TusState> {
      const upload = known(await repository.own(userId, uploadId), 'tus');
      if (upload.state !== 'active' || upload.receivedBytes !== upload.size) return stateOf(upload);
      const written = await withLease(upload, (leased, lease) => write(leased, lease, nothing));
      return written ?? stateOf(known(await repository.own(userId, uploadId), 'tus'));
    },

    async append(
      userId: string,
      uploadId: string,
      at: { readonly offset: number; readonly length?: number | undefined },
      chunk: Chunk,
    ): Promise<TusState> {
      const upload = writable(await repository.own(userId, uploadId), 'tus');
      if (upload.state === 'active') return append(upload, at, chunk);
      if (at.offset !== upload.size || chunk.length !== 0) throw mismatch(upload);
      return stateOf(upload);
    },

    async terminate(userId: string, uploadId: string): Promise<void> {
      await giveUp({ uploads, vault }, known(await repository.own(userId, uploadId), 'tus'));
    },
  };
}

const nothing: Arrivals = { next: async () => undefined, cancel: async () => {} };

async function arrivalsOf({ body, checksum }: Chunk, maxBytes: number): Promise<Arrivals> {
  if (body === null) return nothing;
  const arrivals = limited(readArrivals(body, IDLE_MS), maxBytes);
  if (checksum === undefined) return arrivals;
  const bytes = await readChecked(arrivals, checksum);
  let given = false;
  return {
    next: async () => {
      if (given) return undefined;
      given = true;
      return bytes;
    },
    cancel: async () => {},
  };
}

/** A body that did not say its length ends where it becomes too long; what came before is kept. */
function limited(arrivals: Arrivals, maxBytes: number): Arrivals {
  let came = 0;
  return {
    cancel: arrivals.cancel,
    async next() {
      const piece = await arrivals.next();
      came += piece?.byteLength ?? 0;
      if (came > maxBytes) throw tooLarge(`One request may have up to ${maxBytes} bytes.`);
      return piece;
    },
  };
}

/** The parts that were kept, without those of writers that were given up. */
function chosen(vault: Vault, upload: Upload, size: number, parts: readonly UploadedPart[]) {
  const { object, partBytes, skippedParts } = upload;
  const last = Math.max(1, Math.ceil(size / (partBytes ?? 1))) + skippedParts.length;
  const kept = parts.filter(({ number }) => number <= last && !skippedParts.includes(number));
  if (kept.reduce((sum, part) => sum + part.size, 0) !== vault.storedSize(object, size))
    throw storageError('part_missing', { detail: 'The object store has lost bytes that were kept.' });
  return kept;
}

/** RFC 9457 for what TUS leaves to the server. */
function tooLarge(detail: string) {
  return storageError('file_too_large', { detail });
}

function mismatch({ receivedBytes, state, size }: Upload) {
  const offset = state === 'completed' ? size : receivedBytes;
  return storageError('offset_mismatch', { detail: `The upload is at ${offset}.` });
}

function isBroken(error: unknown): boolean {
  return error instanceof AppError && error.code === 'upload_incomplete';
}

function stateOf(upload: Upload): TusState {
  const { id, state, size, metadata, expiresAt, targetId, receivedBytes } = upload;
  const isComplete = state === 'completed';
  const offset = isComplete ? (size ?? receivedBytes) : receivedBytes;
  return { id, offset, size, metadata, expiresAt, fileId: isComplete ? targetId : null };
}
