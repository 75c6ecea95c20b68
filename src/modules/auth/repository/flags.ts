import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { deleteFlag, readFlags, saveFlag } from '../../../core/database/flags.ts';
import type { FlagRepository } from '../ports/flags.ts';

export function createFlagRepository(db: Database): FlagRepository {
  return {
    all: () => readFlags(db),
    async save(name, state, updatedBy, audit) {
      await db.batch([saveFlag(db, name, state, updatedBy), appendAudit(db, audit)]);
    },
    async remove(name, audit) {
      await db.batch([deleteFlag(db, name), appendAudit(db, audit)]);
    },
  };
}
