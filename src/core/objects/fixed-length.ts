/** workerd's own. Without it a body made in JavaScript is sent in chunks, which S3 refuses. */
declare const FixedLengthStream: (new (size: number) => TransformStream<Uint8Array, Uint8Array>) | undefined;

/** A pipe for exactly `size` bytes; outside of workerd the content-length header alone tells how many. */
export function fixedLengthPipe(size: number): TransformStream<Uint8Array, Uint8Array> {
  return typeof FixedLengthStream === 'function' ? new FixedLengthStream(size) : new TransformStream();
}
