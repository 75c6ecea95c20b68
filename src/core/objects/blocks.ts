/** A body in blocks of a fixed size. */
export interface Blocks {
  /**
   * The next block, shorter only at the end; undefined behind it. A block stays as it is until the call after the
   * next one, so that one can be read while another is still in use.
   */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  cancel(reason: unknown): Promise<void>;
}

/** workerd's own: fills a buffer that is lent to it, and so takes one turn of JavaScript for a whole block. */
interface AtLeastReader {
  readAtLeast(
    bytes: number,
    view: Uint8Array<ArrayBuffer>,
  ): Promise<{ done: boolean; value?: Uint8Array<ArrayBuffer> | undefined }>;
  cancel(reason: unknown): Promise<void>;
}

/**
 * @param idleMs a block that takes longer to arrive ends the body with an error. As blocks are of a quarter of a
 *   megabyte, this is a least speed as well.
 */
export function readBlocks(body: ReadableStream<Uint8Array>, bytes: number, idleMs?: number): Blocks {
  const reader = atLeastReader(body);
  const blocks = reader ? lentBlocks(reader, bytes) : gatheredBlocks(body, bytes);
  return idleMs === undefined ? blocks : withIdleTimeout(blocks, idleMs);
}

function atLeastReader(body: ReadableStream<Uint8Array>): AtLeastReader | undefined {
  let reader: object & { releaseLock(): void };
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    // Made by JavaScript, of chunks.
    return undefined;
  }
  if (isAtLeastReader(reader)) return reader;
  reader.releaseLock();
  return undefined;
}

function isAtLeastReader(reader: object): reader is AtLeastReader {
  return 'readAtLeast' in reader;
}

function lentBlocks(reader: AtLeastReader, bytes: number): Blocks {
  let spare = new Uint8Array(bytes);
  let lent = new Uint8Array(bytes);
  return {
    async next() {
      const { value } = await reader.readAtLeast(bytes, spare);
      if (value === undefined || value.byteLength === 0) return undefined;
      spare = lent;
      lent = new Uint8Array(value.buffer);
      return value;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function gatheredBlocks(body: ReadableStream<Uint8Array>, bytes: number): Blocks {
  const reader = body.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async next() {
      const block = new Uint8Array(bytes);
      let filled = 0;
      while (filled < bytes) {
        if (rest.byteLength === 0) {
          const { done, value } = await reader.read();
          if (done) break;
          rest = value;
        }
        const taken = rest.subarray(0, bytes - filled);
        block.set(taken, filled);
        filled += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
      }
      return filled === 0 ? undefined : block.subarray(0, filled);
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

function withIdleTimeout(blocks: Blocks, idleMs: number): Blocks {
  return {
    cancel: blocks.cancel,
    next: () =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no block within ${idleMs} ms`)), idleMs);
        blocks
          .next()
          .then(resolve, reject)
          .finally(() => clearTimeout(timer));
      }),
  };
}
