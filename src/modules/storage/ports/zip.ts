import type { Actor } from './actor.ts';
import type { StoredVersion } from './files.ts';

export interface TreeEntry {
  readonly id: string;
  /** Null for the folder that was asked for. */
  readonly parentId: string | null;
  readonly name: string;
  readonly kind: 'file' | 'folder';
  /** Null for folders. */
  readonly object: StoredVersion['object'] | null;
  readonly modifiedAt: Date;
}

export interface TreeRepository {
  /**
   * A file or folder and what is below it, parents first, at most `limit` entries. What the actor does not get to see
   * is left out with all below it. Empty when there is no such entry for the actor.
   */
  tree(actor: Actor, fileId: string, limit: number): Promise<TreeEntry[]>;
}
