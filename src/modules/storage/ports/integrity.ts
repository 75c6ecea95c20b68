import type { StoredObject } from '../../../core/objects/vault.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';

export type ObjectState = 'live' | 'missing' | 'corrupt' | 'infected';

export interface CheckedObject extends StoredObject {
  readonly sha256: string | null;
  readonly state: ObjectState;
}

/** What is wrong with a key of the bucket, or with the object that should be there. */
export interface Finding {
  readonly kind: 'missing' | 'corrupt' | 'orphan' | 'mislinked';
  readonly key: string;
  readonly objectId: string | null;
  readonly detail: string;
}

/** What is known to be wrong. */
export interface KnownFinding {
  readonly key: string;
  readonly kind: 'orphan' | 'missing' | 'corrupt' | 'infected';
  readonly objectId: string | null;
  readonly reason: string | null;
  readonly size: number;
  readonly since: Date;
}

export interface IntegrityRepository {
  /** By key, in binary order. */
  objects(after: string, limit: number): Promise<CheckedObject[]>;
  /** As it is now. */
  object(id: string): Promise<CheckedObject | undefined>;
  /** Those that nobody needs and whose deletion nobody has asked for. */
  orphans(keys: readonly string[]): Promise<string[]>;
  /** Nothing is to be repaired while the database is not the one that the bucket is about. */
  isOurs(): Promise<boolean>;
  quarantine(found: readonly { readonly key: string; readonly size: number }[]): Promise<void>;
  /**
   * Asks for the deletion of orphans in quarantine for so long; those that somebody needs again leave it.
   * @returns how many are to be deleted
   */
  release(graceSeconds: number, limit: number): Promise<number>;
  /**
   * Locked away from being served, with an event for each version; a check that is due stays due. False when it was
   * already, or is gone.
   */
  refuse(objectId: string, state: 'missing' | 'corrupt', reason: string): Promise<boolean>;
  /** Read and found good: served again if it was not, and its digest is known from now on. */
  confirm(objectId: string, sha256: string): Promise<'repaired' | 'confirmed'>;
  findings(after: string | null, limit: number): Promise<KnownFinding[]>;
  audit(entry: AuditEntry): Promise<void>;
  position(): Promise<string>;
  setPosition(key: string): Promise<void>;
}
