import type { File, StorageEvent, VersionSource } from '../../../contracts/storage.ts';
import type { StoredObject } from '../../../core/objects/vault.ts';
import type { Actor } from './actor.ts';

export interface StoredVersion {
  readonly id: string;
  readonly number: number;
  readonly object: StoredObject & {
    readonly state: 'live' | 'missing' | 'corrupt' | 'infected';
    /** It is to be read by the checks, and the scanner has never looked at it. */
    readonly isUnscanned: boolean;
    /** Without quotes. */
    readonly etag: string;
    readonly sha256: string | null;
  };
  readonly contentType: string;
  readonly label: string | null;
  readonly createdBy: string;
  readonly createdAt: Date;
}

/** A file or folder with its current content: all that a download needs. */
export interface Content {
  readonly fileId: string;
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly version: StoredVersion | null;
  /** No other version of the file is of the same second: then a date tells contents apart (RFC 9110, 8.8.2.2). */
  readonly soleInItsSecond: boolean;
}

/** Every function sees only what the actor may see, at the moment of the call. */
export interface FileRepository {
  findFile(actor: Actor, fileId: string): Promise<File | undefined>;
  findFiles(actor: Actor, fileIds: readonly string[]): Promise<File[]>;
  content(actor: Actor, fileId: string): Promise<Content | undefined>;
  contentOfVersion(actor: Actor, fileId: string, versionId: string): Promise<Content | undefined>;
  /** The live file that this is a version of. */
  fileOfVersion(actor: Actor, versionId: string): Promise<File | undefined>;
  /** A file with a version of it, in the trash too: somebody may have put it there while it was written. */
  written(
    actor: Actor,
    fileId: string,
    versionId: string,
  ): Promise<{ readonly file: File; readonly version: StoredVersion | null } | undefined>;
  /** The bytes were not as they should be: reading them all is due. */
  suspectObject(objectId: string): Promise<void>;
}

/** For services, whoever the owner is. */
export interface EventRepository {
  events(after: string | null, limit: number): Promise<StorageEvent[]>;
  /** Undefined when the version is gone or its file in the trash. */
  versionSource(
    versionId: string,
  ): Promise<(Omit<VersionSource, 'url' | 'decryption'> & { object: StoredObject }) | undefined>;
}
