import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { type StorageEvent, storageEventSchema } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { drives, files, objects, outbox, versions } from '../../../core/database/schema/storage.ts';
import type { EventRepository } from '../ports/files.ts';
import { driveIdOf } from './queries.ts';

export function createEventRepository(db: Database): EventRepository {
  return {
    events: (after, limit) => readEvents(db, after, limit),
    async versionSource(versionId) {
      const rows = await db
        .select({
          fileId: files.id,
          driveId: files.driveId,
          driveKind: drives.kind,
          name: files.name,
          contentType: versions.contentType,
          size: versions.size,
          sha256: objects.sha256,
          object: {
            id: objects.id,
            key: objects.key,
            encryption: objects.encryption,
            wrappedKey: objects.wrappedKey,
            size: objects.size,
          },
        })
        .from(versions)
        .innerJoin(objects, and(eq(objects.id, versions.objectId), eq(objects.state, 'live')))
        .innerJoin(files, eq(files.id, versions.fileId))
        .innerJoin(drives, eq(drives.id, files.driveId))
        .where(and(eq(versions.id, versionId), isNull(files.trashedAt)));
      if (rows[0] === undefined) return undefined;
      const { driveId, driveKind, ...source } = rows[0];
      return { ...source, driveId: driveIdOf(driveId, driveKind) };
    },
  };
}

/**
 * Entries behind every transaction that is still running: a row that commits late can never appear before a
 * cursor that has already passed (the trap of plain sequence numbers).
 */
export async function readEvents(db: Database, after: string | null, limit: number): Promise<StorageEvent[]> {
  const [transactionId = '0', id = '0'] = (after ?? '0:0').split(':');
  const rows = await db
    .select({
      cursor: sql<string>`${outbox.transactionId}::text || ':' || ${outbox.id}::text`,
      type: outbox.type,
      fileId: outbox.fileId,
      versionId: outbox.versionId,
      traceparent: outbox.traceparent,
    })
    .from(outbox)
    .where(
      and(
        sql`(${outbox.transactionId}, ${outbox.id}) > (${transactionId}::xid8, ${id}::bigint)`,
        sql`${outbox.transactionId} < pg_snapshot_xmin(pg_current_snapshot())`,
      ),
    )
    .orderBy(asc(outbox.transactionId), asc(outbox.id))
    .limit(limit);
  return rows.map((row) => storageEventSchema.parse(row));
}
