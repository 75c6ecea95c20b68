import { storageError } from '../errors.ts';
import { asUser } from '../ports/actor.ts';
import type { FileRepository } from '../ports/files.ts';
import type { ConflictPolicy } from '../ports/uploads.ts';
import { etagOf, matchesEtag } from './entity-tags.ts';
import type { UploadTarget } from './uploads.ts';

/** Where an upload in parts is to go, as its client says it. */
export interface Destination {
  readonly name: string;
  readonly driveId?: string | undefined;
  readonly parentId?: string | undefined;
  /** A new version of this file, which keeps its name. */
  readonly fileId?: string | undefined;
  /** Entity tag that its content has to have still, at the end too. */
  readonly ifMatch?: string | undefined;
  readonly conflict: ConflictPolicy;
}

/** @throws AppError file_not_found, not_a_file, precondition_failed */
export async function targetOf(
  files: Pick<FileRepository, 'content'>,
  userId: string,
  { fileId, ifMatch, ...place }: Destination,
): Promise<UploadTarget> {
  if (fileId === undefined) return { userId, ...place };
  const current = await files.content(asUser(userId), fileId);
  if (current === undefined) throw storageError('file_not_found');
  if (current.version === null) throw storageError('not_a_file');
  if (ifMatch !== undefined && !matchesEtag(ifMatch, etagOf(current.version)))
    throw storageError('precondition_failed');
  const expectedVersionId = ifMatch === undefined ? undefined : current.version.id;
  return { userId, name: current.name, targetId: fileId, expectedVersionId };
}
