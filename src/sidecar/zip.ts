import { inflateRawSync } from 'node:zlib';
import type { ZipLimits } from './limits.ts';

export interface ZipEntry {
  name: string;
  method: number;
  compressedSize: number;
  uncompressedSize: number;
  offset: number;
}

/** The archive is broken, or would unpack to more than the limits allow; the message is for a person. */
export class ZipError extends Error {
  override name = 'ZipError';
}

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;

/**
 * The directory of a ZIP archive (PKWARE APPNOTE 4.3.12), refused when it is over the limits. Nothing is unpacked.
 * @throws ZipError
 */
export function listZip(bytes: Uint8Array, limits: ZipLimits): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = findEndOfDirectory(view);
  const count = view.getUint16(end + 10, true);
  if (count > limits.entries) throw new ZipError(`The archive has more than ${limits.entries} entries.`);
  const entries: ZipEntry[] = [];
  let at = view.getUint32(end + 16, true);
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) throw broken();
    const nameLength = view.getUint16(at + 28, true);
    entries.push({
      name: new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength)),
      method: view.getUint16(at + 10, true),
      compressedSize: view.getUint32(at + 20, true),
      uncompressedSize: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
  }
  refuseBomb(entries, bytes.length, limits);
  return entries;
}

/**
 * Unpacks one entry, never to more bytes than its directory record announced: the total that `listZip` checked
 * holds even when the archive lies.
 * @throws ZipError
 */
export function unzipEntry(bytes: Uint8Array, entry: ZipEntry): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (entry.offset + 30 > bytes.length || view.getUint32(entry.offset, true) !== LOCAL_ENTRY) throw broken();
  const start =
    entry.offset + 30 + view.getUint16(entry.offset + 26, true) + view.getUint16(entry.offset + 28, true);
  const packed = bytes.subarray(start, start + entry.compressedSize);
  if (packed.length !== entry.compressedSize) throw broken();
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED)
    throw new ZipError('The archive uses a compression method that cannot be read.');
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  } catch (error) {
    throw new ZipError('The archive is damaged or larger inside than it says.', { cause: error });
  }
}

function findEndOfDirectory(view: DataView): number {
  // The record is 22 bytes, and a comment of up to 65,535 bytes may follow it.
  const last = view.byteLength - 22;
  for (let at = last; at >= Math.max(0, last - 65_535); at--) {
    if (view.getUint32(at, true) === END_OF_DIRECTORY) return at;
  }
  throw broken();
}

function refuseBomb(entries: readonly ZipEntry[], size: number, limits: ZipLimits): void {
  const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  const packed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  // Entries that share bytes are how a small archive claims a huge content (Fifield, WOOT 2019).
  if (packed > size) throw new ZipError('The archive has overlapping entries.');
  if (total > limits.uncompressedBytes) {
    const mebibytes = Math.round(limits.uncompressedBytes / 1_048_576);
    throw new ZipError(`The archive unpacks to more than ${mebibytes} MB.`);
  }
  if (total > 1_048_576 && total > packed * limits.ratio) {
    throw new ZipError('The archive unpacks to an implausibly large size (a "zip bomb").');
  }
}

function broken(): ZipError {
  return new ZipError('The archive is damaged or cut off.');
}
