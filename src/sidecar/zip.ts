import { inflateRawSync } from 'node:zlib';
import type { ZipLimits } from './limits.ts';

export interface ZipEntry {
  name: string;
  method: number;
  encrypted: boolean;
  compressedSize: number;
  uncompressedSize: number;
  offset: number;
}

/** Where an archive is read from: a file of which only some bytes are wanted, or memory. */
export interface ZipSource {
  size: number;
  /** Fewer bytes than asked for at the end. */
  read(at: number, length: number): Uint8Array;
}

/** The archive is broken, or would unpack to more than the limits allow; the message is for a person. */
export class ZipError extends Error {
  override name = 'ZipError';
}

/** Over a limit; the message carries the code `archive_limit`. */
export class ArchiveLimitError extends ZipError {
  override name = 'ArchiveLimitError';
  constructor(what: string) {
    super(`The archive ${what} (archive_limit).`);
  }
}

const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_ENTRY = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const IS_ENCRYPTED = 1;
const IS_UTF8 = 0x800;
/** Some 300 bytes for each of 100,000 entries; more is no directory that anybody needs. */
const LARGEST_DIRECTORY_BYTES = 32 * 1_048_576;

export function zipInMemory(bytes: Uint8Array): ZipSource {
  return { size: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}

/**
 * The directory of a ZIP archive (PKWARE APPNOTE 4.3.12), refused when it is over the limits. Nothing is unpacked, and
 * nothing but the directory is read.
 * @throws ZipError
 */
export function listZip(archive: ZipSource | Uint8Array, limits: ZipLimits): ZipEntry[] {
  const source = archive instanceof Uint8Array ? zipInMemory(archive) : archive;
  const end = findEndOfDirectory(source);
  if (end.count > limits.entries) throw tooManyEntries(limits);
  if (end.directorySize > LARGEST_DIRECTORY_BYTES)
    throw new ArchiveLimitError('has a directory of implausible size');
  // Something in front of the archive (a program that unpacks itself, say) moves all offsets by its length.
  const start = end.at - end.directorySize;
  const shift = start - end.directoryOffset;
  if (start < 0 || shift < 0) throw broken();
  const entries = readDirectory(source.read(start, end.directorySize), shift, limits);
  // Archives of more than 65,535 entries without ZIP64 count modulo 65,536.
  if (entries.length % 65_536 !== end.count % 65_536) throw broken();
  refuseBomb(entries, start, limits);
  return entries;
}

/**
 * Unpacks one entry, never to more bytes than its directory record announced: the total that `listZip` checked
 * holds even when the archive lies.
 * @throws ZipError
 */
export function unzipEntry(archive: ZipSource | Uint8Array, entry: ZipEntry): Uint8Array {
  const source = archive instanceof Uint8Array ? zipInMemory(archive) : archive;
  const header = source.read(entry.offset, 30);
  const view = viewOf(header);
  if (header.length < 30 || view.getUint32(0, true) !== LOCAL_ENTRY) throw broken();
  const start = entry.offset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  const packed = source.read(start, entry.compressedSize);
  if (packed.length !== entry.compressedSize) throw broken();
  if (entry.encrypted) throw new ZipError('The archive is encrypted.');
  if (entry.method === STORED) return packed;
  if (entry.method !== DEFLATED)
    throw new ZipError('The archive uses a compression method that cannot be read.');
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, entry.uncompressedSize) });
  } catch (error) {
    throw new ZipError('The archive is damaged or larger inside than it says.', { cause: error });
  }
}

interface EndOfDirectory {
  /** Offset of the first byte after the directory. */
  at: number;
  count: number;
  directorySize: number;
  directoryOffset: number;
}

function findEndOfDirectory(source: ZipSource): EndOfDirectory {
  // The record is 22 bytes, and a comment of up to 65,535 bytes may follow it; a ZIP64 locator is in front of it.
  const from = Math.max(0, source.size - 22 - 65_535 - 20);
  const view = viewOf(source.read(from, source.size - from));
  for (let at = view.byteLength - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== END_OF_DIRECTORY) continue;
    if (at >= 20 && view.getUint32(at - 20, true) === LOCATOR_64) {
      return readEnd64(source, Number(view.getBigUint64(at - 12, true)));
    }
    return {
      at: from + at,
      count: view.getUint16(at + 10, true),
      directorySize: view.getUint32(at + 12, true),
      directoryOffset: view.getUint32(at + 16, true),
    };
  }
  throw broken();
}

/** The ZIP64 end of the directory (APPNOTE 4.3.14). */
function readEnd64(source: ZipSource, at: number): EndOfDirectory {
  const record = source.read(at, 56);
  const view = viewOf(record);
  if (record.length < 56 || view.getUint32(0, true) !== END_OF_DIRECTORY_64) throw broken();
  return {
    at,
    count: Number(view.getBigUint64(32, true)),
    directorySize: Number(view.getBigUint64(40, true)),
    directoryOffset: Number(view.getBigUint64(48, true)),
  };
}

function readDirectory(directory: Uint8Array, shift: number, limits: ZipLimits): ZipEntry[] {
  const view = viewOf(directory);
  const entries: ZipEntry[] = [];
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || view.getUint32(at, true) !== DIRECTORY_ENTRY) throw broken();
    if (entries.length >= limits.entries) throw tooManyEntries(limits);
    const flags = view.getUint16(at + 8, true);
    const nameEnd = at + 46 + view.getUint16(at + 28, true);
    const extraEnd = nameEnd + view.getUint16(at + 30, true);
    const entry: ZipEntry = {
      name: decodeName(directory.subarray(at + 46, nameEnd), (flags & IS_UTF8) !== 0),
      method: view.getUint16(at + 10, true),
      encrypted: (flags & IS_ENCRYPTED) !== 0,
      compressedSize: view.getUint32(at + 20, true),
      uncompressedSize: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    };
    widen(entry, viewOf(directory.subarray(nameEnd, extraEnd)));
    entry.offset += shift;
    entries.push(entry);
    at = extraEnd + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Sizes that do not fit 32 bits are in an extra field (APPNOTE 4.5.3). */
function widen(entry: ZipEntry, extra: DataView): void {
  for (let at = 0; at + 4 <= extra.byteLength; ) {
    const length = extra.getUint16(at + 2, true);
    let field = at + 4;
    at = field + length;
    if (extra.getUint16(field - 4, true) !== 1 || at > extra.byteLength) continue;
    for (const key of ['uncompressedSize', 'compressedSize', 'offset'] as const) {
      if (entry[key] !== 0xffffffff || field + 8 > at) continue;
      entry[key] = Number(extra.getBigUint64(field, true));
      field += 8;
    }
  }
}

/** Names without the UTF-8 flag are CP437 by the letter, UTF-8 in practice, or some code page of a system. */
function decodeName(bytes: Uint8Array, isUtf8: boolean): string {
  try {
    return new TextDecoder('utf-8', { fatal: !isUtf8 }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

function refuseBomb(entries: readonly ZipEntry[], directoryStart: number, limits: ZipLimits): void {
  // Entries that share bytes are how a small archive claims a huge content (Fifield, WOOT 2019).
  const inOrder = entries.toSorted((a, b) => a.offset - b.offset);
  for (const [index, { offset, compressedSize }] of inOrder.entries()) {
    if (offset + 30 + compressedSize > (inOrder[index + 1]?.offset ?? directoryStart))
      throw new ArchiveLimitError('has entries that overlap');
  }
  const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  const packed = entries.reduce((sum, entry) => sum + entry.compressedSize, 0);
  refuseExpansion(total, packed, limits);
}

/** @throws ArchiveLimitError when so many bytes, out of so many packed ones, are more than the limits allow. */
export function refuseExpansion(total: number, packed: number, limits: ZipLimits): void {
  if (total > limits.uncompressedBytes) {
    const mebibytes = Math.round(limits.uncompressedBytes / 1_048_576);
    throw new ArchiveLimitError(`unpacks to more than ${mebibytes.toLocaleString('en-US')} MB`);
  }
  if (total > 1_048_576 && total > packed * limits.ratio) {
    throw new ArchiveLimitError(
      `unpacks to more than ${limits.ratio} times its size, an implausible amount (a "zip bomb")`,
    );
  }
}

function tooManyEntries(limits: ZipLimits): ZipError {
  return new ArchiveLimitError(`has more than ${limits.entries.toLocaleString('en-US')} entries`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function broken(): ZipError {
  return new ZipError('The archive is damaged or cut off.');
}
