import type { File } from '../../../contracts/storage.ts';
import { type AuditEntry, auditedAs } from '../../../core/security/audit.ts';
import type { Caller, Principal } from '../../../core/security/principal.ts';
import { storageError } from '../errors.ts';
import { nameKey } from '../models/names.ts';
import { type Role, rankOf } from '../ports/actor.ts';
import type { GoneDriveRepository, TrashedEntry, TrashPosition, TrashRepository } from '../ports/trash.ts';
import { eachInTurn } from './each-in-turn.ts';
import { pageOf } from './page.ts';
import { requireRole } from './roles.ts';

export interface TrashServiceDependencies {
  readonly repository: TrashRepository;
  /** A name like this one that is free in a place: a folder, or a drive. */
  readonly freeName: (placeId: string, name: string) => Promise<string>;
}

/** Who asks, for the audit log. */
export interface Asking {
  readonly principal: Principal;
  readonly caller: Caller;
}

export type TrashService = ReturnType<typeof createTrashService>;

/** Entries that one statement marks or removes. */
const ENTRIES_AT_ONCE = 1_000;
/** Of one call that empties the trash, and of one run of the housekeeping. */
const ROUNDS = 10;
const DRIVES_AT_ONCE = 20;
/** Each one fails only because somebody else took the name just then. */
const NAME_ATTEMPTS = 20;

/** What was deleted, until it is purged: then nobody sees it any more, and its rows and bytes go. */
export function createTrashService({ repository, freeName }: TrashServiceDependencies) {
  return {
    async trash(userId: string, fileId: string): Promise<void> {
      const trashed = await repository.trash(userId, fileId);
      if (trashed === 'trashed') return;
      requireRole('editor', trashed);
      // Somebody gave the role just then.
      throw storageError('file_not_found');
    },

    async list(
      userId: string,
      query: { driveId?: string | undefined; cursor?: TrashPosition | undefined; limit: number },
    ) {
      const driveId = query.driveId ?? userId;
      const rows = await repository.list(userId, driveId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, ({ trashedAt, id }) => `${Date.parse(trashedAt ?? '')}.${id}`);
    },

    /** @throws AppError `file_not_found`, `role_required`, `name_conflict` */
    async restore(userId: string, fileId: string, conflict: 'rename' | 'fail'): Promise<File> {
      const { name } = await entryFor(repository, userId, fileId, 'editor');
      let wanted = name;
      for (let left = NAME_ATTEMPTS; left > 0; left -= 1) {
        const restored = await repository.restore(userId, fileId, { name: wanted, nameKey: nameKey(wanted) });
        if (restored !== undefined && restored !== 'name_conflict') return restored;
        const entry = await entryFor(repository, userId, fileId, 'editor');
        if (restored === 'name_conflict') {
          if (conflict === 'fail') throw storageError('name_conflict');
          wanted = await freeName(entry.parentId ?? entry.driveId, name);
        } else if (entry.parentId === null && entry.rankAtRoot < rankOf('editor'))
          throw storageError('role_required', {
            detail: 'Its folder is not there, and at the root of the drive this needs the role editor.',
          });
      }
      throw storageError('name_conflict');
    },

    async purge(asking: Asking, fileId: string): Promise<void> {
      const { userId } = asking.principal;
      const { driveId } = await entryFor(repository, userId, fileId, 'manager');
      const audit = auditOf(asking, 'file.purge', { kind: 'file', id: fileId }, driveId);
      if (!(await repository.purge(userId, fileId, audit))) throw storageError('file_not_found');
      await repository.removePurged(driveId, ENTRIES_AT_ONCE);
    },

    /** Says how much is still there: nothing, unless it was very much. */
    async empty(asking: Asking, driveId: string | undefined): Promise<{ left: number }> {
      const { userId } = asking.principal;
      const drive = driveId ?? userId;
      const rank = drive === userId ? rankOf('manager') : await repository.rankInDrive(userId, drive);
      if (rank === 0) throw storageError('drive_not_found');
      requireRole('manager', rank);
      const audit = auditOf(asking, 'trash.empty', { kind: 'drive', id: drive }, drive);
      for (let round = 0; round < ROUNDS; round += 1)
        if ((await repository.empty(userId, drive, ENTRIES_AT_ONCE, audit)) < ENTRIES_AT_ONCE) break;
      await repository.removePurged(drive, ENTRIES_AT_ONCE);
      return { left: await repository.count(drive) };
    },
  };
}

/** @throws AppError `file_not_found`, `role_required` */
async function entryFor(
  repository: TrashRepository,
  userId: string,
  fileId: string,
  needed: Role,
): Promise<TrashedEntry> {
  const entry = await repository.find(userId, fileId);
  if (entry === undefined) throw storageError('file_not_found');
  requireRole(needed, entry.rank);
  return entry;
}

const auditOf = (
  { principal, caller }: Asking,
  action: string,
  object: NonNullable<AuditEntry['object']>,
  driveId: string,
): AuditEntry => ({
  ...auditedAs(principal, caller),
  action,
  object,
  workspaceId: driveId.startsWith('wsp_') ? driveId : null,
  result: 'success',
});

/** What has been in the trash for too long is purged, and what was purged is removed. */
export function createTrashRetention(repository: TrashRepository, defaultDays: number) {
  return {
    async run(): Promise<void> {
      await eachInTurn(await repository.drivesWithOldTrash(defaultDays, DRIVES_AT_ONCE), (driveId) =>
        repository.purgeOld(driveId, defaultDays, ENTRIES_AT_ONCE),
      );
      for (let round = 0; round < ROUNDS; round += 1) {
        const drives = await repository.drivesWithPurged(DRIVES_AT_ONCE);
        if (drives.length === 0) return;
        let left = ENTRIES_AT_ONCE;
        await eachInTurn(drives, async (driveId) => {
          if (left > 0) left -= await repository.removePurged(driveId, left);
        });
      }
    },
  };
}

/** The drives of people and workspaces that are gone for good follow them. */
export function createGoneDrives(repository: GoneDriveRepository, graceDays: number) {
  return {
    async run(): Promise<void> {
      let left = ROUNDS * ENTRIES_AT_ONCE;
      await eachInTurn(await repository.find(graceDays, DRIVES_AT_ONCE), async (driveId) => {
        let removed = ENTRIES_AT_ONCE;
        while (removed === ENTRIES_AT_ONCE && left > 0) {
          removed = await repository.removeEntries(driveId, ENTRIES_AT_ONCE);
          left -= removed;
        }
        if (removed < ENTRIES_AT_ONCE) await repository.remove(driveId);
      });
    },
  };
}
