import { type AuditEntry, auditedAs } from '../../../core/security/audit.ts';
import { storageError } from '../errors.ts';
import type { Drive, DriveQuota, DriveSettings } from '../models/drives.ts';
import type { DriveRepository } from '../ports/drives.ts';
import type { Asker } from './grants.ts';
import { pageOf } from './page.ts';
import { roleRequired } from './roles.ts';

export type DriveService = ReturnType<typeof createDriveService>;

/** What belongs to a person or a workspace as a whole: how much there is, how much there may be, and how long. */
export function createDriveService(drives: DriveRepository) {
  return {
    async list(userId: string, query: { cursor?: string | undefined; limit: number }) {
      const rows = await drives.list(userId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, ({ id }) => id);
    },

    async drive(userId: string, driveId: string): Promise<Drive> {
      const drive = await drives.find(userId, driveId);
      if (drive === undefined) throw storageError('drive_not_found');
      return drive;
    },

    async setSettings(asker: Asker, driveId: string, settings: DriveSettings): Promise<Drive> {
      const entry = entryOf(asker, 'drive.update', driveId, { ...settings });
      const result = await drives.setSettings(asker.principal.userId, driveId, settings, entry);
      if (result === undefined) throw storageError('drive_not_found');
      if (!result.changed) throw roleRequired('manager', result.drive.role);
      return result.drive;
    },

    async setQuota(asker: Asker, driveId: string, quota: DriveQuota): Promise<DriveQuota> {
      const set = await drives.setQuota(driveId, quota, entryOf(asker, 'drive.quota', driveId, { ...quota }));
      if (set === undefined) throw storageError('drive_not_found');
      return set;
    },
  };
}

function entryOf(
  { principal, caller }: Asker,
  action: string,
  driveId: string,
  values: Readonly<Record<string, number | null | undefined>>,
): AuditEntry {
  const details = Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return {
    ...auditedAs(principal, caller),
    action,
    object: { kind: 'drive', id: driveId },
    workspaceId: driveId.startsWith('wsp_') ? driveId : null,
    result: 'success',
    details,
  };
}
