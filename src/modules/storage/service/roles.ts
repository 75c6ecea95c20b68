import { storageError } from '../errors.ts';
import { ROLES, type Role, rankOf } from '../ports/actor.ts';

/** Seen, but not for this: says what it takes. */
export const roleRequired = (needs: Role, has: Role) =>
  storageError('role_required', { detail: `This needs the role ${needs}; yours is ${has}.` });

/**
 * What is not there for somebody does not exist; what they see but may not do says what it takes.
 *
 * @param rank as `storage.rank_in` has it; 0 for nothing
 * @throws AppError `file_not_found`, `role_required`
 */
export function requireRole(needed: Role, rank: number): void {
  const role = ROLES[rank - 1];
  if (role === undefined) throw storageError('file_not_found');
  if (rank < rankOf(needed)) throw roleRequired(needed, role);
}
