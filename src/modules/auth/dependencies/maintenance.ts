import { createInvitationRepository } from '../repository/invitations.ts';
import { createOauthClientRepository } from '../repository/oauth-clients.ts';
import { createDeviceCodeRepository } from '../repository/oauth-devices.ts';
import { createOneTimeTokenRepository } from '../repository/one-time-tokens.ts';
import { createSealedColumns } from '../repository/sealed-columns.ts';
import { createSessionRepository } from '../repository/sessions.ts';
import { createReseal } from '../service/reseal.ts';
import { createAuditParts } from './administration.ts';
import type { Foundation } from './foundation.ts';

export interface MaintenanceTask {
  readonly name: string;
  run(): Promise<void>;
}

/** Of programs that registered themselves and that nobody has a grant for. */
const UNUSED_CLIENT_DAYS = 90;

export function createMaintenance(foundation: Foundation): readonly MaintenanceTask[] {
  const { config, db, keyring, logger, outbox, settings, signingKeys } = foundation;
  const { sealer } = createAuditParts(foundation);
  const oneTimeTokens = createOneTimeTokenRepository(db);
  return [
    { name: 'send e-mails that are due', run: () => outbox.deliver() },
    { name: 'clean up the outbox of e-mails', run: () => outbox.cleanUp() },
    { name: 'rotate the signing key', run: () => signingKeys.rotateIfDue() },
    {
      name: 'seal anew under the current key',
      run: createReseal({ keyring, logger, columns: createSealedColumns(db) }),
    },
    { name: 'delete sessions that ended long ago', run: () => createSessionRepository(db).deleteEnded() },
    { name: 'delete old invitations', run: () => createInvitationRepository(db).deleteOld() },
    { name: 'delete expired device codes', run: () => createDeviceCodeRepository(db).deleteExpired() },
    {
      name: 'delete OAuth clients that nobody uses',
      run: () => createOauthClientRepository(db).deleteUnused(UNUSED_CLIENT_DAYS),
    },
    { name: 'delete expired one-time tokens', run: () => oneTimeTokens.deleteExpired() },
    { name: 'seal the audit log', run: () => sealer.seal() },
    {
      name: 'delete old entries of the audit log',
      run: async () => sealer.prune((await settings()).auditRetentionDays ?? config.AUDIT_RETENTION_DAYS),
    },
  ];
}
