import type { StoredSettings } from '../../../core/database/settings.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';

export interface SettingsRepository {
  read(module: string): Promise<StoredSettings | undefined>;
  save(module: string, values: Record<string, unknown>, updatedBy: string, audit: AuditEntry): Promise<void>;
}
