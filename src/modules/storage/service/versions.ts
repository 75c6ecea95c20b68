import type { File } from '../../../contracts/storage.ts';
import { auditedAs } from '../../../core/security/audit.ts';
import { storageError } from '../errors.ts';
import type { Version } from '../models/files.ts';
import { type Actor, asUser, type Role } from '../ports/actor.ts';
import type { FileRepository } from '../ports/files.ts';
import type { ListedVersion, VersionRefusal, VersionRepository } from '../ports/versions.ts';
import { hasContent } from './content.ts';
import { eachInTurn } from './each-in-turn.ts';
import { etagOf, matchesEtag } from './entity-tags.ts';
import { found } from './files.ts';
import { pageOf } from './page.ts';
import { requireRole } from './roles.ts';
import type { Asking } from './trash.ts';

export interface VersionServiceDependencies {
  readonly files: FileRepository;
  readonly repository: VersionRepository;
  readonly newId: (prefix: 'ver') => string;
}

export type VersionService = ReturnType<typeof createVersionService>;

const VERSIONS_AT_ONCE = 1_000;
const DRIVES_AT_ONCE = 50;

/** What a file contained before: every write made a version, and none of them ever changes. */
export function createVersionService({ files, repository, newId }: VersionServiceDependencies) {
  async function version(actor: Actor, fileId: string, versionId: string): Promise<Version> {
    const listed = await repository.find(actor, fileId, versionId);
    if (listed !== undefined) return toVersion(listed);
    const file = await files.findFile(actor, fileId);
    throw storageError(file === undefined ? 'file_not_found' : 'version_not_found');
  }

  return {
    version,

    async list(actor: Actor, fileId: string, query: { cursor?: number | undefined; limit: number }) {
      const rows = await repository.list(actor, fileId, query.cursor ?? null, query.limit + 1);
      if (rows.length === 0 && (await files.findFile(actor, fileId)) === undefined)
        throw storageError('file_not_found');
      return pageOf(rows.map(toVersion), query.limit, ({ number }) => String(number));
    },

    /** @param ifMatch RFC 9110 13.1.1, of the current content; null writes over whatever is there */
    async restore(
      userId: string,
      fileId: string,
      versionId: string,
      ifMatch: string | null,
      repetition: { resourceUuid?: string | undefined; isRepeated?: boolean | undefined } = {},
    ): Promise<File> {
      const actor = asUser(userId);
      const newVersionId = repetition.resourceUuid
        ? `ver_${repetition.resourceUuid.replaceAll('-', '')}`
        : newId('ver');
      if (repetition.isRepeated && (await repository.find(actor, fileId, newVersionId)) !== undefined)
        return found(await files.findFile(actor, fileId));
      const current = hasContent(await files.content(actor, fileId));
      if (ifMatch !== null && !matchesEtag(ifMatch, etagOf(current.version)))
        throw storageError('precondition_failed');
      const { content } = await version(actor, fileId, versionId);
      if (content !== 'live') throw storageError(`content_${content}`);
      const restored = await repository.restore(userId, fileId, versionId, {
        versionId: newVersionId,
        expectedVersionId: ifMatch === null ? null : current.version.id,
      });
      if (typeof restored === 'string') throw storageError(restored);
      if ('rank' in restored) throw refusalOf(restored, 'editor');
      return restored;
    },

    /** @throws AppError `file_not_found`, `version_not_found`, `role_required` */
    async label(userId: string, fileId: string, versionId: string, label: string | null): Promise<Version> {
      const done = await repository.label(userId, fileId, versionId, label);
      if (done !== 'done') throw refusalOf(done, 'editor');
      return version(asUser(userId), fileId, versionId);
    },

    /** For good. Whoever may write may not do that: it takes a manager to delete what others wrote. */
    async remove({ principal, caller }: Asking, fileId: string, versionId: string): Promise<void> {
      const done = await repository.remove(principal.userId, fileId, versionId, {
        ...auditedAs(principal, caller),
        action: 'version.delete',
        object: { kind: 'version', id: versionId },
        result: 'success',
        details: { file: fileId },
      });
      if (done !== 'done') throw refusalOf(done, 'manager');
    },
  };
}

function refusalOf({ rank, isThere, isCurrent }: VersionRefusal, needed: Role) {
  if (rank === 0) return storageError('file_not_found');
  if (!isThere) return storageError('version_not_found');
  requireRole(needed, rank);
  return storageError(isCurrent ? 'version_is_current' : 'version_not_found');
}

function toVersion(version: ListedVersion): Version {
  const { id, number, object, contentType, label, createdBy, createdAt, current } = version;
  return {
    id,
    number,
    size: object.size,
    sha256: object.sha256,
    etag: etagOf(version),
    contentType,
    content: object.state,
    label,
    createdBy,
    createdAt: createdAt.toISOString(),
    current,
  };
}

/** Deletes the versions that drives do not keep; of drives that say nothing, none. */
export function createVersionRetention(repository: VersionRepository) {
  return {
    async run(): Promise<void> {
      await eachInTurn(await repository.drivesWithRetention(DRIVES_AT_ONCE), async (driveId) => {
        await repository.removeOld(driveId, VERSIONS_AT_ONCE);
      });
    },
  };
}
