import type { File } from '../../../contracts/storage.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Actor, Role } from './actor.ts';

export interface Name {
  readonly name: string;
  readonly nameKey: string;
}

/** What something gets to be called. Who is in the way stays, unless it is a file and `replace` says otherwise. */
export interface Naming {
  /** The first of these that is free in its place; null keeps the name that it has. */
  readonly candidates: readonly Name[] | null;
  readonly replace: boolean;
  /** The candidates were made of this name: if it has another one by now, nothing happens. */
  readonly madeOf: string | null;
}

/** Where something goes; `parentId` null is the root of the drive. */
export interface Destination {
  readonly driveId: string;
  readonly parentId: string | null;
}

/** Why nothing was changed. `changed_meanwhile`: somebody else was faster, and it can be tried again. */
export interface Refusal {
  readonly refused:
    | 'file_not_found'
    | 'folder_not_found'
    | 'role_required'
    | 'name_conflict'
    | 'folder_cycle'
    | 'folder_too_deep'
    | 'too_many_entries'
    | 'quota_exceeded'
    | 'metadata_too_large'
    | 'too_many_tags'
    | 'other_drive'
    | 'precondition_failed'
    | 'content_missing'
    | 'content_corrupt'
    | 'content_infected'
    | 'changed_meanwhile';
  /** Of `role_required`. */
  readonly needs?: Role;
  readonly has?: Role;
}

export interface EntryChange {
  readonly naming: Naming;
  /** Undefined leaves it where it is; a null drive is the one it is in. */
  readonly destination?: { readonly driveId: string | null; readonly parentId: string | null } | undefined;
  readonly tags?: readonly string[] | undefined;
  /** Beside those that it has. */
  readonly addTag?: string | undefined;
  /** A merge patch (RFC 7396): null takes a key away. */
  readonly metadata?: Readonly<Record<string, string | null>> | undefined;
  /** A rule does it: while this version is current, within its drive, while its maker may; audited with the change. */
  readonly byRule?:
    | { readonly driveId: string; readonly versionId: string; readonly audit: AuditEntry }
    | undefined;
}

export type SortKey = 'created' | 'name' | 'updated' | 'size';

/** The last entry of a page: what comes after it is the next one. */
export interface Position {
  /** Of the column that is sorted by; for `created` the id says it all. */
  readonly value: string;
  readonly fileId: string;
}

export interface Listing {
  /** `file_…`, `usr_…` or `wsp_…`. */
  readonly placeId: string;
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly after: Position | null;
  readonly limit: number;
  readonly kind?: 'file' | 'folder' | undefined;
  readonly tag?: string | undefined;
}

export interface Listed {
  readonly file: File;
  readonly position: Position;
}

export interface Summary {
  readonly files: number;
  readonly folders: number;
  /** Of current versions. */
  readonly bytes: number;
  /** False when there is more than was counted. */
  readonly complete: boolean;
}

/** What is where, and under which name. Whatever changes the tree happens in one transaction, or not at all. */
export interface EntryRepository {
  /** @param give back the folder of this name that is there already */
  createFolder(
    userId: string,
    id: string,
    destination: Destination,
    naming: Naming,
  ): Promise<{ readonly file: File; readonly created: boolean } | Refusal>;
  change(userId: string, fileId: string, change: EntryChange): Promise<File | Refusal>;
  copy(
    userId: string,
    call: {
      readonly id: string;
      readonly fileId: string;
      readonly destination: Destination;
      readonly naming: Naming;
    },
  ): Promise<File | Refusal>;
  /** Undefined when the actor does not get to see the place. */
  list(actor: Actor, listing: Listing): Promise<Listed[] | undefined>;
  /** @param nameKeys from the root of the drive */
  findByPath(userId: string, driveId: string, nameKeys: readonly string[]): Promise<File | undefined>;
  summary(actor: Actor, fileId: string): Promise<Summary | undefined>;
  /** False when the user does not get to see the file. */
  setFavourite(userId: string, fileId: string, favourite: boolean): Promise<boolean>;
  listFavourites(userId: string, after: string | null, limit: number): Promise<File[]>;
}
