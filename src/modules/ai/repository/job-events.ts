import { inArray, type SQL, sql } from 'drizzle-orm';
import type { StorageEvent } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { analyses, cursors } from '../../../core/database/schema/ai.ts';
import { NOT_HANDED_OUT } from '../ports/jobs.ts';
import { requestedWork } from './work.ts';

export const CURSOR = 'storage';

/** Repeating it changes nothing but how often something is read. */
export async function recordEvents(db: Database, events: readonly StorageEvent[]): Promise<void> {
  const last = events.at(-1);
  if (last === undefined) return;
  const created = events.flatMap(({ type, fileId, versionId, traceparent }) =>
    type === 'version.created' && versionId ? [{ fileId, versionId, traceparent: traceparent ?? null }] : [],
  );
  const statements = [
    ...(created.length > 0 ? [db.insert(analyses).values(created).onConflictDoNothing()] : []),
    ...readingAgain(db, events),
    ...movingOver(db, events),
    ...forgetting(db, events),
  ];
  await db.batch([advanceCursor(db, last.cursor), ...statements]);
}

const uuids = (ids: readonly string[]): SQL => sql`${`{${ids.map(idToUuid).join(',')}}`}::uuid[]`;

/**
 * What could not be read while it was away is read when it comes back, and so is what somebody is reading at this
 * moment: they may have found it away. Content that is refused is looked at once more, to say so.
 */
function readingAgain(db: Database, events: readonly StorageEvent[]) {
  const back = events.filter(({ type }) => type === 'file.restored' || type === 'content.repaired');
  const refused = events.flatMap(({ type, versionId }) =>
    type === 'content.refused' && versionId ? [versionId] : [],
  );
  const reasons = sql`array[${sql.join(
    Object.values(NOT_HANDED_OUT).map((reason) => sql`${reason}`),
    sql`, `,
  )}]`;
  const wereAway = sql`array(
    select a.version_id from ai.analyses a
    where a.file_id = any(${uuids([...new Set(back.map(({ fileId }) => fileId))])})
      and (a.reason = any(${reasons}) or a.lease_until is not null))`;
  return [
    ...(back.length > 0
      ? [db.execute(sql`select version_id from ${requestedWork(wereAway, ['text'], 0)}`)]
      : []),
    ...(refused.length > 0
      ? [db.execute(sql`select version_id from ${requestedWork(uuids([...new Set(refused)]), ['text'], 0)}`)]
      : []),
  ];
}

/** What went to a drive with another embedding model gets its vectors, with everything below it. */
function movingOver(db: Database, events: readonly StorageEvent[]) {
  const moved = events.filter(({ type }) => type === 'file.moved' || type === 'file.restored');
  if (moved.length === 0) return [];
  const elsewhere = sql`array(
    select a.version_id from unnest(${uuids([...new Set(moved.map(({ fileId }) => fileId))])}) root (id)
      cross join lateral storage.subtree(root.id) below
      join ai.analyses a on a.file_id = below.file_id and a.embedding_model is not null
      join storage.version_facts v on v.version_id = a.version_id
    where a.embedding_model <> ai.model_for(v.drive_id, 'feature-extraction'))`;
  return [db.execute(sql`select version_id from ${requestedWork(elsewhere, ['vectors'], 1)}`)];
}

/** What storage has deleted for good is forgotten here: chunks and vectors go with their analysis. */
function forgetting(db: Database, events: readonly StorageEvent[]) {
  const versionIds = events.flatMap(({ type, versionId }) =>
    type === 'version.deleted' && versionId ? [versionId] : [],
  );
  const fileIds = events.flatMap(({ type, fileId }) => (type === 'file.purged' ? [fileId] : []));
  return [
    ...(versionIds.length > 0 ? [db.delete(analyses).where(inArray(analyses.versionId, versionIds))] : []),
    ...(fileIds.length > 0 ? [db.delete(analyses).where(inArray(analyses.fileId, fileIds))] : []),
  ];
}

/** Two readers may overlap: the cursor only ever moves forward. */
function advanceCursor(db: Database, cursor: string) {
  const [transactionId = '0', eventId = '0'] = cursor.split(':');
  return db
    .insert(cursors)
    .values({ name: CURSOR, transactionId, eventId: Number(eventId) })
    .onConflictDoUpdate({
      target: cursors.name,
      set: { transactionId, eventId: Number(eventId) },
      setWhere: sql`(${cursors.transactionId}, ${cursors.eventId}) < (${transactionId}::xid8, ${eventId}::bigint)`,
    });
}
