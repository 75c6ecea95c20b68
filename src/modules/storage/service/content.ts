import type { File, VersionSource } from '../../../contracts/storage.ts';
import { digestOf } from '../../../core/objects/digest.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { Version } from '../models/files.ts';
import { type Actor, asUser } from '../ports/actor.ts';
import type { Content, EventRepository, FileRepository, StoredVersion } from '../ports/files.ts';
import { found } from './files.ts';
import { pageOf } from './page.ts';
import type { UploadMachine, UploadTarget } from './uploads.ts';

export interface ContentServiceDependencies {
  readonly files: FileRepository;
  readonly events: EventRepository;
  readonly uploads: UploadMachine;
  readonly vault: Vault;
  readonly newId: (prefix: 'ver') => string;
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

/** A file that has content, and that content may be handed out. */
export interface LiveContent extends Content {
  readonly version: StoredVersion;
}

export type ContentService = ReturnType<typeof createContentService>;

const SOURCE_URL_SECONDS = 15 * 60;

/** Bytes in, and the versions they make. */
export function createContentService(dependencies: ContentServiceDependencies) {
  const { files, events, uploads, vault, newId, maxUploadBytes } = dependencies;

  async function store(target: UploadTarget, { body, size, contentType, sha256 }: UploadBody): Promise<File> {
    if (size > maxUploadBytes)
      throw storageError('file_too_large', {
        detail: `At most ${maxUploadBytes} bytes can be uploaded in one request.`,
      });
    const { fileId } = await uploads.store(target, body, { size, contentType, sha256 });
    return found(await files.findFile(asUser(target.userId), fileId));
  }

  const madeBefore = (userId: string, resourceUuid: string) =>
    files.findFile(asUser(userId), `file_${resourceUuid.replaceAll('-', '')}`);

  return {
    /** A call that is repeated under its idempotency key finds what the first one has made. */
    async createFile(target: UploadTarget, upload: UploadBody): Promise<File> {
      const made =
        target.isRepeated && target.resourceUuid
          ? await madeBefore(target.userId, target.resourceUuid)
          : null;
      if (!made) return store(target, upload);
      if (!(await hasDigest(upload, made.sha256))) throw storageError('idempotency_key_reused');
      return made;
    },

    /** @param ifMatch RFC 9110 13.1.1; null writes over whatever is there, and both versions are kept */
    async replaceContent(
      userId: string,
      fileId: string,
      ifMatch: string | null,
      upload: UploadBody,
      resourceUuid?: string,
    ): Promise<File> {
      const current = hasContent(await files.content(asUser(userId), fileId));
      if (ifMatch !== null && !matchesEtag(ifMatch, etagOf(current.version)))
        throw storageError('precondition_failed');
      const expectedVersionId = ifMatch === null ? undefined : current.version.id;
      return store({ userId, targetId: fileId, name: current.name, expectedVersionId, resourceUuid }, upload);
    },

    async versions(actor: Actor, fileId: string, query: { cursor?: number | undefined; limit: number }) {
      const file = found(await files.findFile(actor, fileId));
      const rows = await files.listVersions(actor, fileId, query.cursor ?? null, query.limit + 1);
      const items = rows.map((version) => toVersion(version, file.version?.id));
      return pageOf(items, query.limit, (version) => String(version.number));
    },

    async restoreVersion(userId: string, fileId: string, versionId: string): Promise<File> {
      const content = await files.contentOfVersion(asUser(userId), fileId, versionId);
      if (content === undefined) throw storageError('file_not_found');
      if (content.version === null) throw storageError('version_not_found');
      const restored = await files.restoreVersion(userId, fileId, versionId, newId('ver'));
      if (restored === undefined) throw storageError('role_required');
      return restored;
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

/** Strong: the same bytes have the same one, for ever (RFC 9110 8.8.3). */
export function etagOf({ object }: StoredVersion): string {
  return `"${object.etag}"`;
}

/** RFC 9110 13.1.1: `*` or a list of entity tags, compared strongly. */
export function matchesEtag(header: string, etag: string): boolean {
  return header.trim() === '*' || header.split(',').some((candidate) => candidate.trim() === etag);
}

export function toVersion(version: StoredVersion, currentId: string | undefined): Version {
  const { id, number, object, contentType, label, createdBy, createdAt } = version;
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
    current: id === currentId,
  };
}
