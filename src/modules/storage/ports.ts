import type { File, StorageEvent, VersionSource } from '../../contracts/storage.ts';

export interface StoredVersion {
  readonly id: string;
  readonly number: number;
  readonly objectKey: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType: string;
  readonly createdAt: Date;
}

export interface NewVersion {
  readonly id: string;
  readonly objectKey: string;
  readonly size: number;
  readonly sha256: string;
  readonly contentType: string;
}

/** Where something new goes: null is the root of the user's drive. */
export interface Place {
  readonly parentId: string | null;
  readonly name: string;
  readonly nameKey: string;
}

/** Every function sees only what `userId` may see, at the moment of the call. */
export interface StorageRepository {
  findFile(userId: string, fileId: string): Promise<File | undefined>;
  findFiles(userId: string, fileIds: readonly string[]): Promise<File[]>;
  listChildren(userId: string, parentId: string | null, after: string | null, limit: number): Promise<File[]>;
  /** `folder_not_found`, `name_conflict`, or undefined when something of that name may be put there. */
  obstacle(userId: string, place: Place): Promise<'folder_not_found' | 'name_conflict' | undefined>;
  /** The file, its first version and its event in one transaction. */
  insertFile(
    userId: string,
    id: string,
    place: Place,
    version: NewVersion,
  ): Promise<File | 'folder_not_found' | 'name_conflict'>;
  insertFolder(
    userId: string,
    id: string,
    place: Place,
  ): Promise<File | 'folder_not_found' | 'name_conflict'>;
  /** A new current version with its event, only if the current one is still `expectedVersionId`. */
  insertVersion(
    userId: string,
    fileId: string,
    expectedVersionId: string,
    version: NewVersion,
  ): Promise<File | 'changed' | undefined>;
  update(
    userId: string,
    fileId: string,
    change: { name?: string; nameKey?: string; parentId?: string | null },
  ): Promise<File | 'name_conflict' | 'not_moved' | undefined>;
  /** The file, or the folder with all below it, to the trash. False when there was nothing to trash. */
  trash(userId: string, fileId: string): Promise<boolean>;
  currentVersion(
    userId: string,
    fileId: string,
  ): Promise<{ name: string; kind: 'file' | 'folder'; version: StoredVersion | null } | undefined>;
  findVersion(userId: string, fileId: string, versionId: string): Promise<StoredVersion | undefined>;
  listVersions(
    userId: string,
    fileId: string,
    before: number | null,
    limit: number,
  ): Promise<StoredVersion[]>;
  events(after: string | null, limit: number): Promise<StorageEvent[]>;
  /** For services, whoever the owner is; undefined when the version is gone or its file in the trash. */
  versionSource(versionId: string): Promise<(Omit<VersionSource, 'url'> & { objectKey: string }) | undefined>;
}
