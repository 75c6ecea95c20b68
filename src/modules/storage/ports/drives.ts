import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Drive, DriveQuota, DriveSettings } from '../models/drives.ts';

export interface DriveRepository {
  /** What the user owns or, as a member of its workspace, sees; by id. @param after a drive's id */
  list(userId: string, after: string | null, limit: number): Promise<Drive[]>;
  find(userId: string, driveId: string): Promise<Drive | undefined>;
  /** Undefined when the user does not see the drive; what is there where they do not manage it. */
  setSettings(
    userId: string,
    driveId: string,
    settings: DriveSettings,
    audit: AuditEntry,
  ): Promise<{ readonly drive: Drive; readonly changed: boolean } | undefined>;
  /** Undefined when there is no such person or workspace. */
  setQuota(driveId: string, quota: DriveQuota, audit: AuditEntry): Promise<Required<DriveQuota> | undefined>;
}
