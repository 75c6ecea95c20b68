import type { FlagState, StoredFlag } from '../../../core/database/flags.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';

export type { FlagState, StoredFlag };

export interface FlagRepository {
  all(): Promise<StoredFlag[]>;
  save(name: string, state: FlagState, updatedBy: string, audit: AuditEntry): Promise<void>;
  remove(name: string, audit: AuditEntry): Promise<void>;
}
