import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';

/**
 * A statement of its own before the one that can leave the deployment without an administrator (a role, a disabling, a
 * deletion): such batches happen one after the other, and the next statement sees what the batch before did.
 */
export const LOCK_ADMINS = sql`select id from auth.users where role = 'admin' and deleted_at is null
  order by id for no key update`;

/** True while an enabled person other than this user is an administrator; counts on LOCK_ADMINS. */
export function otherAdminExists(userId: string): SQL {
  return sql`exists (select from auth.users other where other.role = 'admin' and other.kind = 'person'
    and other.disabled_at is null and other.deleted_at is null and other.id <> ${idToUuid(userId)}::uuid)`;
}
