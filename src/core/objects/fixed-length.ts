/** workerd's own. Without it a body made in JavaScript is sent in chunks, which S3 refuses. */
declare const FixedLengthStream: (new (size: number) => TransformStream<Uint8Array, Uint8Array>) | undefined;

/** A pipe for exactly `size` bytes; outside of workerd the content-length header alone tells how many. */
export function fixedLengthPipe(size: number): TransformStream<Uint8Array, Uint8Array> {
  return typeof FixedLengthStream === 'function' ? new FixedLengthStream(size) : new TransformStream();
}

/**
 * Writes a chunk that nobody uses afterwards into such a pipe, and gives its memory back at once: frames that wait for
 * the garbage collector come to a hundred megabytes, in a Worker that has 128 (docs/decisions/0017).
 */
export async function writeAway(
  writer: WritableStreamDefaultWriter<Uint8Array>,
  chunk: Uint8Array<ArrayBuffer>,
): Promise<void> {
  if (chunk.byteLength === 0) return;
  await writer.write(chunk);
  // Elsewhere a written chunk is still on its way to the reader.
  if (typeof FixedLengthStream === 'function') chunk.buffer.transfer(0);
}
