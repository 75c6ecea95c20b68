import type { AuditEntry } from '../../../core/security/audit.ts';
import type { AccountExport } from '../models/accounts.ts';
import type { PreparedEmail } from './emails.ts';
import type { UserRecord } from './users.ts';

/** A one-time token whose row goes into the statement of its cause. */
export interface PreparedToken {
  readonly tokenHash: string;
  readonly data: Readonly<Record<string, string | null>>;
  readonly expiresAt: Date;
}

export interface Registration {
  readonly user: {
    readonly id: string;
    readonly email: string;
    readonly name: string | null;
    readonly passwordHash: string;
  };
  /** `email-verification`, of whoever has the address. */
  readonly token: PreparedToken;
  readonly mail: PreparedEmail;
  /** False: token and e-mail only come with a new account. */
  readonly evenIfTaken: boolean;
  /** False: the e-mail is left out, and nothing else differs. */
  readonly mails: boolean;
}

export interface AccountRepository {
  /**
   * All in one transaction, the same statements whether or not the address is taken.
   * @returns the new user; undefined when the address is taken, which of any number at once happens to all but one
   */
  register(
    registration: Registration,
    audits: { readonly created: AuditEntry; readonly taken: AuditEntry },
  ): Promise<UserRecord | undefined>;
  findUserByEmail(email: string): Promise<UserRecord | undefined>;
  findUser(id: string): Promise<UserRecord | undefined>;
  updateName(id: string, name: string | null, audit: AuditEntry): Promise<UserRecord | undefined>;
  /** Only while the hash is still `from`: a password that was changed meanwhile stays. */
  replacePasswordHash(id: string, from: string, to: string): Promise<void>;
}

/** Hashing is slow by design. */
export interface Passwords {
  hash(password: string): Promise<string>;
  /** False without a usable hash too, after as long: the time of a refusal does not tell whether an account exists. */
  verify(password: string, hash: string | null | undefined): Promise<boolean>;
  /** True for a hash with other parameters than new ones get. */
  isOutdated(hash: string): boolean;
}

/** Passwords that attackers try first, in lower case. */
export interface CommonPasswords {
  has(password: string): Promise<boolean>;
}

/** Passwords known from data breaches; false too when that cannot be found out now. */
export interface BreachedPasswords {
  has(password: string): Promise<boolean>;
}

export interface EmailAddressRepository {
  /** An `email-verification` token for an address, and its e-mail, which is left out without `mails`. */
  insertVerification(
    input: { userId: string; token: PreparedToken; mail: PreparedEmail; mails: boolean },
    audit: AuditEntry,
  ): Promise<void>;
  /** Spends the token; false when it is not valid, or the address is not the user's any more. */
  verify(tokenHash: string, audit: AuditEntry): Promise<boolean>;
  /** Replaces earlier requests of the user. */
  requestChange(
    input: { userId: string; token: PreparedToken; mail: PreparedEmail; mails: boolean },
    audit: AuditEntry,
  ): Promise<void>;
  /**
   * Spends an `email-change` token; links that went to the old address are worthless then. `taken`: nothing happened,
   * the token is still there.
   */
  change(
    input: {
      tokenHash: string;
      oldEmail: string | null;
      undo: PreparedToken | undefined;
      notice: PreparedEmail | undefined;
    },
    audit: AuditEntry,
  ): Promise<'changed' | 'invalid' | 'taken'>;
  /** Spends an `email-change-undo` token, ends all sessions and takes later changes with it. */
  undoChange(tokenHash: string, audit: AuditEntry): Promise<'changed' | 'invalid' | 'taken'>;
}

export interface PasswordRepository {
  /** The same statements whether or not there is such a user; without one the token is nobody's and nothing is sent. */
  requestReset(
    input: { userId: string | null; token: PreparedToken; mail: PreparedEmail; mails: boolean },
    audit: AuditEntry,
  ): Promise<void>;
  /**
   * Only while the hash is still `from`; ends all other sessions, and makes links to reset it worthless.
   * @returns false when it is not: of two changes at once one wins
   */
  change(
    input: {
      userId: string;
      from: string;
      to: string;
      keptSessionId: string;
      notice: PreparedEmail | undefined;
    },
    audit: AuditEntry,
  ): Promise<boolean>;
  /**
   * Spends a `password-reset` token, in one statement with all that follows from it: the password, the end of all
   * sessions and other links, and the proof of the address. Was the address never proven before, then keys and factors
   * go too: whoever put them there need not be its owner.
   * @returns false when the token is not valid
   */
  reset(
    input: { tokenHash: string; passwordHash: string; notice: PreparedEmail },
    audit: AuditEntry,
  ): Promise<boolean>;
}

export interface AccountDataRepository {
  /**
   * Empties the row of the person and removes all that hangs on it; workspaces without anybody else end with it.
   * `sole_owner`, `last_admin`: refused, nothing happened.
   */
  deleteAccount(
    input: { userId: string; notice: PreparedEmail | undefined },
    audit: AuditEntry,
  ): Promise<'deleted' | 'sole_owner' | 'last_admin' | 'gone'>;
  export(userId: string): Promise<Omit<AccountExport, 'exportedAt' | 'user'>>;
}
