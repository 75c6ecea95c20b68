import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files, versions } from '../../../core/database/schema/storage.ts';
import type { FileRepository } from '../ports/files.ts';
import { childOf, isVisibleTo } from './access.ts';
import { contentOf, firstFile, selectFiles, selectVersions, suspectObject, toFile } from './queries.ts';
import { insertFolder, restoreVersion, trashFile, updateFile } from './writes.ts';

/** @param defaultEntries how many entries a drive may have that has no limit of its own */
export function createFileRepository(db: Database, defaultEntries: number): FileRepository {
  return {
    async findFile(actor, fileId) {
      return firstFile(await selectFiles(db, actor)(eq(files.id, fileId)));
    },
    async findFiles(actor, fileIds) {
      if (fileIds.length === 0) return [];
      return (await selectFiles(db, actor)(inArray(files.id, [...fileIds]))).map(toFile);
    },
    async listChildren(actor, placeId, after, limit) {
      const rows = await selectFiles(
        db,
        actor,
      )(and(childOf(placeId), after === null ? undefined : gt(files.id, after)))
        .orderBy(asc(files.id))
        .limit(limit);
      return rows.map(toFile);
    },
    listVersions: (actor, fileId, before, limit) =>
      selectVersions(db)
        .where(
          and(
            eq(files.id, fileId),
            before === null ? undefined : lt(versions.number, before),
            isVisibleTo(actor),
          ),
        )
        .orderBy(desc(versions.number))
        .limit(limit),
    content: (actor, fileId) => contentOf(db, actor, fileId),
    contentOfVersion: (actor, fileId, versionId) => contentOf(db, actor, fileId, versionId),
    suspectObject: (objectId) => suspectObject(db, objectId),
    insertFolder: (userId, id, place) => insertFolder(db, defaultEntries, userId, id, place),
    update: (userId, fileId, change) => updateFile(db, userId, fileId, change),
    trash: (userId, fileId) => trashFile(db, userId, fileId),
    restoreVersion: (userId, fileId, versionId, newVersionId) =>
      restoreVersion(db, userId, fileId, versionId, newVersionId),
  };
}
