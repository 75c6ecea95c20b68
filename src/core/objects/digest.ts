import { transfer } from './transfer.ts';

/** Of one step of a body whose digest is computed on the way (docs/decisions/0008). */
export const BLOCK_BYTES = 256 * 1024;

/** The digest resolves (lower-case hex) when the whole body has been read, and rejects if the body breaks off. */
export function digestWhileReading(
  body: ReadableStream<Uint8Array>,
  size: number,
): { body: ReadableStream<Uint8Array>; sha256: Promise<string> } {
  return transfer(body, { size, blockBytes: BLOCK_BYTES });
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', bytes));
}

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
