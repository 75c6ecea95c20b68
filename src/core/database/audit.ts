import type { AuditEntry } from '../security/audit.ts';
import type { Database } from './client.ts';
import { auditEvents } from './schema/core.ts';

/** One row of the audit log as a statement, to go into the batch of its cause. */
export function appendAudit(db: Database, entry: AuditEntry) {
  const { actor, object, details = {}, ...rest } = entry;
  return db.insert(auditEvents).values({
    ...rest,
    actorKind: actor.kind,
    actorId: actor.id ?? null,
    credentialId: actor.credentialId ?? null,
    objectKind: object?.kind ?? null,
    objectId: object?.id ?? null,
    details: { ...details },
  });
}
