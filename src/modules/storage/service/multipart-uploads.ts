import type { File } from '../../../contracts/storage.ts';
import { coreError } from '../../../core/http/app-error.ts';
import type { UploadedPart, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { PartUrl, UploadStatus } from '../models/uploads.ts';
import type { FileRepository } from '../ports/files.ts';
import type { UploadPartsRepository } from '../ports/upload-parts.ts';
import type { Upload } from '../ports/uploads.ts';
import type { Assembly } from './assembly.ts';
import { asWritten } from './content.ts';
import { giveUp } from './give-up.ts';
import { pageOf } from './page.ts';
import { MAX_OBJECT_BYTES, MAX_PARTS, partBytesFor, partCount, partSize } from './part-sizes.ts';
import { type Destination, targetOf } from './upload-destination.ts';
import { known, writable } from './upload-states.ts';
import type { UploadMachine } from './uploads.ts';

export interface MultipartUploadsDependencies {
  readonly files: FileRepository;
  readonly repository: UploadPartsRepository;
  readonly uploads: UploadMachine;
  readonly assembly: Assembly;
  readonly vault: Vault;
  readonly lifetimeSeconds: number;
  readonly now: () => number;
}

/** As the client wants it. */
export interface MultipartRequest extends Destination {
  readonly size: number;
  readonly contentType: string;
  readonly sha256?: string | undefined;
  readonly partBytes?: number | undefined;
}

export interface NamedPart {
  readonly number: number;
  readonly etag: string;
}

type PartSize = Pick<UploadedPart, 'number' | 'size'>;

export type MultipartUploads = ReturnType<typeof createMultipartUploads>;

/** An address for a part works for so long (ASVS and S33: 15 minutes at most). */
const URL_SECONDS = 15 * 60;

/** Straight to the object store: the bytes do not pass through here, so their sizes are looked at when it ends. */
export function createMultipartUploads(dependencies: MultipartUploadsDependencies) {
  const { files, repository, uploads, assembly, vault, lifetimeSeconds, now } = dependencies;

  const storeParts = async ({ object, storeUploadId }: Upload) =>
    storeUploadId === null ? undefined : await vault.parts(object, storeUploadId);

  /** Of what a completion has put together already, though nobody heard of it, all parts are there. */
  async function sizesOfParts(upload: Upload): Promise<readonly PartSize[]> {
    const listed = await storeParts(upload);
    const { size, partBytes } = sizes(upload);
    if (listed !== undefined || !(await assembly.isAssembled(upload, size))) return listed ?? [];
    return Array.from({ length: partCount(size, partBytes) }, (_, index) => ({
      number: index + 1,
      size: partSize(size, partBytes, index + 1),
    }));
  }

  return {
    /** @param again for a call that may have been made before, with the id that it gives */
    async create(
      userId: string,
      request: MultipartRequest,
      again: { readonly uuid?: string | undefined; readonly isRepeated?: boolean } = {},
    ): Promise<UploadStatus> {
      const id = again.uuid && `upl_${again.uuid.replaceAll('-', '')}`;
      const earlier = again.isRepeated && id ? await repository.own(userId, id) : undefined;
      if (earlier && earlier.upload.state !== 'aborted') return toStatus(earlier.upload, []);
      if (vault.encryption === 'envelope')
        throw storageError('presigned_unavailable', { detail: 'Use TUS instead: /v1/tus.' });
      const { size, contentType, sha256 } = request;
      const partBytes = request.partBytes ?? partBytesFor(size);
      if (size > MAX_OBJECT_BYTES)
        throw storageError('file_too_large', { detail: `At most ${MAX_OBJECT_BYTES} bytes.` });
      if (partCount(size, partBytes) > MAX_PARTS)
        throw coreError('invalid_request', {
          detail: `With parts of ${partBytes} bytes there would be more than ${MAX_PARTS}.`,
          errors: [{ field: 'partBytes', message: `must be at least ${Math.ceil(size / MAX_PARTS)}` }],
        });
      const target = await targetOf(files, userId, request);
      const start = { door: 'multipart', size, contentType, sha256, inParts: true, partBytes } as const;
      const upload = await uploads.begin(
        { ...target, uploadUuid: earlier ? undefined : again.uuid },
        { ...start, lifetimeSeconds },
      );
      return toStatus(upload, []);
    },

    async partUrls(userId: string, uploadId: string, numbers: readonly number[]) {
      const upload = active(writable(await repository.own(userId, uploadId), 'multipart'));
      const { size, partBytes } = sizes(upload);
      const count = partCount(size, partBytes);
      if (numbers.some((number) => number > count))
        throw coreError('invalid_request', {
          detail: `This upload has ${count} parts.`,
          errors: [{ field: 'numbers', message: `must be from 1 to ${count}` }],
        });
      const expiresAt = new Date(now() + URL_SECONDS * 1_000).toISOString();
      const items = await Promise.all(
        numbers.map(async (number): Promise<PartUrl> => {
          const part = { number, size: partSize(size, partBytes, number) };
          const url = await vault.presignPart(upload.object, upload.storeUploadId ?? '', {
            ...part,
            seconds: URL_SECONDS,
          });
          if (url === undefined) throw storageError('presigned_unavailable');
          return { ...part, url };
        }),
      );
      return { items, expiresAt };
    },

    async status(userId: string, uploadId: string): Promise<UploadStatus> {
      const upload = known(await repository.own(userId, uploadId));
      const isCounted = upload.state === 'active' && upload.door === 'multipart';
      return toStatus(upload, isCounted ? await sizesOfParts(upload) : []);
    },

    async list(userId: string, { cursor, limit }: { cursor?: string | undefined; limit: number }) {
      const rows = await repository.listActive(userId, cursor ?? null, limit + 1);
      return pageOf(
        rows.map((upload) => toListed(upload)),
        limit,
        ({ id }) => id,
      );
    },

    /** What the store has of it, by number. @param after number of a part */
    async parts(
      userId: string,
      uploadId: string,
      { cursor = 0, limit }: { cursor?: number | undefined; limit: number },
    ) {
      const upload = known(await repository.own(userId, uploadId), 'multipart');
      const rest = ((await storeParts(upload)) ?? []).filter(({ number }) => number > cursor);
      return pageOf(rest, limit, ({ number }) => String(number));
    },

    /** Repeated, also after it has succeeded, it gives the same answer. */
    async complete(
      userId: string,
      uploadId: string,
      claim: { readonly parts?: readonly NamedPart[] | undefined; readonly sha256?: string | undefined },
    ): Promise<File> {
      const upload = writable(await repository.own(userId, uploadId), 'multipart');
      if (claim.sha256 !== undefined && !(await repository.announce(uploadId, claim.sha256)))
        throw storageError('digest_mismatch', { detail: 'Another digest was announced when it began.' });
      const announced = { ...upload, announcedSha256: claim.sha256 ?? upload.announcedSha256 };
      if (upload.state === 'active') {
        const { size, partBytes } = sizes(upload);
        await assembly.finish(announced, size, (parts) => chosen(parts, size, partBytes, claim.parts));
      }
      const { upload: ended } = (await repository.own(userId, uploadId)) ?? { upload };
      const fileId = ended.targetId ?? ended.fileId;
      return asWritten(files, userId, { fileId, versionId: ended.versionId });
    },

    async abort(userId: string, uploadId: string): Promise<void> {
      const upload = known(await repository.own(userId, uploadId));
      await giveUp({ uploads, vault }, upload);
    },
  };
}

function sizes({ size, partBytes }: Upload): { size: number; partBytes: number } {
  if (size === null || partBytes === null) throw new Error('an upload in parts without sizes');
  return { size, partBytes };
}

function active(upload: Upload): Upload {
  if (upload.state !== 'active')
    throw storageError('upload_not_found', { detail: 'It has been completed already.' });
  return upload;
}

/** All parts, each of its size, and those that the client means. */
function chosen(
  parts: readonly UploadedPart[],
  size: number,
  partBytes: number,
  named: readonly NamedPart[] | undefined,
): UploadedPart[] {
  const count = Math.max(1, partCount(size, partBytes));
  if (named?.some(({ number }, index) => number <= (named[index - 1]?.number ?? 0)))
    throw storageError('part_order', { detail: 'Name each part once, in ascending order.' });
  const there = new Map(parts.map((part) => [part.number, part]));
  const names = named && new Map(named.map((part) => [part.number, part.etag.replaceAll('"', '')]));
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const missing = numbers.filter((number) => !there.has(number) || (names && !names.has(number)));
  if (missing.length > 0) throw storageError('part_missing', { detail: `${listOf(missing)} of ${count}.` });
  const wholes = numbers.flatMap((number) => there.get(number) ?? []);
  const wrong = wholes.filter((part) => part.size !== partSize(size, partBytes, part.number));
  if (wrong.length > 0)
    throw storageError('part_size', { detail: `${listOf(wrong.map(({ number }) => number))}: send again.` });
  const changed = wholes.filter(({ number, etag }) => names && names.get(number) !== etag);
  if (names && names.size > count)
    throw storageError('part_missing', { detail: `This upload has ${count} parts, not ${names.size}.` });
  if (changed.length > 0)
    throw storageError('part_changed', { detail: `${listOf(changed.map(({ number }) => number))}.` });
  return wholes;
}

function listOf(numbers: readonly number[]): string {
  const first = numbers.slice(0, 20).join(', ');
  return `Part ${first}${numbers.length > 20 ? ` and ${numbers.length - 20} more` : ''}`;
}

function toListed(upload: Upload): Omit<UploadStatus, 'received'> {
  const { id, door, state, name, driveId, parentId, size, partBytes } = upload;
  return {
    id,
    door: door === 'tus' ? 'tus' : 'multipart',
    state: state === 'completed' ? 'completed' : 'active',
    name,
    driveId,
    parentId,
    fileId: upload.targetId,
    size,
    contentType: upload.contentType,
    partBytes,
    partCount: size === null || partBytes === null ? null : partCount(size, partBytes),
    createdAt: upload.createdAt.toISOString(),
    expiresAt: upload.expiresAt.toISOString(),
  };
}

function toStatus(upload: Upload, parts: readonly PartSize[]): UploadStatus {
  const isWhole = upload.state === 'completed';
  const counted = parts.reduce((sum, { size }) => sum + size, 0);
  const bytes = isWhole ? (upload.size ?? 0) : upload.door === 'tus' ? upload.receivedBytes : counted;
  return { ...toListed(upload), received: { bytes, parts: ranges(parts.map(({ number }) => number)) } };
}

/** `[[1, 4], [7, 7]]`: from, to. */
function ranges(numbers: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found;
}
