import { z } from 'zod';
import { createDependency, type Dependency, DependencyError } from '../core/resilience/dependency.ts';
import {
  type DigestResponse,
  digestResponseSchema,
  type ObjectRequest,
  PREVIEW_HEADERS,
  type PreviewRequest,
  type ScanResponse,
  scanResponseSchema,
} from './sidecar.ts';

/** A refusal of the sidecar with the `code` of its problem document, for example `source_gone` or `overloaded`. */
export class SidecarRefusedError extends DependencyError {
  override name = 'SidecarRefusedError';
  readonly code: string;
  /** For a person. */
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, detail: string, retryAfterSeconds: number | undefined) {
    super('sidecar', `refused with ${code}: ${detail}`);
    this.code = code;
    this.detail = detail;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export type PreviewAnswer =
  /** WebP; width and height in pixels; the media type of the source by content. */
  | { status: 'made'; bytes: Uint8Array; width: number; height: number; sourceType: string }
  /** Trying again changes nothing. The reason is for a person. */
  | {
      status: 'refused';
      code: 'preview_unsupported' | 'preview_failed';
      reason: string;
      sourceType: string;
    };

export interface CallOptions {
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

/** What the storage module asks of the sidecar. Made once for an isolate: the breakers are in it. */
export interface SidecarFiles {
  /** @throws SidecarRefusedError source_gone, source_unavailable, overloaded, storage_full; DependencyError */
  preview(request: PreviewRequest, options?: CallOptions): Promise<PreviewAnswer>;
  /** @throws SidecarRefusedError source_gone, source_unavailable (wrong length too), overloaded; DependencyError */
  digest(request: ObjectRequest, options?: CallOptions): Promise<DigestResponse>;
  /** @throws SidecarRefusedError scanner_unavailable, source_gone, source_unavailable, overloaded; DependencyError */
  scan(request: ObjectRequest, options?: CallOptions): Promise<ScanResponse>;
}

export interface SidecarFilesOptions {
  readonly url: string;
  /** From the calling module to the audience `sidecar`. */
  readonly serviceToken: () => Promise<string>;
}

/** A little more than the sidecar gives itself for fetching and rendering. */
const PREVIEW_TIMEOUT_MS = 90_000;
/** Objects of any size stream through: the wait grows with them, for a store that is slow but works. */
const STREAMING_TIMEOUT_MS = 60_000;
const SLOWEST_BYTES_PER_MS = 4_096;
/** The sidecar's own limit for what the scanner does after the last byte. */
const SCAN_MS = 150_000;

const problemSchema = z.object({ code: z.string(), detail: z.string() });

export function createSidecarFiles({ url, serviceToken }: SidecarFilesOptions): SidecarFiles {
  // A breaker each: a scanner that is away must not keep anybody from previews.
  const guard = () => createDependency('sidecar', { timeoutMs: PREVIEW_TIMEOUT_MS });
  const [previews, digests, scans] = [guard(), guard(), guard()];

  async function send(
    dependency: Dependency,
    path: string,
    body: ObjectRequest,
    timeoutMs: number,
    { requestId, signal }: CallOptions = {},
  ): Promise<Response> {
    const headers = {
      authorization: `Bearer ${await serviceToken()}`,
      'content-type': 'application/json',
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    };
    return dependency.fetch(
      new URL(path, url).href,
      {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
        redirect: 'manual',
        ...(signal === undefined ? {} : { signal }),
      },
      { timeoutMs, wholeAnswer: true },
    );
  }

  return {
    async preview(request, options) {
      const response = await send(previews, '/v1/preview', request, PREVIEW_TIMEOUT_MS, options);
      return readPreview(response);
    },
    async digest(request, options) {
      const response = await send(digests, '/v1/digest', request, streamingTimeout(request), options);
      return readJson(response, digestResponseSchema);
    },
    async scan(request, options) {
      const timeoutMs = streamingTimeout(request) + SCAN_MS;
      return readJson(await send(scans, '/v1/scan', request, timeoutMs, options), scanResponseSchema);
    },
  };
}

function streamingTimeout({ size }: ObjectRequest): number {
  return STREAMING_TIMEOUT_MS + Math.ceil(size / SLOWEST_BYTES_PER_MS);
}

async function readPreview(response: Response): Promise<PreviewAnswer> {
  const sourceType = response.headers.get(PREVIEW_HEADERS.sourceType) ?? 'application/octet-stream';
  if (response.ok) {
    return {
      status: 'made',
      bytes: new Uint8Array(await response.arrayBuffer()),
      width: Number(response.headers.get(PREVIEW_HEADERS.width)),
      height: Number(response.headers.get(PREVIEW_HEADERS.height)),
      sourceType,
    };
  }
  const refusal = await readRefusal(response);
  const { code, detail } = refusal;
  if (code !== 'preview_unsupported' && code !== 'preview_failed') throw refusal;
  return { status: 'refused', code, reason: detail, sourceType };
}

async function readJson<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  if (response.ok) return schema.parse(await response.json());
  throw await readRefusal(response);
}

/** @throws DependencyError when it is not the sidecar that answers so */
async function readRefusal(response: Response): Promise<SidecarRefusedError> {
  const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
  if (!problem.success) throw new DependencyError('sidecar', `answered ${response.status}`);
  const retryAfter = response.headers.get('retry-after');
  return new SidecarRefusedError(
    problem.data.code,
    problem.data.detail,
    retryAfter === null ? undefined : Number(retryAfter),
  );
}
