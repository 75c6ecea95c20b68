import type { File } from '../../../contracts/storage.ts';
import { storageError } from '../errors.ts';
import { nameKey } from '../models/names.ts';
import type { Actor } from '../ports/actor.ts';
import { asUser } from '../ports/actor.ts';
import type { FileRepository } from '../ports/files.ts';
import { pageOf } from './page.ts';

export interface FileServiceDependencies {
  readonly files: FileRepository;
  readonly newId: (prefix: 'file') => string;
}

export type FileService = ReturnType<typeof createFileService>;

/** The tree: what is where, and under which name. */
export function createFileService({ files, newId }: FileServiceDependencies) {
  return {
    async createFolder(
      userId: string,
      input: { name: string; parentId?: string | null | undefined; driveId?: string | undefined },
    ): Promise<File> {
      const created = await files.insertFolder(userId, newId('file'), {
        driveId: input.driveId ?? userId,
        parentId: input.parentId ?? null,
        name: input.name,
        nameKey: nameKey(input.name),
      });
      if (typeof created === 'string') throw storageError(created);
      return created;
    },

    async file(actor: Actor, fileId: string): Promise<File> {
      return found(await files.findFile(actor, fileId));
    },

    files: (actor: Actor, fileIds: readonly string[]) => files.findFiles(actor, fileIds),

    async list(
      userId: string,
      query: {
        parentId?: string | undefined;
        driveId?: string | undefined;
        cursor?: string | undefined;
        limit: number;
      },
    ) {
      const actor = asUser(userId);
      if (query.parentId) {
        const parent = await files.findFile(actor, query.parentId);
        if (parent?.kind !== 'folder') throw storageError('folder_not_found');
      }
      const placeId = query.parentId ?? query.driveId ?? userId;
      const rows = await files.listChildren(actor, placeId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, (file) => file.id);
    },

    async update(
      userId: string,
      fileId: string,
      change: { name?: string | undefined; parentId?: string | null | undefined },
    ): Promise<File> {
      const updated = await files.update(userId, fileId, {
        ...(change.name === undefined ? {} : { name: change.name, nameKey: nameKey(change.name) }),
        ...(change.parentId === undefined ? {} : { parentId: change.parentId }),
      });
      if (updated === 'name_conflict') throw storageError('name_conflict');
      if (updated !== 'not_moved') return found(updated);
      const target = change.parentId ? await files.findFile(asUser(userId), change.parentId) : undefined;
      throw storageError(target?.kind === 'folder' ? 'folder_cycle' : 'folder_not_found');
    },

    async trash(userId: string, fileId: string): Promise<void> {
      if (!(await files.trash(userId, fileId))) throw storageError('file_not_found');
    },
  };
}

export function found(file: File | undefined): File {
  if (file === undefined) throw storageError('file_not_found');
  return file;
}
