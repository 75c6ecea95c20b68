import type { File, VersionSource } from '../../contracts/storage.ts';
import { ObjectRefusedError, type ObjectStore } from '../../core/objects/object-store.ts';
import { storageError } from './errors.ts';
import { nameKey, type Version } from './models.ts';
import type { NewVersion, StorageRepository, StoredVersion } from './ports.ts';

export interface Upload {
  readonly body: ReadableStream<Uint8Array> | Uint8Array;
  readonly size: number;
  readonly contentType: string;
  /** As the client announced it, lower-case hex; the object store verifies it. */
  readonly sha256?: string;
}

export interface StorageServiceDependencies {
  readonly repository: StorageRepository;
  readonly objects: ObjectStore;
  readonly newId: (prefix: 'file' | 'ver') => string;
  /** Wraps a body so that its digest is known when it has been read. */
  readonly digest: (
    body: ReadableStream<Uint8Array> | Uint8Array,
    size: number,
  ) => {
    body: ReadableStream<Uint8Array> | Uint8Array;
    sha256: Promise<string>;
  };
  readonly maxUploadBytes: number;
}

export interface Content {
  readonly name: string;
  readonly version: StoredVersion;
}

export type StorageService = ReturnType<typeof createStorageService>;

const SOURCE_URL_SECONDS = 15 * 60;
/** Each one fails only because another writer came through. */
const REPLACE_ATTEMPTS = 10;

export function createStorageService(dependencies: StorageServiceDependencies) {
  const { repository, objects, newId } = dependencies;

  /**
   * For a version that was refused for certain, so that no row can point to its object. If it cannot be deleted now
   * the refusal stands all the same; the object stays for the sweeper, as after every failure of unknown outcome.
   */
  const discard = ({ objectKey }: NewVersion) => objects.delete(objectKey).catch(() => undefined);

  return {
    async createFile(
      userId: string,
      input: { name: string; parentId?: string | undefined },
      upload: Upload,
    ): Promise<File> {
      const place = { parentId: input.parentId ?? null, name: input.name, nameKey: nameKey(input.name) };
      const obstacle = await repository.obstacle(userId, place);
      if (obstacle) throw storageError(obstacle);
      const fileId = newId('file');
      const version = await store(dependencies, { userId, fileId, name: input.name }, upload);
      const created = await repository.insertFile(userId, fileId, place, version);
      if (typeof created !== 'string') return created;
      await discard(version);
      throw storageError(created);
    },

    async replaceContent(
      userId: string,
      fileId: string,
      ifMatch: string | null,
      upload: Upload,
    ): Promise<File> {
      const current = await repository.currentVersion(userId, fileId);
      if (current === undefined) throw storageError('file_not_found');
      if (current.version === null) throw storageError('not_a_file');
      if (ifMatch !== null && !matchesEtag(ifMatch, etagOf(current.version)))
        throw storageError('precondition_failed');
      const version = await store(dependencies, { userId, fileId, name: current.name }, upload);
      // Without If-Match the last writer wins, and both versions are kept: it looks again at what is current.
      let expected: string | undefined = current.version.id;
      for (let left = ifMatch === null ? REPLACE_ATTEMPTS : 1; expected && left > 0; left -= 1) {
        const replaced = await repository.insertVersion(userId, fileId, expected, version);
        if (replaced !== 'changed' && replaced !== undefined) return replaced;
        expected =
          replaced && left > 1 ? (await repository.currentVersion(userId, fileId))?.version?.id : replaced;
      }
      await discard(version);
      throw storageError(expected ? 'precondition_failed' : 'file_not_found');
    },

    async createFolder(
      userId: string,
      input: { name: string; parentId?: string | null | undefined },
    ): Promise<File> {
      const place = { parentId: input.parentId ?? null, name: input.name, nameKey: nameKey(input.name) };
      const created = await repository.insertFolder(userId, newId('file'), place);
      if (typeof created === 'string') throw storageError(created);
      return created;
    },

    async file(userId: string, fileId: string): Promise<File> {
      return found(await repository.findFile(userId, fileId));
    },

    files: (userId: string, fileIds: readonly string[]) => repository.findFiles(userId, fileIds),

    async list(
      userId: string,
      query: { parentId?: string | undefined; cursor?: string | undefined; limit: number },
    ) {
      if (query.parentId) {
        const parent = await repository.findFile(userId, query.parentId);
        if (parent?.kind !== 'folder') throw storageError('folder_not_found');
      }
      const rows = await repository.listChildren(
        userId,
        query.parentId ?? null,
        query.cursor ?? null,
        query.limit + 1,
      );
      return page(rows, query.limit, (file) => file.id);
    },

    async update(
      userId: string,
      fileId: string,
      change: { name?: string | undefined; parentId?: string | null | undefined },
    ): Promise<File> {
      const updated = await repository.update(userId, fileId, {
        ...(change.name === undefined ? {} : { name: change.name, nameKey: nameKey(change.name) }),
        ...(change.parentId === undefined ? {} : { parentId: change.parentId }),
      });
      if (updated === 'name_conflict') throw storageError('name_conflict');
      if (updated !== 'not_moved') return found(updated);
      const target = change.parentId ? await repository.findFile(userId, change.parentId) : undefined;
      throw storageError(target?.kind === 'folder' ? 'folder_cycle' : 'folder_not_found');
    },

    async trash(userId: string, fileId: string): Promise<void> {
      if (!(await repository.trash(userId, fileId))) throw storageError('file_not_found');
    },

    async content(userId: string, fileId: string): Promise<Content> {
      const current = await repository.currentVersion(userId, fileId);
      if (current === undefined) throw storageError('file_not_found');
      if (current.version === null) throw storageError('not_a_file');
      return { name: current.name, version: current.version };
    },

    /** The store's answer, body untouched. */
    async bytes(version: StoredVersion, range: string | undefined, signal: AbortSignal): Promise<Response> {
      const response = await objects.get(version.objectKey, { ...(range ? { range } : {}), signal });
      if (response === undefined) throw new Error(`object ${version.objectKey} is missing`);
      return response;
    },

    async versions(userId: string, fileId: string, query: { cursor?: number | undefined; limit: number }) {
      const file = found(await repository.findFile(userId, fileId));
      const rows = await repository.listVersions(userId, fileId, query.cursor ?? null, query.limit + 1);
      const items = rows.map((version): Version => toVersion(version, file.version?.id));
      return page(items, query.limit, (version) => String(version.number));
    },

    /** The old content becomes a new version; it shares the immutable object. */
    async restoreVersion(userId: string, fileId: string, versionId: string): Promise<File> {
      const current = found(await repository.findFile(userId, fileId));
      const old = await repository.findVersion(userId, fileId, versionId);
      if (old === undefined || current.version === null) throw storageError('version_not_found');
      const { objectKey, size, sha256, contentType } = old;
      const version = { id: newId('ver'), objectKey, size, sha256, contentType };
      const restored = await repository.insertVersion(userId, fileId, current.version.id, version);
      if (restored === 'changed')
        throw storageError('precondition_failed', {
          detail: 'Somebody wrote to the file just now. Try again.',
        });
      return found(restored);
    },

    events: (after: string | null, limit: number) => repository.events(after, limit),

    async versionSource(versionId: string): Promise<VersionSource> {
      const source = await repository.versionSource(versionId);
      if (source === undefined) throw storageError('version_not_found');
      const { objectKey, ...rest } = source;
      return { ...rest, url: await objects.presignGet(objectKey, SOURCE_URL_SECONDS) };
    },
  };
}

/** Puts the bytes under a key of their own. Only when the store has taken all of them is there something to commit. */
async function store(
  { objects, digest, newId, maxUploadBytes }: StorageServiceDependencies,
  target: { userId: string; fileId: string; name: string },
  upload: Upload,
): Promise<NewVersion> {
  if (upload.size > maxUploadBytes) {
    throw storageError('file_too_large', {
      detail: `At most ${maxUploadBytes} bytes can be uploaded in one request.`,
    });
  }
  const id = newId('ver');
  const objectKey = `objects/${target.fileId}/${id}`;
  const { contentType, size, sha256: announced } = upload;
  const { body, sha256 } = announced
    ? { body: upload.body, sha256: Promise.resolve(announced) }
    : digest(upload.body, size);
  const metadata = {
    'file-id': target.fileId,
    'version-id': id,
    'owner-id': target.userId,
    name: target.name,
    ...(announced ? { sha256: announced } : {}),
  };
  try {
    await objects.put(objectKey, body, {
      size,
      contentType,
      metadata,
      ...(announced ? { sha256: announced } : {}),
    });
  } catch (error) {
    if (!(error instanceof ObjectRefusedError)) throw error;
    throw storageError(error.reason === 'digest_mismatch' ? 'digest_mismatch' : 'upload_incomplete', {
      cause: error,
    });
  }
  return { id, objectKey, size, sha256: await sha256, contentType };
}

function found(file: File | undefined): File {
  if (file === undefined) throw storageError('file_not_found');
  return file;
}

/** Strong: the bytes are what is named (RFC 9110 8.8.3). */
export function etagOf(version: { readonly sha256: string }): string {
  return `"${version.sha256}"`;
}

/** RFC 9110 13.1.1: `*` or a list of entity tags, compared strongly. */
export function matchesEtag(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((candidate) => candidate.trim() === etag);
}

function page<T>(
  rows: readonly T[],
  limit: number,
  cursorOf: (row: T) => string,
): { items: T[]; nextCursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}

function toVersion(
  { id, number, size, sha256, contentType, createdAt }: StoredVersion,
  currentId: string | undefined,
): Version {
  return {
    id,
    number,
    size,
    sha256,
    contentType,
    createdAt: createdAt.toISOString(),
    current: id === currentId,
  };
}
