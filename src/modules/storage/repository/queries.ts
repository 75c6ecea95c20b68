import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { File } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { versionAnalysis, visibleFiles } from '../../../core/database/schema/published.ts';
import { files, versions } from '../../../core/database/schema/storage.ts';
import type { StoredVersion } from '../ports.ts';

export const uuid = (id: string | null): SQL => (id === null ? sql`null::uuid` : sql`${idToUuid(id)}::uuid`);

/**
 * The one condition under which a user gets to see a file. `offset 0` keeps it a look-up by id for each candidate;
 * as a join the planner would walk through all of the user's files for one page of a folder.
 */
export const isVisibleTo = (userId: string): SQL =>
  sql`exists (select from ${visibleFiles(userId)} visible where visible.file_id = ${files.id} offset 0)`;

/** Children of a folder, or of the root of the user's own drive. */
export const childOf = (userId: string, parentId: string | null): SQL | undefined =>
  parentId === null ? and(isNull(files.parentId), eq(files.ownerId, userId)) : eq(files.parentId, parentId);

/** Structure changes of one drive exclude each other; additions only exclude structure changes. */
export const lockDrive = (owner: SQL, mode: 'shared' | 'exclusive'): SQL =>
  mode === 'shared'
    ? sql`select pg_advisory_xact_lock_shared(hashtextextended(${owner}::text, 0))`
    : sql`select pg_advisory_xact_lock(hashtextextended(${owner}::text, 0))`;

export const ownerOf = (fileId: string): SQL =>
  sql`(select f.owner_id from storage.files f where f.id = ${uuid(fileId)})`;

/** Rows as the wire shows them: one query, path and state of the analysis included. */
export function selectFiles(db: Database, userId: string) {
  return (where: SQL | undefined) =>
    db
      .select({
        id: files.id,
        kind: files.kind,
        name: files.name,
        parentId: files.parentId,
        path: sql<string>`storage.path_of(${files.id})`,
        size: versions.size,
        contentType: versions.contentType,
        sha256: versions.sha256,
        versionId: versions.id,
        versionNumber: versions.number,
        analysisStatus: versionAnalysis.status,
        analysisReason: versionAnalysis.reason,
        createdAt: files.createdAt,
        updatedAt: files.updatedAt,
      })
      .from(files)
      .leftJoin(versions, eq(versions.id, files.currentVersionId))
      .leftJoin(versionAnalysis, eq(versionAnalysis.versionId, versions.id))
      .where(and(isVisibleTo(userId), where))
      .$dynamic();
}

type FileRow = Awaited<ReturnType<ReturnType<typeof selectFiles>>>[number];

export function toFile(row: FileRow): File {
  const { versionId, versionNumber, analysisStatus, analysisReason, createdAt, updatedAt, ...rest } = row;
  return {
    ...rest,
    version: versionId && versionNumber ? { id: versionId, number: versionNumber } : null,
    analysis: versionId
      ? { status: analysisStatus ?? 'pending', ...(analysisReason ? { reason: analysisReason } : {}) }
      : null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export function firstFile(rows: readonly FileRow[]): File | undefined {
  return rows[0] && toFile(rows[0]);
}

export function selectVersions(db: Database) {
  return db
    .select({
      id: versions.id,
      number: versions.number,
      objectKey: versions.objectKey,
      size: versions.size,
      sha256: versions.sha256,
      contentType: versions.contentType,
      createdAt: versions.createdAt,
    })
    .from(versions)
    .$dynamic();
}

/** Name, kind and current version of a file in one query: all that a download needs. */
export async function currentVersion(
  db: Database,
  userId: string,
  fileId: string,
): Promise<{ name: string; kind: 'file' | 'folder'; version: StoredVersion | null } | undefined> {
  const rows = await db
    .select({ name: files.name, kind: files.kind, version: versions })
    .from(files)
    .leftJoin(versions, eq(versions.id, files.currentVersionId))
    .where(and(eq(files.id, fileId), isVisibleTo(userId)));
  return rows[0];
}

/** What stands in the way of a new entry, asked before its bytes are taken in. */
export async function obstacle(
  db: Database,
  userId: string,
  place: { parentId: string | null; nameKey: string },
): Promise<'folder_not_found' | 'name_conflict' | undefined> {
  const parent =
    place.parentId === null ? sql`true` : sql`exists (${selectFolder(db, userId, place.parentId)})`;
  const sibling = db
    .select({ id: files.id })
    .from(files)
    .where(and(childOf(userId, place.parentId), eq(files.nameKey, place.nameKey), isVisibleTo(userId)));
  const result = await db.execute(sql`select ${parent} as parent, exists (${sibling}) as sibling`);
  const row = result.rows[0];
  if (row?.parent !== true) return 'folder_not_found';
  return row.sibling === true ? 'name_conflict' : undefined;
}

function selectFolder(db: Database, userId: string, folderId: string) {
  return db
    .select({ id: files.id })
    .from(files)
    .where(and(eq(files.id, folderId), eq(files.kind, 'folder'), isVisibleTo(userId)));
}
