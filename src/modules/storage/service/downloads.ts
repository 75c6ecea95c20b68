import { EnvelopeError } from '../../../core/objects/envelope.ts';
import type { StoredObject, Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { Actor } from '../ports/actor.ts';
import type { FileRepository, StoredVersion } from '../ports/files.ts';
import { hasContent, type LiveContent } from './content.ts';
import { isActive } from './media-type.ts';

export interface DownloadServiceDependencies {
  readonly files: Pick<FileRepository, 'content' | 'contentOfVersion' | 'suspectObject'>;
  readonly vault: Vault;
  /** What the malware scanner has yet to look at is not handed out. */
  readonly holdsUnscanned: boolean;
}

/** Bytes, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type DownloadService = ReturnType<typeof createDownloadService>;

/** To begin a download with; one that has begun goes on. */
const REDIRECT_SECONDS = 60;
const RETRY_UNSCANNED_SECONDS = 5;
/** A body is given up when its reader, or the store, is slower than this on the whole. */
const GRACE_MS = 15 * 60_000;
const SLOWEST_BYTES_PER_MS = 16;

/** Bytes out. */
export function createDownloadService({ files, vault, holdsUnscanned }: DownloadServiceDependencies) {
  /** @throws AppError why the content is not handed out */
  function assertHandedOut({ state, isUnscanned }: StoredVersion['object'], detail?: string): void {
    const about = detail === undefined ? {} : { detail };
    if (state !== 'live') throw storageError(`content_${state}`, about);
    if (holdsUnscanned && isUnscanned)
      throw storageError('content_unscanned', { ...about, retryAfterSeconds: RETRY_UNSCANNED_SECONDS });
  }

  function live(content: LiveContent): LiveContent {
    assertHandedOut(content.version.object);
    return content;
  }

  return {
    assertHandedOut,

    /** @throws AppError file_not_found, not_a_file, or why the content is not handed out */
    async content(actor: Actor, fileId: string): Promise<LiveContent> {
      return live(hasContent(await files.content(actor, fileId)));
    },

    async contentOfVersion(actor: Actor, fileId: string, versionId: string): Promise<LiveContent> {
      const content = await files.contentOfVersion(actor, fileId, versionId);
      if (content === undefined) throw storageError('file_not_found');
      if (content.version === null)
        throw storageError(content.kind === 'folder' ? 'not_a_file' : 'version_not_found');
      return live({ ...content, version: content.version });
    },

    /**
     * The bytes as the vault hands them out, untouched. An object that is not there, or not of its size, is refused and
     * its check is due; one that breaks off later ends in an error.
     */
    async bytes(
      object: StoredObject,
      span: Span | undefined,
      signal: AbortSignal,
    ): Promise<ReadableStream<Uint8Array>> {
      const size = span ? span.end - span.start : object.size;
      const slowest = AbortSignal.timeout(GRACE_MS + Math.ceil(size / SLOWEST_BYTES_PER_MS));
      const answer = await vault
        .get(object, {
          ...(span ? { range: `bytes=${span.start}-${span.end - 1}` } : {}),
          signal: AbortSignal.any([signal, slowest]),
        })
        .catch((error: unknown) => {
          if (error instanceof EnvelopeError) return 'damaged' as const;
          throw error;
        });
      const isAsAsked = answer instanceof Response && isWhole(answer, size, span);
      if (isAsAsked) return answer.body ?? nothing();
      await files.suspectObject(object.id);
      if (answer === undefined) throw storageError('content_missing');
      if (answer !== 'damaged') await answer.body?.cancel();
      throw storageError('content_corrupt');
    },

    /**
     * Where the client can fetch the content from the store itself, as a download; undefined where it cannot (under
     * `envelope`) or must not: on the store's origin nothing would keep active content from running.
     */
    redirect({ version }: LiveContent, contentDisposition: string): Promise<string | undefined> {
      const { contentType, object } = version;
      if (isActive(contentType)) return Promise.resolve(undefined);
      return vault.presignGet(object, { seconds: REDIRECT_SECONDS, contentType, contentDisposition });
    },
  };
}

function isWhole({ status, headers }: Response, size: number, span: Span | undefined): boolean {
  const length = headers.get('content-length');
  return status === (span ? 206 : 200) && (length === null || length === String(size));
}

function nothing(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}
