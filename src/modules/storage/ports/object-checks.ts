import type { StoredObject } from '../../../core/objects/vault.ts';

export interface DueObject {
  readonly object: StoredObject;
  /** Null while nobody has read it, and when somebody has found it damaged since. */
  readonly sha256: string | null;
  /** What it was when it was read, or else as announced. */
  readonly expectedSha256: string | null;
}

export interface ObjectCheckRepository {
  /** Objects that are to be read, nobody else's for as long as that may take; each failure doubles the pause. */
  claim(limit: number): Promise<DueObject[]>;
  /** Read, and found to be what it should be. @param scanned by the malware scanner too */
  verified(objectId: string, sha256: string, scanned: boolean): Promise<void>;
  /** Locked away, with an event for each version that shows it. What comes back has its check still before it. */
  refused(objectId: string, state: 'missing' | 'corrupt' | 'infected', reason: string): Promise<void>;
}
