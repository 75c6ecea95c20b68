import type { AuditEntry } from '../../../core/security/audit.ts';
import type { DriveCode, InDrive, Refusal } from './drives.ts';

export interface PluginChoice {
  readonly plugin: string;
  readonly enabled: boolean;
}

/** Where a drive differs from what plugins do by default. */
export interface PluginSettingRepository {
  list(userId: string, driveId: string): Promise<InDrive<PluginChoice>>;
  set(
    userId: string,
    driveId: string,
    choice: PluginChoice,
    audit: AuditEntry,
  ): Promise<PluginChoice | Refusal<DriveCode>>;
}
