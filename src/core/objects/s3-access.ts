import {
  S3Client,
  S3ServiceException,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createDependency, DependencyError, type FetchOptions } from '../resilience/dependency.ts';

export interface ObjectsConfig {
  readonly S3_ENDPOINT: string;
  readonly S3_REGION: string;
  readonly S3_BUCKET: string;
  readonly S3_ACCESS_KEY_ID: string;
  readonly S3_SECRET_ACCESS_KEY: string;
}

/** A client's fault in the store's words: an answer, not a failure of the store. */
export class S3Refusal {
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }
}

type Signable<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<
  typeof getSignedUrl<ServiceInputTypes, Input, Output>
>[1];

/** The two ways to an S3: the SDK for small documents, and `fetch` on a URL that the SDK has signed for bytes. */
export interface S3Access {
  readonly bucket: string;
  /** The SDK repeats: only for what may be repeated. @throws DependencyError */
  ask<T>(
    operation: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
    timeoutMs?: number,
  ): Promise<T | S3Refusal>;
  /** One request with these headers signed; any status is returned. @throws DependencyError */
  send<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: Signable<I, O>,
    request: S3Request,
    options?: FetchOptions,
  ): Promise<Response>;
  /** `headers` (lower-case names) are signed as headers, so that the store refuses others. */
  presign<I extends ServiceInputTypes, O extends ServiceOutputTypes>(
    command: Signable<I, O>,
    expiresInSeconds: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<string>;
  /** Calls again, after a pause, while the store falters (FAULTS: SlowDown, 5xx, a broken connection). */
  repeat(operation: (attempt: number) => Promise<Response>, signal?: AbortSignal): Promise<Response>;
}

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** Signed. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly unsignedHeaders?: Readonly<Record<string, string>>;
  readonly body?: ReadableStream<Uint8Array> | Uint8Array;
  readonly signal?: AbortSignal | undefined;
}

const HEAD_TIMEOUT_MS = 15_000;
const OWN_URL_SECONDS = 60 * 60;
/** Of 30 % failing calls, one in 120 is left. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 100;
/** No further attempt after this long: whoever asks is waiting. */
const REPEAT_WITHIN_MS = 5_000;

export function createS3Access(
  config: ObjectsConfig,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): S3Access {
  const s3 = createDependency('s3', { timeoutMs: HEAD_TIMEOUT_MS });
  const client = new S3Client({
    endpoint: config.S3_ENDPOINT,
    region: config.S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: config.S3_ACCESS_KEY_ID, secretAccessKey: config.S3_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: ATTEMPTS,
  });
  const presign: S3Access['presign'] = (command, expiresIn, headers = {}) =>
    getSignedUrl(client, command, {
      expiresIn,
      // Signed as headers, where every S3 looks for them, not hoisted into the query.
      unhoistableHeaders: new Set(Object.keys(headers)),
      signableHeaders: new Set(['host', ...Object.keys(headers)]),
    });

  return {
    bucket: config.S3_BUCKET,
    presign,
    ask: (operation, timeoutMs = HEAD_TIMEOUT_MS) =>
      s3.call((abortSignal) => operation(client, { abortSignal }).catch(refusalOf), { timeoutMs }),
    async send(command, { method, headers = {}, unsignedHeaders = {}, body, signal }, options) {
      const url = await presign(command, OWN_URL_SECONDS, headers);
      // Node wants to be told that the answer is not awaited before the body is out; workerd does not know the word.
      const init: RequestInit & { duplex: 'half' } = {
        method,
        headers: { ...headers, ...unsignedHeaders },
        duplex: 'half',
        ...(body ? { body } : {}),
        ...(signal ? { signal } : {}),
      };
      return s3.fetch(url, init, options);
    },
    async repeat(operation, signal) {
      const until = Date.now() + REPEAT_WITHIN_MS;
      for (let attempt = 1; ; attempt += 1) {
        const isLast = attempt === ATTEMPTS;
        try {
          const response = await operation(attempt);
          if (!falters(response.status) || isLast || Date.now() > until) return response;
          await response.body?.cancel();
        } catch (error) {
          if (isLast || Date.now() > until || signal?.aborted || !isBrokenConnection(error)) throw error;
        }
        await pause(Math.random() * FIRST_PAUSE_MS * 3 ** (attempt - 1));
      }
    },
  };
}

export function errorCodeOf(document: string): string {
  return /<Code>([\w.]+)<\/Code>/.exec(document)?.[1] ?? 'unknown';
}

function falters(status: number): boolean {
  return status === 429 || status === 500 || (status >= 502 && status <= 504);
}

/** Without a cause it was the breaker, which means to be left alone. */
function isBrokenConnection(error: unknown): boolean {
  return error instanceof DependencyError && error.cause !== undefined;
}

function refusalOf(error: unknown): S3Refusal {
  if (error instanceof S3ServiceException && error.$fault === 'client') return new S3Refusal(error.name);
  throw error;
}
