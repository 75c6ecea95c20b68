import type { File } from '../../../contracts/storage.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Actor } from './actor.ts';
import type { StoredVersion } from './files.ts';

export interface ListedVersion extends StoredVersion {
  readonly current: boolean;
}

/** Why nothing was changed; with the rank of the user (`storage.rank_in`), 0 where the file is not there for them. */
export interface VersionRefusal {
  readonly rank: number;
  readonly isThere: boolean;
  readonly isCurrent: boolean;
}

/** A page of versions, or one version, of what the actor sees; an empty list where they see nothing. */
export interface VersionRepository {
  list(actor: Actor, fileId: string, before: number | null, limit: number): Promise<ListedVersion[]>;
  find(actor: Actor, fileId: string, versionId: string): Promise<ListedVersion | undefined>;
  /**
   * The old content becomes a new version; it shares the immutable object.
   * @param expectedVersionId the one that has to be current still; null for whichever
   */
  restore(
    userId: string,
    fileId: string,
    versionId: string,
    restored: { readonly versionId: string; readonly expectedVersionId: string | null },
  ): Promise<File | 'quota_exceeded' | 'precondition_failed' | VersionRefusal>;
  label(
    userId: string,
    fileId: string,
    versionId: string,
    label: string | null,
  ): Promise<'done' | VersionRefusal>;
  /** Deletes one for good. The current one stays. */
  remove(
    userId: string,
    fileId: string,
    versionId: string,
    audit: AuditEntry,
  ): Promise<'done' | VersionRefusal>;
  /** Some of the drives that do not keep all versions, others each time. */
  drivesWithRetention(limit: number): Promise<string[]>;
  /** Deletes so many of those that the drive does not keep; says how many these were. */
  removeOld(driveId: string, most: number): Promise<number>;
}
