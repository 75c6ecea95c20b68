import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { readSettings, saveSettings } from '../../../core/database/settings.ts';
import type { SettingsRepository } from '../ports/settings.ts';

export function createSettingsRepository(db: Database): SettingsRepository {
  return {
    read: (module) => readSettings(db, module),
    async save(module, values, updatedBy, audit) {
      await db.batch([saveSettings(db, module, values, updatedBy), appendAudit(db, audit)]);
    },
  };
}
