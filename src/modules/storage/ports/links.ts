import type { AuditEntry } from '../../../core/security/audit.ts';
import type { Link, LinkMode } from '../models/links.ts';

export interface NewLink {
  readonly id: string;
  readonly tokenHash: string;
  readonly mode: LinkMode;
  readonly name: string | null;
  readonly passwordHash: string | null;
  readonly expiresAt: Date | null;
  readonly maxDownloads: number | null;
}

/** A link in the hands of whoever has its secret. It stands, and its maker may share what it leads to. */
export interface HeldLink {
  readonly id: string;
  readonly makerId: string;
  readonly driveId: string;
  readonly mode: LinkMode;
  readonly passwordHash: string | null;
  readonly maxDownloads: number | null;
  readonly downloads: number;
  readonly expiresAt: Date | null;
  readonly isExpired: boolean;
  readonly file: { readonly id: string; readonly name: string; readonly kind: 'file' | 'folder' };
}

export interface LinkRepository {
  /** The same id again gets the new secret, as long as nobody has used the old one. False: no right to share it. */
  add(userId: string, fileId: string, link: NewLink, audit: AuditEntry): Promise<boolean>;
  /** One that the user may see: theirs, or of an entry that they manage. */
  find(userId: string, linkId: string): Promise<Link | undefined>;
  /** Of an entry, the newest first; revoked ones are gone. */
  ofFile(fileId: string, before: string | null, limit: number): Promise<Link[]>;
  /** Made by the user, of entries that they still see. */
  ofUser(userId: string, before: string | null, limit: number): Promise<Link[]>;
  /** By whoever manages the entry. */
  update(
    userId: string,
    linkId: string,
    change: Partial<Pick<NewLink, 'name' | 'passwordHash' | 'expiresAt' | 'maxDownloads'>>,
    audit: AuditEntry,
  ): Promise<boolean>;
  /** By its maker or whoever manages the entry. */
  revoke(userId: string, linkId: string, audit: AuditEntry): Promise<boolean>;
}

/** The side of those who hold a link. */
export interface HeldLinkRepository {
  findByToken(tokenHash: string): Promise<HeldLink | undefined>;
  /** Counts in one step; false when the link is over, or (downloads) used up. */
  use(linkId: string, isDownload: boolean, audit: AuditEntry): Promise<boolean>;
  /** A download that did not come to its first byte. */
  giveBack(linkId: string, audit: AuditEntry): Promise<void>;
}

/** Passwords of links, kept as hashes. */
export interface LinkPasswords {
  hash(password: string): Promise<string>;
  verify(password: string, hash: string): Promise<boolean>;
}
