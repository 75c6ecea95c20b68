import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { ArchiveLimits, ReadingLimits } from '../../limits.ts';
import {
  ArchiveLimitError,
  listZip,
  refuseExpansion,
  unzipEntry,
  ZipError,
  type ZipSource,
} from '../../zip.ts';
import { type ExtractedText, oneLine, SkippedError, UnreadableError } from '../document.ts';
import { withZipFile } from '../package-parts.ts';

/** Archives whose own directory is looked at, for what they would unpack to. */
const NESTED = /\.(?:zip|jar|war|ear|apk)$/i;

/**
 * The names of the entries of an archive, one a line. Nothing in it is unpacked, but for the directories of archives
 * inside it and for gzip, which has none: its bytes are counted as they stream by.
 * @throws UnreadableError `archive_limit` in its reason: over a limit
 */
export async function readArchive(
  path: string,
  contentType: string,
  name: string,
  limits: ReadingLimits,
): Promise<ExtractedText> {
  const names = await listEntries(path, contentType, name, limits.archive);
  if (names.length === 0) throw new SkippedError('The archive is empty.');
  return { text: names.join('\n'), metadata: { entries: names.length }, prose: false };
}

function listEntries(path: string, contentType: string, name: string, limits: ArchiveLimits) {
  if (contentType === 'application/gzip') return translated(listGzip(path, name, limits));
  if (contentType === 'application/x-tar') return translated(listTar(createReadStream(path), limits));
  return withZipFile(path, (source) => {
    const work: NestedWork = { unpackedBytes: 0, total: 0, entries: 0, size: source.size };
    return listNested(source, limits, 1, work).map(({ name: entry }) => oneLine(entry));
  });
}

/** Errors of streams and of limits as reasons for a person. */
async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof UnreadableError) throw error;
    const reason = error instanceof ZipError ? error.message : 'The archive is damaged or cut off.';
    throw new UnreadableError(`The file cannot be unpacked: ${reason}`, { cause: error });
  }
}

interface NestedWork {
  /** Of nested archives, to see their directories. */
  unpackedBytes: number;
  /** What everything would unpack to, at all levels. */
  total: number;
  entries: number;
  size: number;
}

function listNested(source: ZipSource | Uint8Array, limits: ArchiveLimits, level: number, work: NestedWork) {
  const entries = listZip(source, limits);
  work.total += entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
  work.entries += entries.length;
  refuseExpansion(work.total, work.size, limits);
  if (work.entries > limits.entries)
    throw new ArchiveLimitError(
      `has more than ${limits.entries.toLocaleString('en-US')} entries inside archives`,
    );
  for (const entry of entries) {
    if (!NESTED.test(entry.name) || entry.encrypted) continue;
    if (level >= limits.depth)
      throw new ArchiveLimitError(`has archives inside archives, more than ${limits.depth} deep`);
    work.unpackedBytes += entry.uncompressedSize;
    if (work.unpackedBytes > limits.nestedBytes) break;
    const nested = attempt(() => unzipEntry(source, entry));
    if (nested !== undefined) attempt(() => listNested(nested, limits, level + 1, work));
  }
  return entries;
}

/** A nested archive that is merely broken is a file like others. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof ZipError && !(error instanceof ArchiveLimitError)) return undefined;
    throw error;
  }
}

async function listTar(source: Readable, limits: ArchiveLimits): Promise<string[]> {
  const names: string[] = [];
  const tar = extract();
  tar.on('entry', (header, content, next) => {
    // What ends the archive early ends its entries too, and is told by the pipeline.
    content.on('error', () => undefined);
    names.push(oneLine(header.type === 'directory' ? `${header.name.replace(/\/$/, '')}/` : header.name));
    if (names.length > limits.entries) {
      const entries = limits.entries.toLocaleString('en-US');
      tar.destroy(new ArchiveLimitError(`has more than ${entries} entries`));
      return;
    }
    content.on('end', next);
    content.resume();
  });
  await pipeline(source, tar);
  return names;
}

/** The entries of a compressed tar, else the one file that is compressed. */
async function listGzip(path: string, name: string, limits: ArchiveLimits): Promise<string[]> {
  const content = gunzipped(path, limits);
  const first = await content.next();
  const start: Buffer = first.done === true ? Buffer.alloc(0) : first.value;
  if (isTar(start)) {
    const whole = async function* () {
      yield start;
      yield* content;
    };
    return listTar(Readable.from(whole(), { objectMode: false }), limits);
  }
  for await (const _ of content);
  return [oneLine(name.replace(/\.gz$/i, '')) || 'content'];
}

/** POSIX.1-1988, "ustar" at 257. */
function isTar(start: Buffer): boolean {
  return start.length >= 512 && start.toString('latin1', 257, 262) === 'ustar';
}

async function* gunzipped(path: string, limits: ArchiveLimits): AsyncGenerator<Buffer, undefined> {
  const file = createReadStream(path);
  const gunzip = createGunzip({ chunkSize: 262_144 });
  file.on('error', (error) => gunzip.destroy(error)).pipe(gunzip);
  let total = 0;
  try {
    for await (const piece of gunzip) {
      if (!(piece instanceof Buffer)) continue;
      total += piece.length;
      refuseExpansion(total, gunzip.bytesWritten, limits);
      yield piece;
    }
  } finally {
    file.destroy();
  }
  return undefined;
}
