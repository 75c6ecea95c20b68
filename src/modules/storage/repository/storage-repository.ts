import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files, versions } from '../../../core/database/schema/storage.ts';
import type { StorageRepository } from '../ports.ts';
import { readEvents, versionSource } from './events.ts';
import {
  childOf,
  currentVersion,
  firstFile,
  isVisibleTo,
  obstacle,
  selectFiles,
  selectVersions,
  toFile,
} from './queries.ts';
import { insertFile, insertFolder, insertVersion, trashFile, updateFile } from './writes.ts';

export function createStorageRepository(db: Database): StorageRepository {
  return {
    async findFile(userId, fileId) {
      return firstFile(await selectFiles(db, userId)(eq(files.id, fileId)));
    },

    async findFiles(userId, fileIds) {
      if (fileIds.length === 0) return [];
      return (await selectFiles(db, userId)(inArray(files.id, [...fileIds]))).map(toFile);
    },

    async listChildren(userId, parentId, after, limit) {
      const rows = await selectFiles(
        db,
        userId,
      )(and(childOf(userId, parentId), after === null ? undefined : gt(files.id, after)))
        .orderBy(asc(files.id))
        .limit(limit);
      return rows.map(toFile);
    },

    async findVersion(userId, fileId, versionId) {
      const rows = await selectVersions(db)
        .innerJoin(files, eq(files.id, versions.fileId))
        .where(and(eq(versions.id, versionId), eq(files.id, fileId), isVisibleTo(userId)));
      return rows[0];
    },

    listVersions: (userId, fileId, before, limit) =>
      selectVersions(db)
        .innerJoin(files, eq(files.id, versions.fileId))
        .where(
          and(
            eq(files.id, fileId),
            before === null ? undefined : lt(versions.number, before),
            isVisibleTo(userId),
          ),
        )
        .orderBy(desc(versions.number))
        .limit(limit),

    obstacle: (userId, place) => obstacle(db, userId, place),
    currentVersion: (userId, fileId) => currentVersion(db, userId, fileId),
    insertFile: (userId, id, place, version) => insertFile(db, userId, id, place, version),
    insertFolder: (userId, id, place) => insertFolder(db, userId, id, place),
    insertVersion: (userId, fileId, expected, version) =>
      insertVersion(db, userId, fileId, expected, version),
    update: (userId, fileId, change) => updateFile(db, userId, fileId, change),
    trash: (userId, fileId) => trashFile(db, userId, fileId),
    events: (after, limit) => readEvents(db, after, limit),
    versionSource: (versionId) => versionSource(db, versionId),
  };
}
