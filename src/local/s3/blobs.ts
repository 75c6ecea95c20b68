import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** A run of an object's bytes, kept in one file that is never changed after it is complete. */
export interface Segment {
  id: string;
  size: number;
}

/** An upload on its way to disk. Exactly one of `commit` and `discard` ends it. */
export interface BlobWriter {
  id: string;
  /** Keeps the chunk until written; wait for a returned promise before the next call. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** Writes out what is buffered: afterwards the chunks given may be reused. */
  flush(): Promise<void>;
  /** The bytes are on the disk itself when this returns. */
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * The files under the objects. Their names are ids of our own, so no key, however odd, becomes a path; which file
 * belongs to which object is the index's business, and a file no row names is swept at the next start.
 */
export interface Blobs {
  create(): Promise<BlobWriter>;
  /** Bytes `offset` to `offset + length`; a yielded buffer is overwritten once the next one is asked for. */
  read(segments: readonly Segment[], offset: number, length: number): AsyncGenerator<Buffer>;
  /** Holds the files for a reader, even if the object is overwritten meanwhile; the result lets go again. */
  pin(segments: readonly Segment[]): () => void;
  remove(segments: readonly Segment[]): void;
  /** Deletes every file not in `known`; only before the first write. Returns how many went. */
  sweep(known: ReadonlySet<string>): number;
}

const BLOCK_BYTES = 1024 * 1024;

export function createBlobs(directory: string, newId: () => string): Blobs {
  // The last two digits fan out evenly for random and for time-ordered ids.
  const folderOf = (id: string): string => join(directory, id.slice(-2));
  const pathOf = (id: string): string => join(folderOf(id), id);
  const readers = new Map<string, number>();
  const doomed = new Set<string>();
  for (let index = 0; index < 256; index += 1) {
    mkdirSync(join(directory, index.toString(16).padStart(2, '0')), { recursive: true });
  }

  const unlink = (id: string): void => {
    // A file that stays behind costs space until the next start's sweep, never correctness.
    void rm(pathOf(id), { force: true }).catch(() => undefined);
  };
  const release = (id: string): void => {
    const left = (readers.get(id) ?? 1) - 1;
    if (left > 0) readers.set(id, left);
    else {
      readers.delete(id);
      if (doomed.delete(id)) unlink(id);
    }
  };

  return {
    create: async () => {
      const id = newId();
      return createWriter(id, pathOf(id), await open(pathOf(id), 'wx'));
    },
    read: (segments, offset, length) => readSegments(segments, offset, length, pathOf),
    pin: (segments) => {
      for (const { id } of segments) readers.set(id, (readers.get(id) ?? 0) + 1);
      return () => {
        for (const { id } of segments) release(id);
      };
    },
    remove: (segments) => {
      for (const { id } of segments) {
        if (readers.has(id)) doomed.add(id);
        else unlink(id);
      }
    },
    sweep: (known) => {
      const strays = readdirSync(directory, { withFileTypes: true, recursive: true }).filter(
        (entry) => entry.isFile() && !known.has(entry.name),
      );
      for (const stray of strays) rmSync(join(stray.parentPath, stray.name), { force: true });
      return strays.length;
    },
  };
}

function createWriter(id: string, path: string, handle: FileHandle): BlobWriter {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  let writing: Promise<void> = Promise.resolve();

  const writeOut = (): void => {
    const batch = waiting;
    waiting = [];
    waitingBytes = 0;
    writing = writing.then(() => writeAll(handle, batch));
    // The error is met by whoever awaits `writing` next; this keeps it from counting as unhandled until then.
    writing.catch(() => undefined);
  };
  const flush = async (): Promise<void> => {
    if (waitingBytes > 0) writeOut();
    await writing;
  };

  return {
    id,
    flush,
    write: (chunk) => {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes < BLOCK_BYTES) return undefined;
      // One block is written while the next one is received; never more than these two are held.
      const previous = writing;
      writeOut();
      return previous;
    },
    commit: async () => {
      await flush();
      // Also makes the new directory entry durable on ext4, xfs and btrfs.
      await handle.sync();
      await handle.close();
    },
    discard: async () => {
      await writing.catch(() => undefined);
      await handle.close().catch(() => undefined);
      await rm(path, { force: true });
    },
  };
}

async function writeAll(handle: FileHandle, batch: Buffer[]): Promise<void> {
  const total = batch.reduce((sum, chunk) => sum + chunk.length, 0);
  const { bytesWritten } = await handle.writev(batch);
  if (bytesWritten === total) return;
  // A short write happens near a full disk: put the rest down plainly, so that the true error shows.
  const rest = Buffer.concat(batch).subarray(bytesWritten);
  for (let at = 0; at < rest.length; ) at += (await handle.write(rest, at)).bytesWritten;
}

async function* readSegments(
  segments: readonly Segment[],
  offset: number,
  length: number,
  pathOf: (id: string) => string,
): AsyncGenerator<Buffer> {
  let start = offset;
  let left = length;
  for (const { id, size } of segments) {
    if (left <= 0) return;
    const count = Math.min(size - start, left);
    if (count > 0) {
      yield* readFile(pathOf(id), start, count);
      left -= count;
    }
    start = Math.max(0, start - size);
  }
}

/** Two blocks in turn: one is read while the consumer still sends the other. */
async function* readFile(path: string, start: number, length: number): AsyncGenerator<Buffer> {
  const blockBytes = Math.min(BLOCK_BYTES, length);
  const handle = await open(path, 'r');
  let reading: Promise<Buffer> | undefined;
  try {
    let spare = Buffer.allocUnsafeSlow(blockBytes);
    let lent = Buffer.allocUnsafeSlow(length > blockBytes ? blockBytes : 0);
    for (let at = 0; at < length; ) {
      const block = await (reading ?? readBlock(handle, spare, start, blockBytes));
      at += block.length;
      [lent, spare] = [spare, lent];
      reading =
        at < length ? readBlock(handle, spare, start + at, Math.min(blockBytes, length - at)) : undefined;
      // Met at the next turn; until then it must not count as unhandled.
      reading?.catch(() => undefined);
      yield block;
    }
  } finally {
    // The handle must not be closed under a read that is still under way.
    await reading?.catch(() => undefined);
    await handle.close();
  }
}

async function readBlock(
  handle: FileHandle,
  buffer: Buffer,
  position: number,
  length: number,
): Promise<Buffer> {
  for (let at = 0; at < length; ) {
    const { bytesRead } = await handle.read(buffer, at, length - at, position + at);
    if (bytesRead === 0) throw new Error('A stored file is shorter than its index entry.');
    at += bytesRead;
  }
  return buffer.subarray(0, length);
}
