import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { DependencyError } from '../resilience/dependency.ts';
import {
  type Body,
  type GetOptions,
  type ObjectHead,
  type ObjectPage,
  ObjectRefusedError,
  type ObjectStore,
  type PutOptions,
  type PutResult,
} from './object-store.ts';
import { createS3Access, errorCodeOf, type ObjectsConfig, type S3Access, S3Refusal } from './s3-access.ts';
import { deleteMany } from './s3-delete-many.ts';
import { createS3Multipart } from './s3-multipart.ts';
import {
  base64ToHex,
  decodeListedKey,
  decodeMetadata,
  encodeMetadata,
  hexToBase64,
  objectHeaders,
  putTimeoutMs,
  refusesEncryption,
} from './s3-wire.ts';

export type { ObjectsConfig } from './s3-access.ts';

const MAX_PAGE = 1_000;

/**
 * Any S3. The SDK signs; the bytes travel by `fetch` on the presigned URL, so that a body is handed on by the
 * runtime and never enters JavaScript (docs/decisions/0008: twice the throughput of the SDK's own stream).
 */
export function createS3ObjectStore(
  config: ObjectsConfig,
  pause?: (ms: number) => Promise<void>,
): ObjectStore {
  const s3 = createS3Access(config, pause);
  const Bucket = s3.bucket;
  const head: ObjectStore['head'] = (key) => headObject(s3, key);

  return {
    put: (key, body, options) => put(s3, key, body, options),
    get: (key, options) => get(s3, key, options),
    head,
    list: (page) => list(s3, page),
    async delete(key) {
      const answer = await s3.ask((client, options) =>
        client.send(new DeleteObjectCommand({ Bucket, Key: key }), options),
      );
      if (answer instanceof S3Refusal) throw new DependencyError('s3', `DELETE answered ${answer.code}`);
    },
    deleteMany: (keys) => deleteMany(s3, keys),
    presignGet: (key, expiresIn, { contentType, contentDisposition } = {}) =>
      s3.presign(
        new GetObjectCommand({
          Bucket,
          Key: key,
          ...(contentType ? { ResponseContentType: contentType } : {}),
          ...(contentDisposition ? { ResponseContentDisposition: contentDisposition } : {}),
        }),
        expiresIn,
      ),
    async check() {
      const answer = await s3.ask(
        (client, options) => client.send(new HeadBucketCommand({ Bucket }), options),
        2_000,
      );
      if (answer instanceof S3Refusal) throw new DependencyError('s3', `HEAD answered ${answer.code}`);
    },
    multipart: createS3Multipart(s3, head),
  };
}

async function put(s3: S3Access, Key: string, body: Body, options: PutOptions): Promise<PutResult> {
  const { size, contentType, sha256, signal, encryption } = options;
  const headers = {
    ...objectHeaders(options),
    'content-length': String(size),
    'if-none-match': '*',
    ...(sha256 ? { 'x-amz-checksum-sha256': hexToBase64(sha256) } : {}),
  };
  const command = () =>
    new PutObjectCommand({
      Bucket: s3.bucket,
      Key,
      ContentType: contentType,
      ContentLength: size,
      IfNoneMatch: '*',
      Metadata: encodeMetadata(options.metadata),
      ...(encryption ? { ServerSideEncryption: encryption.algorithm } : {}),
      ...(encryption?.algorithm === 'aws:kms' ? { SSEKMSKeyId: encryption.keyId } : {}),
      ...(sha256 ? { ChecksumSHA256: hexToBase64(sha256) } : {}),
    });
  let attempts = 0;
  const send = () => {
    attempts += 1;
    return s3.send(
      command(),
      { method: 'PUT', headers, body, signal },
      { timeoutMs: putTimeoutMs(size), bodyFromClient: !(body instanceof Uint8Array) },
    );
  };
  const response = body instanceof Uint8Array ? await s3.repeat(send, signal) : await send();
  // Keys are written once: after a lost answer, what stands there is what the earlier attempt wrote.
  const isOwnEarlier = response.status === 412 && attempts > 1 && (await headObject(s3, Key))?.size === size;
  if (!response.ok && !isOwnEarlier) throw await putFailure(response, options);
  await response.body?.cancel();
  if (response.ok) assertStore(response, 'PUT');
  // A 412 does not say how the object was encrypted, so the object itself is asked.
  const said = isOwnEarlier ? await headResponse(s3, Key) : response;
  if (encryption && said?.headers.get('x-amz-server-side-encryption') !== encryption.algorithm) {
    await s3.ask((client, call) => client.send(new DeleteObjectCommand({ Bucket: s3.bucket, Key }), call));
    throw new ObjectRefusedError('not_encrypted', 'the store did not say that it encrypted the object');
  }
  return { digestChecked: sha256 !== undefined && said?.headers.has('x-amz-checksum-sha256') === true };
}

/** Every S3 names the object that it has stored or hands out. What says 200 without that stands in its place. */
function isStore({ headers }: Response): boolean {
  return headers.has('etag');
}

function assertStore(response: Response, method: string): void {
  if (!isStore(response)) throw new DependencyError('s3', `${method} was not answered by an object store`);
}

async function putFailure(response: Response, { encryption }: PutOptions): Promise<Error> {
  const code = errorCodeOf(await response.text());
  if (code === 'BadDigest' || code === 'XAmzContentChecksumMismatch' || code === 'InvalidDigest')
    return new ObjectRefusedError('digest_mismatch', `the store answered ${code}`);
  if (code === 'IncompleteBody' || code === 'RequestTimeout')
    return new ObjectRefusedError('incomplete', `the store answered ${code}`);
  if (encryption && refusesEncryption(code))
    return new ObjectRefusedError('not_encrypted', `the store answered ${code}`);
  return new DependencyError('s3', `PUT answered ${response.status} ${code}`);
}

async function get(s3: S3Access, Key: string, options: GetOptions = {}): Promise<Response | undefined> {
  const response = await s3.repeat(
    () =>
      s3.send(new GetObjectCommand({ Bucket: s3.bucket, Key }), {
        method: 'GET',
        unsignedHeaders: options.range ? { range: options.range } : {},
        signal: options.signal,
      }),
    options.signal,
  );
  if (response.ok && isStore(response)) return response;
  if (response.status === 416) return response;
  await response.body?.cancel();
  if (response.ok) assertStore(response, 'GET');
  if (response.status === 404) return undefined;
  throw new DependencyError('s3', `GET answered ${response.status}`);
}

async function headResponse(s3: S3Access, Key: string): Promise<Response | undefined> {
  const headers = { 'x-amz-checksum-mode': 'ENABLED' };
  const command = () => new HeadObjectCommand({ Bucket: s3.bucket, Key, ChecksumMode: 'ENABLED' });
  const response = await s3.repeat(() => s3.send(command(), { method: 'HEAD', headers }));
  if (response.ok) return response;
  if (response.status === 404) return undefined;
  throw new DependencyError('s3', `HEAD answered ${response.status}`);
}

async function headObject(s3: S3Access, key: string): Promise<ObjectHead | undefined> {
  const response = await headResponse(s3, key);
  if (response === undefined) return undefined;
  const { headers } = response;
  const checksum = headers.get('x-amz-checksum-sha256') ?? '';
  return {
    size: Number(headers.get('content-length')),
    contentType: headers.get('content-type') ?? 'application/octet-stream',
    metadata: decodeMetadata(headers),
    // Of parts (…-3) it is not one of the bytes.
    ...(/^[A-Za-z0-9+/]{43}=$/.test(checksum) ? { sha256: base64ToHex(checksum) } : {}),
    modifiedAt: new Date(headers.get('last-modified') ?? 0),
  };
}

async function list(s3: S3Access, page: Parameters<ObjectStore['list']>[0]): Promise<ObjectPage> {
  const command = new ListObjectsV2Command({
    Bucket: s3.bucket,
    Prefix: page.prefix,
    MaxKeys: Math.min(page.limit, MAX_PAGE),
    // XML cannot carry every key.
    EncodingType: 'url',
    ...(page.after ? { StartAfter: page.after } : {}),
  });
  const answer = await s3.ask((client, options) => client.send(command, options));
  if (answer instanceof S3Refusal) throw new DependencyError('s3', `LIST answered ${answer.code}`);
  const objects = (answer.Contents ?? []).map(({ Key = '', Size = 0, LastModified = new Date(0) }) => ({
    key: decodeListedKey(Key),
    size: Size,
    modifiedAt: LastModified,
  }));
  return { objects, next: answer.IsTruncated ? (objects.at(-1)?.key ?? null) : null };
}
