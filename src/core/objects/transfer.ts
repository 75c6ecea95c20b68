import { createHash } from 'node:crypto';
import { readBlocks } from './blocks.ts';
import { fixedLengthPipe, writeAway } from './fixed-length.ts';
import { ObjectRefusedError } from './object-store.ts';

export interface TransferOptions {
  /** Exactly so many bytes are taken. */
  readonly size: number;
  /** Of one step. One turn of JavaScript for so many bytes; two such blocks are all that a transfer holds. */
  readonly blockBytes: number;
  /** Lower-case hex: bytes with another digest are never handed on to their end. */
  readonly sha256?: string | undefined;
  /** What is handed on in place of a block, and the size of all of it; the block itself may be used until it is done. */
  readonly seal?: {
    readonly size: number;
    block(block: Uint8Array<ArrayBuffer>, index: number, isEnd: boolean): Promise<Uint8Array<ArrayBuffer>>;
  };
}

/** A body on its way to the store. */
export interface Transfer {
  readonly body: ReadableStream<Uint8Array>;
  /** Lower-case hex, when the whole body has been read; rejects if it breaks off. */
  readonly sha256: Promise<string>;
  /** Why the source was not taken, once that is so: it explains what the store then says. */
  refusal(): ObjectRefusedError | undefined;
  /** For when the store has answered: whatever is still on its way is given up. */
  stop(): Promise<void>;
}

/**
 * Hands a body on while its SHA-256 is computed and, if asked to, each block is sealed. Bytes go no faster in than the
 * store takes them out: `tee()` would keep whatever the store is behind (docs/decisions/0008). The last block leaves
 * only when length and digest are right, so that a refused body never becomes an object.
 */
export function transfer(source: ReadableStream<Uint8Array>, options: TransferOptions): Transfer {
  const { readable, writable } = fixedLengthPipe(options.seal?.size ?? options.size);
  const writer = writable.getWriter();
  const blocks = readBlocks(source, options.blockBytes);
  let refusal: ObjectRefusedError | undefined;
  const giveUp = async (reason: unknown) => {
    await Promise.allSettled([writer.abort(reason), blocks.cancel(reason)]);
  };
  const next = () =>
    blocks.next().catch((error: unknown) => {
      throw new ObjectRefusedError('incomplete', 'the body broke off', error);
    });
  const sha256 = passOn(next, writer, options).catch(async (error: unknown) => {
    if (error instanceof ObjectRefusedError) refusal = error;
    await giveUp(error);
    throw error;
  });
  // Whoever awaits it learns of a failure; it must not be reported as unhandled before that.
  sha256.catch(() => undefined);
  return {
    body: readable,
    sha256,
    refusal: () => refusal,
    stop: () => giveUp(new Error('the store takes no more')),
  };
}

async function passOn(
  next: () => Promise<Uint8Array<ArrayBuffer> | undefined>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  { size, sha256, seal }: TransferOptions,
): Promise<string> {
  const hash = createHash('sha256');
  let digest = '';
  let taken = 0;
  let reading = ahead(next);
  let writing = Promise.resolve();
  for (let index = 0; digest === ''; index += 1) {
    const block = size === 0 ? new Uint8Array(0) : await reading;
    if (block === undefined) throw new ObjectRefusedError('incomplete', `${taken} bytes came of ${size}`);
    taken += block.byteLength;
    if (taken > size) throw new ObjectRefusedError('incomplete', `more bytes came than ${size}`);
    hash.update(block);
    // The block before this one is free to be read into when it has been written.
    await writing;
    if (taken < size) reading = ahead(next);
    else digest = await ending(size === 0 ? reading : next(), hash.digest('hex'), { size, sha256 });
    writing = seal ? writeAway(writer, await seal.block(block, index, digest !== '')) : writer.write(block);
    writing.catch(() => undefined);
  }
  await writing;
  await writer.close();
  return digest;
}

/** @throws ObjectRefusedError unless nothing follows and the digest is the announced one. */
async function ending(
  rest: Promise<Uint8Array | undefined>,
  digest: string,
  { size, sha256 }: Pick<TransferOptions, 'size' | 'sha256'>,
): Promise<string> {
  if ((await rest) !== undefined) throw new ObjectRefusedError('incomplete', `more bytes came than ${size}`);
  if (sha256 !== undefined && sha256 !== digest)
    throw new ObjectRefusedError('digest_mismatch', 'the bytes have another SHA-256 than announced');
  return digest;
}

function ahead<T>(next: () => Promise<T>): Promise<T> {
  const reading = next();
  // Met at the next turn; until then it must not count as unhandled.
  reading.catch(() => undefined);
  return reading;
}
