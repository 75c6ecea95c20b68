import { createAuditLog } from '../../../core/database/audit-log.ts';
import { createAuditSigner } from '../adapters/audit-signer.ts';
import { createAuditKeyStore } from '../repository/audit.ts';
import { createFlagRepository } from '../repository/flags.ts';
import { createSettingsRepository } from '../repository/settings.ts';
import { createWorkspaceAuthorities } from '../repository/workspace-authorities.ts';
import { createAudit } from '../service/audit.ts';
import { createAuditSealer } from '../service/audit-sealer.ts';
import { createFlagAdministration } from '../service/flags.ts';
import { createSettingsAdministration } from '../service/settings.ts';
import { createRequireInWorkspace } from '../service/workspace-authority.ts';
import type { Foundation } from './foundation.ts';

export function createAuditParts({ db, keyring, now, logger }: Foundation) {
  const log = createAuditLog(db);
  const signer = createAuditSigner({ store: createAuditKeyStore(db), keyring, now });
  return { log, signer, sealer: createAuditSealer({ log, signer, now, logger }) };
}

export function createAdministration(foundation: Foundation) {
  const { db, recordAudit } = foundation;
  const requireInWorkspace = createRequireInWorkspace(createWorkspaceAuthorities(db));
  return {
    audit: createAudit({ ...createAuditParts(foundation), requireInWorkspace, recordAudit }),
    flags: createFlagAdministration(createFlagRepository(db)),
    settings: createSettingsAdministration(createSettingsRepository(db)),
  };
}
