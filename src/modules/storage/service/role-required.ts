import { storageError } from '../errors.ts';
import type { Role } from '../ports/actor.ts';

/** Seen, but not for this: says what it takes. */
export const roleRequired = (needs: Role, has: Role) =>
  storageError('role_required', { detail: `This needs the role ${needs}; yours is ${has}.` });
