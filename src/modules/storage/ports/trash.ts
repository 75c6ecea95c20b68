import type { File } from '../../../contracts/storage.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';

/** What was put into the trash, as far as it matters for taking it out again. */
export interface TrashedEntry {
  readonly name: string;
  /** Of the user, as `storage.rank_in` has it. */
  readonly rank: number;
  /** `file_…`: its folder, while that is there; null where it would come to the root of the drive. */
  readonly parentId: string | null;
  readonly driveId: string;
  /** What the user may do at the root, where its folder is not there. */
  readonly rankAtRoot: number;
}

/** The last entry of a page: what was trashed before it is on the next one. */
export interface TrashPosition {
  readonly trashedAt: Date;
  readonly fileId: string;
}

export interface TrashRepository {
  /** The file, or the folder with all below it, to the trash; else the rank of the user. */
  trash(userId: string, fileId: string): Promise<'trashed' | number>;
  /** What was put there, not what went along with it: what the user may edit, or put there and still sees. */
  list(userId: string, driveId: string, after: TrashPosition | null, limit: number): Promise<File[]>;
  /** Undefined where `list` would not show it. */
  find(userId: string, fileId: string): Promise<TrashedEntry | undefined>;
  /**
   * Back with exactly what went along with it, to its folder or, where that is not there, to the root of the drive.
   * Undefined when the user may not, or it is not there any more.
   */
  restore(
    userId: string,
    fileId: string,
    name: { readonly name: string; readonly nameKey: string },
  ): Promise<File | 'name_conflict' | undefined>;
  /** Decides that it goes for good: nobody sees it from then on; `removePurged` removes its rows. */
  purge(userId: string, fileId: string, audit: AuditEntry): Promise<boolean>;
  /** The same for so many of all that is in the trash of a drive; says how many these were. */
  empty(userId: string, driveId: string, most: number, audit: AuditEntry): Promise<number>;
  /** How much the drive's trash shows to its managers. */
  count(driveId: string): Promise<number>;
  rankInDrive(userId: string, driveId: string): Promise<number>;
  /** For the housekeeping. @param defaultDays of drives that say nothing; 0 keeps for ever */
  drivesWithOldTrash(defaultDays: number, limit: number): Promise<string[]>;
  purgeOld(driveId: string, defaultDays: number, most: number): Promise<void>;
  drivesWithPurged(limit: number): Promise<string[]>;
  /** Removes rows of so many purged entries; says how many these were. */
  removePurged(driveId: string, most: number): Promise<number>;
}

/** Drives whose owner is gone. */
export interface GoneDriveRepository {
  find(graceDays: number, limit: number): Promise<string[]>;
  /** So many of its entries; says how many these were. */
  removeEntries(driveId: string, most: number): Promise<number>;
  /** The drive itself, once it is empty, and what its owner had in others. */
  remove(driveId: string): Promise<void>;
}
