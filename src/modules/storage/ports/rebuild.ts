import type { NewObject } from '../../../core/objects/vault.ts';
import type { JournalState } from './journal.ts';

/** A version that no journal knows, as its object says it. */
export interface StrayVersion {
  readonly object: NewObject;
  readonly size: number;
  readonly sha256: string | null;
  readonly fileId: string;
  readonly versionId: string;
  /** `usr_…` or `wsp_…`. */
  readonly driveId: string;
  readonly parentId: string | null;
  readonly createdBy: string;
  readonly name: string;
  readonly nameKey: string;
  readonly contentType: string;
  readonly announcedType: string | null;
  readonly createdAt: Date;
}

export interface RebuiltPage {
  /** Null at the end. */
  readonly last: string | null;
}

export interface RebuildRepository {
  /** `begun`: an earlier run did not come to its end. */
  state(): Promise<'empty' | 'begun' | 'filled'>;
  begin(): Promise<void>;
  /** Lines of the journal, in their order: a later one replaces an earlier one about the same entry. */
  stage(lines: readonly string[]): Promise<void>;
  /** Keys of the encrypted objects of the next page. */
  encrypted(after: string | null, limit: number): Promise<string[]>;
  /** Entries with their versions and objects, each in the root of its drive under no name yet. */
  insert(
    after: string | null,
    limit: number,
    wrappedKeys: Readonly<Record<string, string>>,
  ): Promise<RebuiltPage & { readonly files: number; readonly versions: number }>;
  /**
   * To their places, with names, grants and trash.
   * @returns those whose folder is not there, or whose name was taken: they have another place or name
   */
  place(after: string | null, limit: number): Promise<RebuiltPage & { readonly moved: readonly string[] }>;
  /** Their scopes, when all have their places; and tells of them. */
  settle(after: string | null, limit: number): Promise<RebuiltPage>;
  /** Those of the keys that no object has, and whose file was not purged. */
  unknown(keys: readonly string[]): Promise<string[]>;
  /** False when there is no such place: the drive's owner is not known. */
  add(stray: StrayVersion): Promise<void>;
  /** The journal goes on from here, in a new epoch. */
  end(state: JournalState): Promise<void>;
}
