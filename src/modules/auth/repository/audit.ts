import type { Database } from '../../../core/database/client.ts';
import { insertSettings, readSettings, replaceKeys } from '../../../core/database/settings.ts';
import type { AuditKeyStore } from '../ports/audit.ts';

/** The row of core.settings that holds the keys of checkpoints; no API reads or writes it. */
const MODULE = 'audit';

export function createAuditKeyStore(db: Database): AuditKeyStore {
  return {
    read: async () => (await readSettings(db, MODULE))?.values,
    async insertFirst(values) {
      await insertSettings(db, MODULE, values);
    },
    replace: async (newestId, values) => (await replaceKeys(db, MODULE, newestId, values)).length > 0,
  };
}
