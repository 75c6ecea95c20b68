import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { zipSync } from 'fflate';
import type { ZipLimits } from '../limits.ts';
import { listZip, unzipEntry, type ZipEntry, ZipError, type ZipSource } from '../zip.ts';
import { UnreadableError } from './document.ts';

/** Parts of a document that is a ZIP archive, by name. */
export type PackageParts = ReadonlyMap<string, Uint8Array>;

/**
 * Unpacks the wanted parts of the archive at `path`, after its directory has passed the limits. Pictures, fonts and
 * embedded files stay packed, and unread.
 * @throws UnreadableError
 */
export function unpackParts(path: string, wanted: RegExp, limits: ZipLimits): PackageParts {
  return withZipFile(path, (source) => {
    const entries = listZip(source, limits).filter(({ name }) => wanted.test(name));
    return new Map(entries.map((entry) => [entry.name, unzipEntry(source, entry)]));
  });
}

/**
 * An archive of exactly the bytes that were checked, stored: what another unzipper would make of a malicious original
 * is never asked.
 */
export function repack(parts: PackageParts): Buffer {
  return Buffer.from(zipSync(Object.fromEntries(parts), { level: 0 }).buffer);
}

/** @throws UnreadableError instead of a ZipError */
export function withZipFile<T>(path: string, use: (source: ZipSource) => T): T {
  const file = openSync(path, 'r');
  try {
    return use({
      size: fstatSync(file).size,
      read(at, length) {
        const buffer = new Uint8Array(Math.max(0, Math.min(length, fstatSync(file).size - at)));
        return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, at));
      },
    });
  } catch (error) {
    if (error instanceof ZipError)
      throw new UnreadableError(`The file cannot be unpacked: ${error.message}`, { cause: error });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** An entry by its exact name, when it is small enough to be looked at in passing. */
export function peekEntry(source: ZipSource, entries: readonly ZipEntry[], name: string): string | undefined {
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined || entry.uncompressedSize > 1_048_576) return undefined;
  return new TextDecoder().decode(unzipEntry(source, entry));
}
