import { and, eq, inArray, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { files } from '../../../core/database/schema/storage.ts';
import type { FileRepository } from '../ports/files.ts';
import { may, uuid } from './access.ts';
import { contentOf, firstFile, selectAnyFiles, selectFiles, suspectObject, toFile } from './queries.ts';

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
    async fileOfVersion(actor, versionId) {
      const ofVersion = sql`${files.id} = (select v.file_id from storage.versions v where v.id = ${uuid(versionId)})`;
      return firstFile(await selectFiles(db, actor)(ofVersion));
    },
    contentOfVersion: (actor, fileId, versionId) => contentOf(db, actor, fileId, versionId),
    async written(actor, fileId, versionId) {
      const isSeen = and(may(actor, 'viewer'), sql`${files.trashedAt} is distinct from storage.purged_at()`);
      const file = firstFile(await selectAnyFiles(db, actor)(and(eq(files.id, fileId), isSeen)));
      const content = file && (await contentOf(db, actor, fileId, versionId, isSeen));
      return file && { file, version: content?.version ?? null };
    },
    suspectObject: (objectId) => suspectObject(db, objectId),
  };
}
