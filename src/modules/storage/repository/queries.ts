import { and, eq, type SQL, sql } from 'drizzle-orm';
import type { File } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { versionAnalysis } from '../../../core/database/schema/published.ts';
import { drives, files, objects, versions } from '../../../core/database/schema/storage.ts';
import type { Actor } from '../ports/actor.ts';
import type { Content } from '../ports/files.ts';
import { isVisibleTo, rankIn, uuid } from './access.ts';

/** The path as far as the actor may know it. */
export const pathFor = (actor: Actor, fileId: SQL = sql`${files.id}`): SQL<string> =>
  actor.kind === 'user'
    ? sql<string>`storage.path_for(${uuid(actor.userId)}, ${fileId})`
    : sql<string>`storage.path_below(${uuid(actor.rootId)}, ${fileId})`;

/** The folder around it, where the actor gets to see that. */
const parentFor = (actor: Actor): SQL<string | null> =>
  actor.kind === 'user'
    ? sql<string | null>`(select parent.id from storage.files parent where parent.id = ${files.parentId}
        and (parent.scope_id = ${files.scopeId} or ${rankIn(actor, sql`parent`)} is not null))`
    : sql<string | null>`nullif(${files.parentId}, (select root.parent_id from storage.files root
        where root.id = ${uuid(actor.rootId)} and root.id = ${files.id}))`;

const favouriteOf = (actor: Actor): SQL<boolean> =>
  actor.kind === 'user'
    ? sql<boolean>`exists (select from storage.favourites favourite
        where favourite.file_id = ${files.id} and favourite.user_id = ${uuid(actor.userId)})`
    : sql<boolean>`false`;

/** Rows as the wire shows them: one query, path, role and state of the analysis included. */
export function selectFiles(db: Database, actor: Actor) {
  return (where: SQL | undefined) => selectAnyFiles(db, actor)(and(isVisibleTo(actor), where));
}

/** What of a row depends on who asks. */
export interface Seen {
  readonly parentId: SQL<string | null>;
  readonly path: SQL<string>;
  readonly rank: SQL;
}

const seenBy = (actor: Actor): Seen => ({
  parentId: parentFor(actor),
  path: pathFor(actor),
  rank: rankIn(actor),
});

/** The same without asking whether the actor may see them, trash included: `where` has to. */
export function selectAnyFiles(db: Database, actor: Actor, seen: Seen = seenBy(actor)) {
  return (where: SQL | undefined) =>
    db
      .select({
        id: files.id,
        kind: files.kind,
        name: files.name,
        nameKey: files.nameKey,
        driveId: files.driveId,
        driveKind: drives.kind,
        parentId: seen.parentId,
        path: seen.path,
        role: sql<File['role']>`storage.role_of(${seen.rank})`,
        size: versions.size,
        contentType: versions.contentType,
        sha256: objects.sha256,
        etag: objects.etag,
        content: objects.state,
        versionId: versions.id,
        versionNumber: versions.number,
        tags: files.tags,
        metadata: files.metadata,
        favourite: favouriteOf(actor),
        trashedAt: files.trashedAt,
        analysisStatus: versionAnalysis.status,
        analysisReason: versionAnalysis.reason,
        createdAt: files.createdAt,
        updatedAt: files.updatedAt,
      })
      .from(files)
      .innerJoin(drives, eq(drives.id, files.driveId))
      .leftJoin(versions, eq(versions.id, files.currentVersionId))
      .leftJoin(objects, eq(objects.id, versions.objectId))
      .leftJoin(versionAnalysis, eq(versionAnalysis.versionId, versions.id))
      .where(where)
      .$dynamic();
}

type FileRow = Awaited<ReturnType<ReturnType<typeof selectFiles>>>[number];

export const driveIdOf = (uuid: string, kind: 'person' | 'workspace'): string =>
  uuidToId(kind === 'workspace' ? 'wsp' : 'usr', uuid);

export function toFile(row: FileRow): File {
  const {
    versionId,
    versionNumber,
    analysisStatus,
    analysisReason,
    driveId,
    driveKind,
    parentId,
    nameKey: _,
    etag,
    trashedAt,
    createdAt,
    updatedAt,
    ...rest
  } = row;
  return {
    ...rest,
    driveId: driveIdOf(driveId, driveKind),
    parentId: parentId === null ? null : uuidToId('file', parentId),
    etag: etag === null ? null : `"${etag}"`,
    version: versionId && versionNumber ? { id: versionId, number: versionNumber } : null,
    analysis: versionId
      ? { status: analysisStatus ?? 'pending', ...(analysisReason ? { reason: analysisReason } : {}) }
      : null,
    trashedAt: trashedAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export function firstFile(rows: readonly FileRow[]): File | undefined {
  return rows[0] && toFile(rows[0]);
}

export const versionColumns = {
  id: versions.id,
  number: versions.number,
  contentType: versions.contentType,
  label: versions.label,
  createdBy: versions.createdBy,
  createdAt: versions.createdAt,
};

export const objectColumns = {
  id: objects.id,
  key: objects.key,
  encryption: objects.encryption,
  wrappedKey: objects.wrappedKey,
  size: objects.size,
  state: objects.state,
  isUnscanned: sql<boolean>`(${objects.checkAt} is not null and ${objects.scannedAt} is null)`,
  etag: objects.etag,
  sha256: objects.sha256,
};

/** The version before was of another second; one that is gone cannot be asked. */
const soleInItsSecond = sql<boolean>`(${versions.number} = 1 or exists (select from storage.versions previous
  where previous.file_id = ${versions.fileId} and previous.number = ${versions.number} - 1
    and date_trunc('second', previous.created_at) < date_trunc('second', ${versions.createdAt})))`;

/** Name, kind and one version of a file in one query: the current one, or the one that is named. */
export async function contentOf(
  db: Database,
  actor: Actor,
  fileId: string,
  versionId?: string,
  isSeen: SQL | undefined = isVisibleTo(actor),
): Promise<Content | undefined> {
  const wanted =
    versionId === undefined
      ? eq(versions.id, files.currentVersionId)
      : and(eq(versions.id, versionId), eq(versions.fileId, files.id));
  const rows = await db
    .select({
      fileId: files.id,
      name: files.name,
      kind: files.kind,
      version: versionColumns,
      object: objectColumns,
      soleInItsSecond,
    })
    .from(files)
    .leftJoin(versions, wanted)
    .leftJoin(objects, eq(objects.id, versions.objectId))
    .where(and(eq(files.id, fileId), isSeen));
  const [row] = rows;
  if (row === undefined) return undefined;
  const { version, object, ...file } = row;
  return { ...file, version: version && object && { ...version, object } };
}

/** Whoever keeps the bytes in order looks at them next. */
export async function suspectObject(db: Database, objectId: string): Promise<void> {
  await db
    .update(objects)
    .set({ checkAt: sql`now()`, verifiedAt: null })
    .where(and(eq(objects.id, objectId), eq(objects.state, 'live'), sql`${objects.checkAt} is null`));
}
