import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createDependency, type Dependency, DependencyError } from '../resilience/dependency.ts';
import { type GetOptions, ObjectRefusedError, type ObjectStore, type PutOptions } from './object-store.ts';

export interface ObjectsConfig {
  readonly S3_ENDPOINT: string;
  readonly S3_REGION: string;
  readonly S3_BUCKET: string;
  readonly S3_ACCESS_KEY_ID: string;
  readonly S3_SECRET_ACCESS_KEY: string;
}

const HEAD_TIMEOUT_MS = 15_000;
/** A slow client may take this long to send a body through the edge. */
const PUT_TIMEOUT_MS = 15 * 60_000;
const OWN_URL_SECONDS = 60 * 60;

/**
 * Any S3. The SDK signs; the bytes travel by `fetch` on the presigned URL, so that a body is handed on by the
 * runtime and never enters JavaScript (DESIGN.md section 6: twice the throughput of the SDK's own stream).
 */
export function createS3ObjectStore(config: ObjectsConfig): ObjectStore {
  const s3 = createDependency('s3', { timeoutMs: HEAD_TIMEOUT_MS });
  const client = new S3Client({
    endpoint: config.S3_ENDPOINT,
    region: config.S3_REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: config.S3_ACCESS_KEY_ID, secretAccessKey: config.S3_SECRET_ACCESS_KEY },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 2,
  });
  const Bucket = config.S3_BUCKET;

  return {
    put: (key, body, options) => put(client, s3, Bucket, key, body, options),
    get: (key, options) => get(client, s3, Bucket, key, options),
    async delete(key) {
      await s3.call((abortSignal) =>
        client.send(new DeleteObjectCommand({ Bucket, Key: key }), { abortSignal }),
      );
    },
    presignGet: (key, expiresIn) =>
      getSignedUrl(client, new GetObjectCommand({ Bucket, Key: key }), { expiresIn }),
    async check() {
      await s3.call((abortSignal) => client.send(new HeadBucketCommand({ Bucket }), { abortSignal }), {
        timeoutMs: 2_000,
      });
    },
  };
}

async function put(
  client: S3Client,
  s3: Dependency,
  Bucket: string,
  Key: string,
  body: ReadableStream<Uint8Array> | Uint8Array,
  options: PutOptions,
): Promise<void> {
  const headers = putHeaders(options);
  const command = new PutObjectCommand({
    Bucket,
    Key,
    ContentType: options.contentType,
    ContentLength: options.size,
    IfNoneMatch: '*',
    Metadata: encodeMetadata(options.metadata),
    ...(options.sha256 ? { ChecksumSHA256: hexToBase64(options.sha256) } : {}),
  });
  const url = await getSignedUrl(client, command, {
    expiresIn: OWN_URL_SECONDS,
    // Signed as headers, where every S3 looks for them, not hoisted into the query.
    unhoistableHeaders: new Set(Object.keys(headers)),
    signableHeaders: new Set(['host', ...Object.keys(headers)]),
  });
  const init: RequestInit = {
    method: 'PUT',
    headers,
    body,
    ...(options.signal ? { signal: options.signal } : {}),
  };
  const response = await s3.fetch(url, init, { timeoutMs: PUT_TIMEOUT_MS, bodyFromClient: true });
  if (response.ok) {
    await response.body?.cancel();
    return;
  }
  throw await putFailure(response);
}

function putHeaders(options: PutOptions): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': options.contentType,
    'content-length': String(options.size),
    'if-none-match': '*',
  };
  for (const [name, value] of Object.entries(encodeMetadata(options.metadata)))
    headers[`x-amz-meta-${name}`] = value;
  if (options.sha256) headers['x-amz-checksum-sha256'] = hexToBase64(options.sha256);
  return headers;
}

async function putFailure(response: Response): Promise<Error> {
  const code = /<Code>([A-Za-z]+)<\/Code>/.exec(await response.text())?.[1] ?? 'unknown';
  if (code === 'BadDigest' || code === 'XAmzContentChecksumMismatch' || code === 'InvalidDigest')
    return new ObjectRefusedError('digest_mismatch', `the store answered ${code}`);
  if (code === 'IncompleteBody' || code === 'RequestTimeout')
    return new ObjectRefusedError('incomplete', `the store answered ${code}`);
  return new DependencyError('s3', `PUT answered ${response.status} ${code}`);
}

async function get(
  client: S3Client,
  s3: Dependency,
  Bucket: string,
  Key: string,
  options: GetOptions = {},
): Promise<Response | undefined> {
  const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), {
    expiresIn: OWN_URL_SECONDS,
  });
  const response = await s3.fetch(url, {
    headers: options.range ? { range: options.range } : {},
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  if (response.status === 404) return undefined;
  throw new DependencyError('s3', `GET answered ${response.status}`);
}

function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)]),
  );
}

function hexToBase64(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return btoa(String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte, 16))));
}
