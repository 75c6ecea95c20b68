import { makeZip, predictLength } from 'client-zip';
import { fixedLengthPipe } from '../../../core/objects/fixed-length.ts';
import { storageError } from '../errors.ts';
import type { Actor } from '../ports/actor.ts';
import type { TreeEntry, TreeRepository } from '../ports/zip.ts';
import type { DownloadService } from './downloads.ts';

export interface ZipServiceDependencies {
  readonly trees: TreeRepository;
  readonly downloads: Pick<DownloadService, 'assertHandedOut' | 'bytes'>;
}

export interface Zip {
  /** With its extension. */
  readonly name: string;
  /** Bytes of the whole archive. */
  readonly size: number;
  /** Once. Ends in an error when a file cannot be read to its end. */
  readonly body: () => ReadableStream<Uint8Array>;
}

export type ZipService = ReturnType<typeof createZipService>;

export const MAX_ZIP_ENTRIES = 10_000;
/** Every byte passes through JavaScript, for its checksum: a quarter of a second of CPU for 100 MB. */
const MAX_ZIP_BYTES = 10 * 1024 ** 3;
/** What the format can say; and all paths are held in memory. */
const MAX_PATH_BYTES = 65_535;
const MAX_PATHS_BYTES = 16 * 1024 ** 2;

/** A folder as one archive, stored, not compressed. */
export function createZipService({ trees, downloads }: ZipServiceDependencies) {
  return {
    /** @throws AppError folder_not_found, not_a_folder, too_many_entries, zip_too_large, or why a file is locked away */
    async zip(actor: Actor, folderId: string): Promise<Zip> {
      const tree = await trees.tree(actor, folderId, MAX_ZIP_ENTRIES + 2);
      const root = tree.find(({ id }) => id === folderId);
      if (root === undefined) throw storageError('file_not_found');
      if (root.kind === 'file') throw storageError('not_a_folder');
      if (tree.length > MAX_ZIP_ENTRIES + 1)
        throw storageError('too_many_entries', {
          detail: `An archive holds at most ${MAX_ZIP_ENTRIES} files and folders.`,
        });
      const entries = namedEntries(root, tree);
      assertBounds(entries, downloads);
      const size = Number(predictLength(entries.map(({ path, entry }) => announced(path, entry))));
      return { name: `${root.name}.zip`, size, body: () => stream(entries, size, downloads) };
    },
  };
}

interface NamedEntry {
  /** Folders end with a slash. */
  readonly path: string;
  readonly entry: TreeEntry;
}

/** Paths from the folder that was asked for, which they begin with: nothing is unpacked beside it. */
function namedEntries(root: TreeEntry, tree: readonly TreeEntry[]): NamedEntry[] {
  const children = Map.groupBy(tree, ({ parentId }) => parentId);
  const named: NamedEntry[] = [];
  let bytes = 0;
  const waiting = [{ path: `${safeRoot(root.name)}/`, entry: root }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    named.push(next);
    const length = new TextEncoder().encode(next.path).length;
    bytes += length;
    if (length > MAX_PATH_BYTES || bytes > MAX_PATHS_BYTES)
      throw storageError('zip_too_large', {
        detail: 'The paths in this folder are too long for an archive.',
      });
    const { path, entry } = next;
    for (const child of children.get(entry.id) ?? [])
      waiting.push({ path: `${path}${child.name}${child.kind === 'folder' ? '/' : ''}`, entry: child });
  }
  return named;
}

/** Names have no separators (models/names.ts); but `C:` at the front is a place of its own on Windows. */
function safeRoot(name: string): string {
  return name.replace(/^([a-z]):/i, '$1_');
}

function assertBounds(entries: readonly NamedEntry[], downloads: ZipServiceDependencies['downloads']): void {
  let bytes = 0;
  for (const { path, entry } of entries) {
    const { object } = entry;
    bytes += object?.size ?? 0;
    if (object) downloads.assertHandedOut(object, `It is about ${path} in the folder.`);
  }
  if (bytes > MAX_ZIP_BYTES)
    throw storageError('zip_too_large', {
      detail: `An archive holds at most ${MAX_ZIP_BYTES} bytes, these are ${bytes}.`,
    });
}

const announced = (name: string, { object }: TreeEntry) => (object ? { name, size: object.size } : { name });

/** One file at a time is fetched from the store. Whoever goes away ends the fetching. */
function stream(
  entries: readonly NamedEntry[],
  size: number,
  downloads: ZipServiceDependencies['downloads'],
): ReadableStream<Uint8Array> {
  const gone = new AbortController();
  async function* contents() {
    try {
      for (const { path, entry } of entries) {
        const { object, modifiedAt: lastModified } = entry;
        if (object === null) yield { name: path, lastModified };
        else {
          const input = await downloads.bytes(object, undefined, gone.signal);
          yield { name: path, lastModified, input };
        }
      }
    } finally {
      gone.abort();
    }
  }
  const pipe = fixedLengthPipe(size);
  makeZip(contents(), { buffersAreUTF8: true })
    .pipeTo(pipe.writable)
    // The reader learns of it by the stream itself.
    .catch((reason: unknown) => gone.abort(reason));
  return pipe.readable;
}
