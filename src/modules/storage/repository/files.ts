import { eq, inArray } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files } from '../../../core/database/schema/storage.ts';
import type { FileRepository } from '../ports/files.ts';
import { contentOf, firstFile, selectFiles, suspectObject, toFile } from './queries.ts';

export function createFileRepository(db: Database): FileRepository {
  return {
    async findFile(actor, fileId) {
      return firstFile(await selectFiles(db, actor)(eq(files.id, fileId)));
    },
    async findFiles(actor, fileIds) {
      if (fileIds.length === 0) return [];
      return (await selectFiles(db, actor)(inArray(files.id, [...fileIds]))).map(toFile);
    },
    content: (actor, fileId) => contentOf(db, actor, fileId),
    contentOfVersion: (actor, fileId, versionId) => contentOf(db, actor, fileId, versionId),
    suspectObject: (objectId) => suspectObject(db, objectId),
  };
}
