import type { Arrivals } from '../../../core/objects/arrivals.ts';
import { storageError } from '../errors.ts';

/** TUS, Upload-Checksum; names of the protocol to those of WebCrypto. */
export const CHECKSUMS = { sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' } as const;

export interface Checksum {
  readonly algorithm: keyof typeof CHECKSUMS;
  readonly base64: string;
}

/** Nothing of a chunk may be kept before all of it was compared, so it is held in memory. */
export const CHECKED_CHUNK_BYTES = 8 * 1024 * 1024;

/** @throws AppError checksum_mismatch, file_too_large, upload_incomplete: nothing of the chunk is kept */
export async function readChecked(
  arrivals: Arrivals,
  { algorithm, base64 }: Checksum,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const next = () =>
    arrivals.next().catch((cause: unknown) => {
      throw storageError('upload_incomplete', { cause });
    });
  for (let piece = await next(); piece; piece = await next()) {
    size += piece.byteLength;
    if (size > CHECKED_CHUNK_BYTES) {
      await arrivals.cancel(new Error('too much')).catch(() => undefined);
      throw storageError('file_too_large', {
        detail: `With a checksum a request may have up to ${CHECKED_CHUNK_BYTES} bytes.`,
      });
    }
    pieces.push(piece.slice());
  }
  const bytes = new Uint8Array(size);
  let filled = 0;
  for (const piece of pieces) {
    bytes.set(piece, filled);
    filled += piece.byteLength;
  }
  const digest = new Uint8Array(await crypto.subtle.digest(CHECKSUMS[algorithm], bytes));
  if (btoa(String.fromCharCode(...digest)) !== base64) throw storageError('checksum_mismatch');
  return bytes;
}
