import { type AuditEntry, auditedAs } from '../../../core/security/audit.ts';
import { aiError } from '../errors.ts';
import type { Asker, InDrive, Refusal } from '../ports/drives.ts';

const ROLES = ['none', 'viewer', 'commenter', 'editor', 'manager'];

/** @throws AppError `drive_not_found` for who does not see the drive */
export function seen<T>({ rank, items }: InDrive<T>): readonly T[] {
  if (rank === 0) throw aiError('drive_not_found');
  return items;
}

/** What is not a refusal. @throws AppError with the code of the refusal */
export function unrefused<T extends object>(
  result: T | Refusal<Parameters<typeof aiError>[0]>,
  needs = 'manager',
): T {
  if (!('refused' in result)) return result;
  const { refused, rank } = result;
  if (refused !== 'role_required') throw aiError(refused);
  throw aiError(refused, { detail: `This needs the role ${needs}; yours is ${ROLES[rank] ?? 'none'}.` });
}

/** An entry of the audit log about a setting of a drive. */
export function audited(
  { principal, caller }: Asker,
  driveId: string,
  action: string,
  object: { readonly kind: string; readonly id: string },
  details: NonNullable<AuditEntry['details']> = {},
): AuditEntry {
  return {
    ...auditedAs(principal, caller),
    action,
    object,
    workspaceId: driveId.startsWith('wsp_') ? driveId : null,
    result: 'success',
    details: { driveId, ...details },
  };
}

export interface Page<T> {
  readonly items: T[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** One row more than the page was asked for tells whether there is another page. */
export function pageOf<T>(rows: readonly T[], limit: number, cursorOf: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? cursorOf(last) : null };
}
