import type { File } from '../../../contracts/storage.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Access, Grant, GrantedRole, Grantee, PrincipalKind } from '../models/grants.ts';

/** Somebody at an entry: what they may do there, and in whose drive it is. */
export interface Standing {
  /** As `storage.rank_in` has it; 0 for nothing. */
  readonly rank: number;
  readonly kind: 'file' | 'folder';
  /** `usr_…` or `wsp_…`. */
  readonly driveId: string;
}

export interface GrantRepository {
  /** Undefined when there is no such entry, or it is in the trash. */
  standing(userId: string, fileId: string): Promise<Standing | undefined>;
  /** The id of whom somebody means to share with: a live account, or a group or workspace that they belong to. */
  principalFor(userId: string, grantee: Grantee): Promise<string | undefined>;
  /** Grants of the entry and of those above it. */
  list(userId: string, fileId: string, after: string | null, limit: number): Promise<Grant[]>;
  /**
   * One grant a principal and entry: another one takes the place of the first. The entry becomes a scope of its own.
   * Undefined when the user may not manage it any more.
   */
  put(
    userId: string,
    fileId: string,
    grant: {
      id: string;
      principalKind: PrincipalKind;
      principalId: string;
      role: GrantedRole;
      expiresAt: Date | null;
    },
    audit: AuditEntry,
  ): Promise<Grant | undefined>;
  update(
    userId: string,
    fileId: string,
    grantId: string,
    change: { role?: GrantedRole; expiresAt?: Date | null },
    audit: AuditEntry,
  ): Promise<Grant | undefined>;
  remove(userId: string, fileId: string, grantId: string, audit: AuditEntry): Promise<boolean>;
  /** What others have shared with the user or with those that the user belongs to, the newest first. */
  shared(userId: string, before: string | null, limit: number): Promise<File[]>;
  /** The user has nothing to do with the entry any more. False when it was not shared with them there. */
  leave(userId: string, fileId: string, grantId: string, audit: AuditEntry): Promise<boolean>;
}

export interface AccessRepository {
  /** Every rule that holds at the entry, by principal; those of the drive itself come with the first page. */
  rules(userId: string, fileId: string, after: string | null, limit: number): Promise<Access[]>;
  /**
   * What one person may do there and which rule says so.
   * @param askedBy who is told; of folders that they do not see the rule does not say which
   */
  explain(askedBy: string, fileId: string, userId: string): Promise<Access | undefined>;
}
