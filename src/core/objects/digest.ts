import { createHash } from 'node:crypto';

/** One turn of JavaScript for so many bytes; two such blocks are all that an upload holds. */
const BLOCK_BYTES = 256 * 1024;

/**
 * Hands a body on while its SHA-256 is computed. Bytes go no faster in than the store takes them out: `tee()` would
 * keep whatever the store is behind the digest, which is nearly all of a large body (docs/decisions/0008).
 * The digest resolves (lower-case hex) when the whole body has been read, and rejects if the body breaks off.
 */
export function digestWhileReading(
  body: ReadableStream<Uint8Array>,
  size: number,
): { body: ReadableStream<Uint8Array>; sha256: Promise<string> } {
  // S3 wants to know the length.
  const { readable, writable } = new FixedLengthStream(size);
  const sha256 = passOn(body, writable);
  // Whoever awaits `sha256` learns of a failure; it must not be reported as unhandled before that.
  sha256.catch(() => undefined);
  return { body: readable, sha256 };
}

async function passOn(body: ReadableStream<Uint8Array>, store: WritableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader({ mode: 'byob' });
  const writer = store.getWriter();
  const hash = createHash('sha256');
  let spare = new Uint8Array(BLOCK_BYTES);
  let lent = new Uint8Array(BLOCK_BYTES);
  let writing = Promise.resolve();
  try {
    // One block is read while the store still takes the other.
    for (;;) {
      const { value } = await reader.readAtLeast(BLOCK_BYTES, spare);
      if (value === undefined || value.byteLength === 0) break;
      hash.update(value);
      await writing;
      writing = writer.write(value);
      // Met at the next turn; until then it must not count as unhandled.
      writing.catch(() => undefined);
      spare = lent;
      lent = new Uint8Array(value.buffer);
    }
    await writing;
    await writer.close();
    return hash.digest('hex');
  } catch (error) {
    await Promise.allSettled([writer.abort(error), reader.cancel(error)]);
    throw error;
  }
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', bytes));
}

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
