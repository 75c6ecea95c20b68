import { type SidecarFiles, SidecarRefusedError } from '../../../contracts/sidecar-files.ts';
import { AppError, coreError } from '../../../core/http/app-error.ts';
import type { Vault } from '../../../core/objects/vault.ts';
import { storageError } from '../errors.ts';
import type { PreviewRepository } from '../ports/previews.ts';
import type { LiveContent } from './content.ts';
import type { DownloadService, Span } from './downloads.ts';

export interface PreviewServiceDependencies {
  readonly previews: PreviewRepository;
  readonly sidecar: Pick<SidecarFiles, 'preview'>;
  readonly downloads: Pick<DownloadService, 'bytes'>;
  readonly vault: Vault;
  readonly newId: (prefix: 'obj') => string;
}

export type PreviewWidth = 64 | 256 | 1024;

export interface PreviewRequest {
  readonly width: PreviewWidth;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export type PreviewService = ReturnType<typeof createPreviewService>;

const TYPE = 'image/webp';
/** A better reader may come; until then nobody has to be asked again. */
const REFUSED_SECONDS = 7 * 24 * 3_600;
const SOURCE_URL_SECONDS = 5 * 60;

/** Small pictures of what is in a file, made when somebody asks for them first, and kept as objects of their own. */
export function createPreviewService(dependencies: PreviewServiceDependencies) {
  const { previews, downloads } = dependencies;

  return {
    /**
     * @returns the preview as some content of its own
     * @throws AppError no_preview (the reason in its detail), dependency_unavailable
     */
    async preview(content: LiveContent, request: PreviewRequest): Promise<LiveContent> {
      const { object } = content.version;
      const variant = String(request.width);
      const known = await previews.find(object.id, variant, REFUSED_SECONDS);
      if (known?.kind === 'made' && known.object.state === 'live') return asContent(content, known);
      if (known?.kind === 'refused') throw storageError('no_preview', { detail: known.reason });
      if (known !== undefined) await previews.forget(known.object.id);
      await make(dependencies, content, request);
      const made = await previews.find(object.id, variant, REFUSED_SECONDS);
      if (made?.kind !== 'made') throw storageError('file_not_found');
      return asContent(content, made);
    },

    /** A preview whose bytes are gone or damaged is made anew at the next call. */
    async bytes(
      preview: LiveContent,
      span: Span | undefined,
      signal: AbortSignal,
    ): Promise<ReadableStream<Uint8Array>> {
      const { object } = preview.version;
      return downloads.bytes(object, span, signal).catch(async (error: unknown) => {
        if (!(error instanceof AppError)) throw error;
        await previews.forget(object.id);
        throw unavailable(1, error);
      });
    },
  };
}

async function make(
  { previews, sidecar, vault, newId }: PreviewServiceDependencies,
  { version }: LiveContent,
  { width, requestId, signal }: PreviewRequest,
): Promise<void> {
  const source = version.object;
  const variant = String(width);
  const key = await vault.dataKey(source);
  const answer = await sidecar
    .preview(
      {
        url: await vault.presignStored(source, SOURCE_URL_SECONDS),
        size: source.size,
        width,
        ...(key === null ? {} : { decryption: { id: source.id, key } }),
      },
      { requestId, signal },
    )
    .catch((error: unknown) => {
      if (error instanceof SidecarRefusedError) throw unavailable(error.retryAfterSeconds ?? 5, error);
      throw error;
    });
  if (answer.status === 'refused') {
    await previews.refuse(source.id, variant, answer.reason);
    throw storageError('no_preview', { detail: answer.reason });
  }
  const id = newId('obj');
  const preview = await vault.prepare(id, `previews/${source.id}/${variant}/${id}`);
  const { sha256 } = await vault.put(preview, answer.bytes, {
    size: answer.bytes.byteLength,
    contentType: TYPE,
    metadata: { 'object-id': id, 'preview-of': source.id },
  });
  const size = answer.bytes.byteLength;
  await previews.insert({ objectId: source.id, variant, preview: { ...preview, size, sha256 } });
}

function asContent(
  content: LiveContent,
  { object, madeAt }: { object: LiveContent['version']['object']; madeAt: Date },
): LiveContent {
  const version = { ...content.version, object, contentType: TYPE, createdAt: madeAt };
  return { ...content, name: `${content.name}.webp`, version, soleInItsSecond: false };
}

/** The file itself is not concerned. */
function unavailable(retryAfterSeconds: number, cause: unknown): AppError {
  const detail = 'The preview cannot be made right now. The file itself can be downloaded.';
  return coreError('dependency_unavailable', { detail, retryAfterSeconds, cause });
}
