import { desc, eq, type SQL, sql } from 'drizzle-orm';
import type { AuditEntry } from '../security/audit.ts';
import type { Database } from './client.ts';
import { auditEvents } from './schema/core.ts';

const TEXT_LENGTH = 1_000;

/** One row of the audit log as a statement, to go into the batch of its cause. */
export function appendAudit(db: Database, entry: AuditEntry) {
  return db.insert(auditEvents).values(rowOf(entry));
}

/**
 * The same as a part of a larger statement (`with … as (…)`), which says on what it depends.
 *
 * @param source what the row is selected from, as in `from changed`: as many rows are written as it has
 */
export function auditRows(entry: AuditEntry, source: SQL): SQL {
  const row = rowOf(entry);
  return sql`
    insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, workspace_id,
      result, reason, address, request_id, details)
    select ${row.actorKind}::text, ${row.actorId}::text, ${row.credentialId}::text, ${row.action}::text,
      ${row.objectKind}::text, ${row.objectId}::text, ${row.workspaceId}::text, ${row.result}::text,
      ${row.reason}::text, ${row.address}::text, ${row.requestId}::text, ${JSON.stringify(row.details)}::jsonb
    ${source}`;
}

/** What an actor did, for the actor: the newest first. */
export function auditEntriesOf(db: Database, actorId: string, limit: number) {
  const { occurredAt, action, objectKind, objectId, result, reason, address, requestId, details } =
    auditEvents;
  return db
    .select({ occurredAt, action, objectKind, objectId, result, reason, address, requestId, details })
    .from(auditEvents)
    .where(eq(auditEvents.actorId, actorId))
    .orderBy(desc(auditEvents.id))
    .limit(limit);
}

function rowOf(entry: AuditEntry) {
  const { actor, object, details = {}, ...rest } = entry;
  return {
    workspaceId: rest.workspaceId ?? null,
    result: rest.result,
    action: storable(rest.action),
    reason: storableOrNull(rest.reason),
    address: storableOrNull(rest.address),
    requestId: storableOrNull(rest.requestId),
    actorKind: actor.kind,
    actorId: storableOrNull(actor.id),
    credentialId: storableOrNull(actor.credentialId),
    objectKind: storableOrNull(object?.kind),
    objectId: storableOrNull(object?.id),
    details: Object.fromEntries(
      Object.entries(details).map(([name, value]) => [
        storable(name),
        typeof value === 'string' ? storable(value) : value,
      ]),
    ),
  };
}

/** PostgreSQL holds neither NUL nor half a character; what somebody sent must not keep their act out of the log. */
function storable(text: string): string {
  return text.slice(0, TEXT_LENGTH).toWellFormed().replaceAll('\0', '\uFFFD');
}

function storableOrNull(text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : storable(text);
}
