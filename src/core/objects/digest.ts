/**
 * Hands a body on while its SHA-256 is computed by the runtime, outside JavaScript.
 * The digest resolves (lower-case hex) when the whole body has been read, and rejects if the body breaks off.
 */
export function digestWhileReading(
  body: ReadableStream<Uint8Array>,
  size: number,
): { body: ReadableStream<Uint8Array>; sha256: Promise<string> } {
  const [forStore, forDigest] = body.tee();
  const digest = new crypto.DigestStream('SHA-256');
  const written = forDigest.pipeTo(digest);
  const sha256 = written.then(async () => toHex(await digest.digest));
  // Whoever awaits `sha256` learns of a failure; it must not be reported as unhandled before that.
  sha256.catch(() => undefined);
  digest.digest.catch(() => undefined);
  // A branch of tee() has no known length; S3 wants one.
  return { body: forStore.pipeThrough(new FixedLengthStream(size)), sha256 };
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', bytes));
}

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
