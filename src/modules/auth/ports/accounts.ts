import type { AuditEntry } from '../../../core/security/audit.ts';
import type { UserRecord } from './users.ts';

export interface AccountRepository {
  /** Undefined when the address is taken. */
  insertUser(
    user: { id: string; email: string; name: string | null; passwordHash: string },
    audit: AuditEntry,
  ): Promise<UserRecord | undefined>;
  findUserByEmail(email: string): Promise<UserRecord | undefined>;
  findUser(id: string): Promise<UserRecord | undefined>;
}

/** Hashing is slow by design. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** False without a hash too, after as long: the time of a refusal does not tell whether an account exists. */
  verify(password: string, hash: string | null | undefined): Promise<boolean>;
}
