import type { File } from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import { storageError } from '../errors.ts';
import type { CopyFile, CreateFolder, ListQuery, UpdateFile } from '../models/files.ts';
import { nameKey } from '../models/names.ts';
import { type Actor, asUser } from '../ports/actor.ts';
import type { EntryChange, EntryRepository, Refusal, Summary } from '../ports/entries.ts';
import type { FileRepository } from '../ports/files.ts';
import { listCursor, positionOf } from './list-cursor.ts';
import { createNaming, type NamingAttempts } from './naming.ts';
import { pageOf } from './page.ts';
import { roleRequired } from './roles.ts';

export interface FileServiceDependencies {
  readonly files: FileRepository;
  readonly entries: EntryRepository;
  readonly newId: (prefix: 'file') => string;
}

export type FileService = ReturnType<typeof createFileService>;

/** The tree: what is where, and under which name. */
export function createFileService({ files, entries, newId }: FileServiceDependencies) {
  const file = async (actor: Actor, fileId: string) => found(await files.findFile(actor, fileId));
  const idOf = (resourceUuid: string | undefined) =>
    resourceUuid === undefined ? newId('file') : `file_${resourceUuid.replaceAll('-', '')}`;
  /** The name as it is now, where new ones are made of it. */
  const ownName = (userId: string, fileId: string) => async () => (await file(asUser(userId), fileId)).name;

  return {
    file,

    files: (actor: Actor, fileIds: readonly string[]) => files.findFiles(actor, fileIds),

    /** @returns `created` false when the folder was there, and the call was told to be content with it */
    async createFolder(userId: string, input: CreateFolder, resourceUuid?: string) {
      const id = idOf(resourceUuid);
      const destination = { driveId: input.driveId ?? userId, parentId: input.parentId ?? null };
      return settled(createNaming(input.name, input.conflict), (naming) =>
        entries.createFolder(userId, id, destination, naming),
      );
    },

    async update(userId: string, fileId: string, input: UpdateFile): Promise<File> {
      const { name, parentId, driveId, conflict, tags, metadata } = input;
      const destination: EntryChange['destination'] =
        parentId === undefined && driveId === undefined
          ? undefined
          : { driveId: driveId ?? null, parentId: parentId ?? null };
      return settled(createNaming(name, conflict, ownName(userId, fileId)), (naming) =>
        entries.change(userId, fileId, { naming, destination, tags, metadata }),
      );
    },

    /** What a rule does, with the rights of whoever made it. */
    async changeByRule(
      userId: string,
      fileId: string,
      change: { readonly addTag: string } | { readonly moveTo: string },
      byRule: NonNullable<EntryChange['byRule']>,
    ): Promise<File> {
      const [addTag, destination, conflict] =
        'addTag' in change
          ? [change.addTag, undefined, 'fail' as const]
          : [undefined, { driveId: null, parentId: change.moveTo }, 'rename' as const];
      return settled(createNaming(undefined, conflict, ownName(userId, fileId)), (naming) =>
        entries.change(userId, fileId, { naming, destination, addTag, byRule }),
      );
    },

    /** @param resourceUuid the id of the copy, where an earlier try may have made it */
    async copy(userId: string, fileId: string, input: CopyFile, resourceUuid?: string): Promise<File> {
      const id = idOf(resourceUuid);
      const destination = { driveId: input.driveId ?? userId, parentId: input.parentId ?? null };
      return settled(createNaming(input.name, input.conflict, ownName(userId, fileId)), (naming) =>
        entries.copy(userId, { id, fileId, destination, naming }),
      );
    },

    async list(userId: string, query: ListQuery): Promise<{ items: File[]; nextCursor: string | null }> {
      const { parentId, driveId, cursor, limit, sort, order, kind, tag } = query;
      const after = cursor === undefined ? null : positionOf(cursor, { sort, order });
      if (after === undefined)
        throw coreError('invalid_request', {
          errors: [{ field: 'cursor', message: 'must be the nextCursor of a page of this sort and order' }],
        });
      const placeId = parentId ?? driveId ?? userId;
      const listing = { placeId, sort, descending: order === 'desc', after, limit: limit + 1, kind, tag };
      const rows = await entries.list(asUser(userId), listing);
      if (rows === undefined) throw storageError('folder_not_found');
      const page = pageOf(rows, limit, ({ position }) => listCursor({ sort, order }, position));
      return { items: page.items.map((row) => row.file), nextCursor: page.nextCursor };
    },

    async byPath(userId: string, path: string, driveId?: string): Promise<File> {
      const names = path.split('/').filter((name) => name !== '');
      return found(await entries.findByPath(userId, driveId ?? userId, names.map(nameKey)));
    },

    async summary(actor: Actor, fileId: string): Promise<Summary> {
      const summary = await entries.summary(actor, fileId);
      if (summary === undefined) throw storageError('file_not_found');
      return summary;
    },

    async setFavourite(userId: string, fileId: string, favourite: boolean): Promise<void> {
      if (!(await entries.setFavourite(userId, fileId, favourite))) throw storageError('file_not_found');
    },

    async favourites(userId: string, query: { cursor?: string | undefined; limit: number }) {
      const rows = await entries.listFavourites(userId, query.cursor ?? null, query.limit + 1);
      return pageOf(rows, query.limit, ({ id }) => id);
    },
  };
}

/** How often somebody else may be faster. */
const ATTEMPTS = 5;

/** Tries names until one is free, and again when something changed between being read and being decided on. */
async function settled<T extends object>(
  namings: NamingAttempts,
  attempt: (naming: EntryChange['naming']) => Promise<T | Refusal>,
): Promise<T> {
  let faster = 0;
  for (let round = 0; ; ) {
    const result = await attempt(await namings.of(round));
    if (!('refused' in result)) return result;
    if (result.refused === 'name_conflict' && round + 1 < namings.rounds) round += 1;
    else if (result.refused === 'changed_meanwhile' && faster < ATTEMPTS) faster += 1;
    else throw errorOf(result);
  }
}

function errorOf({ refused, needs, has }: Refusal) {
  if (refused === 'role_required' && needs && has) return roleRequired(needs, has);
  if (refused === 'changed_meanwhile')
    return coreError('dependency_unavailable', {
      detail: 'It changes all the time. Try again.',
      retryAfterSeconds: 1,
    });
  return storageError(refused);
}

export function found(file: File | undefined): File {
  if (file === undefined) throw storageError('file_not_found');
  return file;
}
