import type { File, VersionSource } from '../../../contracts/storage.ts';
import { AppError } from '../../../core/http/app-error.ts';
import { digestOf } from '../../../core/objects/digest.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import { asUser } from '../ports/actor.ts';
import type { Content, EventRepository, FileRepository, StoredVersion } from '../ports/files.ts';
import { etagOf, matchesEtag } from './entity-tags.ts';
import type { UploadMachine, UploadTarget } from './uploads.ts';

export interface ContentServiceDependencies {
  readonly files: FileRepository;
  readonly events: EventRepository;
  readonly uploads: UploadMachine;
  readonly vault: Vault;
  readonly maxUploadBytes: number;
}

/** The body of one request, of a length that is known. */
export interface UploadBody {
  readonly body: ReadableStream<Uint8Array> | Uint8Array;
  readonly size: number;
  readonly contentType: string;
  /** As the client announced it, lower-case hex. */
  readonly sha256?: string;
}

export interface Repetition {
  /** The id of what the call makes, where it has an idempotency key. */
  readonly resourceUuid?: string | undefined;
  readonly isRepeated?: boolean | undefined;
}

export interface WriteCondition {
  /** `If-Match` as sent. */
  readonly ifMatch: string | null;
  /** `If-None-Match: *`. */
  readonly onlyNew: boolean;
}

/** A file that has content, and that content may be handed out. */
export interface LiveContent extends Content {
  readonly version: StoredVersion;
}

export type ContentService = ReturnType<typeof createContentService>;

const SOURCE_URL_SECONDS = 15 * 60;

/** Bytes in, and the versions they make. */
export function createContentService(dependencies: ContentServiceDependencies) {
  const { files, events, uploads, vault, maxUploadBytes } = dependencies;

  async function store(target: UploadTarget, { body, size, contentType, sha256 }: UploadBody): Promise<File> {
    if (size > maxUploadBytes)
      throw storageError('file_too_large', {
        detail: `At most ${maxUploadBytes} bytes can be uploaded in one request.`,
      });
    const written = await uploads.store(target, body, { size, contentType, sha256 });
    return asWritten(files, target.userId, written);
  }

  async function writtenBefore(
    userId: string,
    fileId: string,
    resourceUuid: string,
  ): Promise<File | undefined> {
    const versionId = `ver_${resourceUuid.replaceAll('-', '')}`;
    const content = await files.contentOfVersion(asUser(userId), fileId, versionId);
    return content?.version ? asWritten(files, userId, { fileId, versionId }) : undefined;
  }

  /** A new file, or with `conflict=replace` a version of the one that had the name. */
  async function madeBefore(userId: string, resourceUuid: string): Promise<File | undefined> {
    const id = resourceUuid.replaceAll('-', '');
    const actor = asUser(userId);
    const file =
      (await files.findFile(actor, `file_${id}`)) ?? (await files.fileOfVersion(actor, `ver_${id}`));
    return file && asWritten(files, userId, { fileId: file.id, versionId: `ver_${id}` });
  }

  return {
    /**
     * A call that is repeated under its idempotency key finds what the first one has made.
     * @param onlyNew RFC 9110 13.1.2, `If-None-Match: *`: nothing that is there is touched, whatever `conflict` says
     */
    async createFile(target: UploadTarget, onlyNew: boolean, upload: UploadBody): Promise<File> {
      const { resourceUuid } = target;
      const made =
        target.isRepeated && resourceUuid ? await madeBefore(target.userId, resourceUuid) : undefined;
      if (made) return orReused(made, upload);
      if (!onlyNew) return store(target, upload);
      return store({ ...target, conflict: 'fail' }, upload).catch((error: unknown) => {
        throw error instanceof AppError && error.code === 'name_conflict'
          ? storageError('precondition_failed', { detail: 'There is something of this name.' })
          : error;
      });
    },

    /** @param condition of RFC 9110 13.1; without one it writes over whatever is there, and both versions are kept */
    async replaceContent(
      target: { readonly userId: string; readonly fileId: string } & Repetition,
      { ifMatch, onlyNew }: WriteCondition,
      upload: UploadBody,
    ): Promise<File> {
      const { userId, fileId, resourceUuid, isRepeated } = target;
      const written =
        isRepeated && resourceUuid ? await writtenBefore(userId, fileId, resourceUuid) : undefined;
      if (written) return orReused(written, upload);
      const current = hasContent(await files.content(asUser(userId), fileId));
      if (onlyNew || (ifMatch !== null && !matchesEtag(ifMatch, etagOf(current.version))))
        throw storageError('precondition_failed');
      const expectedVersionId = ifMatch === null ? undefined : current.version.id;
      return store({ userId, targetId: fileId, name: current.name, expectedVersionId, resourceUuid }, upload);
    },

    events: (after: string | null, limit: number) => events.events(after, limit),

    async versionSource(versionId: string): Promise<VersionSource> {
      const source = await events.versionSource(versionId);
      if (source === undefined) throw storageError('version_not_found');
      const { object, ...rest } = source;
      const key = await vault.dataKey(object);
      const url = await vault.presignStored(object, SOURCE_URL_SECONDS);
      return { ...rest, url, ...(key === null ? {} : { decryption: { id: object.id, key } }) };
    },
  };
}

/** What an earlier call of the same idempotency key has made, if this one brings the same bytes. */
async function orReused(made: File, upload: UploadBody): Promise<File> {
  if (!(await hasDigest(upload, made.sha256))) throw storageError('idempotency_key_reused');
  return made;
}

/**
 * The file with the content that the caller wrote. Somebody else may have written since: with the entity tag of that,
 * the caller would take it for their own and write over it.
 */
export async function asWritten(
  files: Pick<FileRepository, 'written'>,
  userId: string,
  { fileId, versionId }: { readonly fileId: string; readonly versionId: string },
): Promise<File> {
  const written = await files.written(asUser(userId), fileId, versionId);
  if (written === undefined) throw storageError('file_not_found');
  const { file, version: own } = written;
  if (!own || file.version?.id === versionId) return file;
  const { id, number, contentType, object } = own;
  const { size, sha256, state: content } = object;
  return { ...file, version: { id, number }, contentType, size, sha256, content, etag: etagOf(own) };
}

/** @param sha256 lower-case hex; null is like none */
export async function hasDigest(
  { body, sha256: announced }: UploadBody,
  sha256: string | null,
): Promise<boolean> {
  return (announced ?? (await digestOf(body))) === sha256;
}

/** @throws AppError file_not_found, not_a_file */
export function hasContent(content: Content | undefined): LiveContent {
  if (content === undefined) throw storageError('file_not_found');
  if (content.version === null) throw storageError('not_a_file');
  return { ...content, version: content.version };
}
