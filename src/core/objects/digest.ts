import { createHash } from 'node:crypto';
import { readBlocks } from './blocks.ts';

/** Of one step of a body whose digest is computed on the way (docs/decisions/0008). */
export const BLOCK_BYTES = 256 * 1024;

/** Reads a body to its end for nothing but its SHA-256, lower-case hex. */
export async function digestOf(body: ReadableStream<Uint8Array> | Uint8Array): Promise<string> {
  if (body instanceof Uint8Array) return sha256Hex(body);
  const hash = createHash('sha256');
  const blocks = readBlocks(body, BLOCK_BYTES);
  for (let block = await blocks.next(); block !== undefined; block = await blocks.next()) hash.update(block);
  return hash.digest('hex');
}

export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return toHex(await crypto.subtle.digest('SHA-256', bytes));
}

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
