import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { DependencyError } from '../resilience/dependency.ts';
import {
  type MultipartStore,
  ObjectRefusedError,
  type ObjectStore,
  type PartBody,
  type RefusalReason,
  type StoredPart,
  type UploadPage,
} from './object-store.ts';
import { errorCodeOf, type S3Access, S3Refusal } from './s3-access.ts';
import {
  decodeListedKey,
  encodeMetadata,
  putTimeoutMs,
  refusesEncryption,
  withoutQuotes,
} from './s3-wire.ts';

/** A store may take minutes to put ten thousand parts together. */
const COMPLETE_TIMEOUT_MS = 5 * 60_000;
const MAX_PAGE = 1_000;

const REASONS: Readonly<Record<string, RefusalReason>> = {
  NoSuchUpload: 'no_upload',
  NoSuchKey: 'no_upload',
  InvalidPart: 'part_missing',
  InvalidPartOrder: 'part_order',
  EntityTooSmall: 'part_too_small',
};

export function createS3Multipart(s3: S3Access, head: ObjectStore['head']): MultipartStore {
  const Bucket = s3.bucket;
  const abort: MultipartStore['abort'] = async (Key, UploadId) => {
    const command = new AbortMultipartUploadCommand({ Bucket, Key, UploadId });
    const answer = await s3.ask((client, options) => client.send(command, options));
    if (answer instanceof S3Refusal && !isUnknownUpload(answer)) throw unexpected('abort', answer);
  };

  return {
    abort,
    async create(Key, { contentType, metadata, encryption }) {
      const command = new CreateMultipartUploadCommand({
        Bucket,
        Key,
        ContentType: contentType,
        Metadata: encodeMetadata(metadata),
        ...(encryption ? { ServerSideEncryption: encryption.algorithm } : {}),
        ...(encryption?.algorithm === 'aws:kms' ? { SSEKMSKeyId: encryption.keyId } : {}),
      });
      const answer = await s3.ask((client, options) =>
        client.send(command, options).catch((error: unknown) => {
          if (encryption && error instanceof S3ServiceException && refusesEncryption(error.name))
            return new ObjectRefusedError('not_encrypted', `the store answered ${error.name}`);
          throw error;
        }),
      );
      if (answer instanceof ObjectRefusedError) throw answer;
      if (answer instanceof S3Refusal) throw unexpected('create', answer);
      const { UploadId, ServerSideEncryption } = answer;
      if (UploadId === undefined) throw new DependencyError('s3', 'create answered without an upload id');
      if (encryption === undefined || ServerSideEncryption === encryption.algorithm) return UploadId;
      await abort(Key, UploadId);
      throw new ObjectRefusedError('not_encrypted', 'the store did not say that it will encrypt the object');
    },
    putPart: (key, uploadId, part) => putPart(s3, key, uploadId, part),
    presignPart: (key, uploadId, part, expiresIn) =>
      s3.presign(partCommand(Bucket, key, uploadId, part), expiresIn, {
        'content-length': String(part.size),
      }),
    parts: (key, uploadId) => listParts(s3, key, uploadId),
    complete: (key, uploadId, parts) => complete(s3, head, key, uploadId, parts),
    list: (page) => listUploads(s3, page),
  };
}

function partCommand(
  Bucket: string,
  Key: string,
  UploadId: string,
  { number, size }: { readonly number: number; readonly size: number },
): UploadPartCommand {
  return new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: number, ContentLength: size });
}

async function putPart(s3: S3Access, key: string, uploadId: string, part: PartBody): Promise<string> {
  const { body, signal } = part;
  const isRepeatable = body instanceof Uint8Array;
  const send = () =>
    s3.send(
      partCommand(s3.bucket, key, uploadId, part),
      { method: 'PUT', headers: { 'content-length': String(part.size) }, body, signal },
      { timeoutMs: putTimeoutMs(part.size), bodyFromClient: !isRepeatable },
    );
  const response = isRepeatable ? await s3.repeat(send, signal) : await send();
  const etag = withoutQuotes(response.headers.get('etag'));
  if (response.ok && etag !== '') {
    await response.body?.cancel();
    return etag;
  }
  const code = errorCodeOf(await response.text());
  if (code === 'NoSuchUpload')
    throw new ObjectRefusedError('no_upload', 'the store does not know the upload');
  if (code === 'IncompleteBody' || code === 'RequestTimeout')
    throw new ObjectRefusedError('incomplete', `the store answered ${code}`);
  throw new DependencyError('s3', `a part answered ${response.status} ${code}`);
}

async function listParts(s3: S3Access, Key: string, UploadId: string): Promise<StoredPart[] | undefined> {
  const parts: StoredPart[] = [];
  let marker = '0';
  for (;;) {
    const command = new ListPartsCommand({
      Bucket: s3.bucket,
      Key,
      UploadId,
      MaxParts: MAX_PAGE,
      PartNumberMarker: marker,
    });
    const answer = await s3.ask((client, options) => client.send(command, options));
    if (answer instanceof S3Refusal) {
      if (isUnknownUpload(answer)) return undefined;
      throw unexpected('list of parts', answer);
    }
    for (const { PartNumber = 0, ETag, Size = 0 } of answer.Parts ?? [])
      parts.push({ number: PartNumber, etag: withoutQuotes(ETag), size: Size });
    const next = answer.NextPartNumberMarker;
    // A store that says "more" without saying where would be asked for ever.
    if (!answer.IsTruncated) return parts;
    if (next === undefined || next === marker)
      throw new DependencyError('s3', 'a list of parts does not go on');
    marker = next;
  }
}

async function complete(
  s3: S3Access,
  head: ObjectStore['head'],
  Key: string,
  UploadId: string,
  parts: readonly StoredPart[],
): Promise<void> {
  // Not every store looks: Ceph would put them into order.
  if (parts.some(({ number }, index) => number <= (parts[index - 1]?.number ?? 0)))
    throw new ObjectRefusedError('part_order', 'parts have to come in ascending order, each once');
  const command = new CompleteMultipartUploadCommand({
    Bucket: s3.bucket,
    Key,
    UploadId,
    IfNoneMatch: '*',
    MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
  });
  const answer = await s3.ask((client, options) => client.send(command, options), COMPLETE_TIMEOUT_MS);
  if (!(answer instanceof S3Refusal)) return;
  if (isUnknownUpload(answer) || answer.code === 'PreconditionFailed') {
    // Its own earlier success, whose answer was lost: nobody else writes under this key.
    const size = parts.reduce((sum, part) => sum + part.size, 0);
    if ((await head(Key))?.size === size) return;
  }
  const reason = REASONS[answer.code];
  if (reason) throw new ObjectRefusedError(reason, `the store answered ${answer.code}`);
  throw unexpected('complete', answer);
}

async function listUploads(s3: S3Access, page: Parameters<MultipartStore['list']>[0]): Promise<UploadPage> {
  const command = new ListMultipartUploadsCommand({
    Bucket: s3.bucket,
    Prefix: page.prefix,
    MaxUploads: Math.min(page.limit, MAX_PAGE),
    EncodingType: 'url',
    ...(page.after ? { KeyMarker: page.after.key, UploadIdMarker: page.after.uploadId } : {}),
  });
  const answer = await s3.ask((client, options) => client.send(command, options));
  if (answer instanceof S3Refusal) throw unexpected('list of uploads', answer);
  const uploads = (answer.Uploads ?? []).map(({ Key = '', UploadId = '', Initiated = new Date(0) }) => ({
    key: decodeListedKey(Key),
    uploadId: UploadId,
    startedAt: Initiated,
  }));
  const last = uploads.at(-1);
  return { uploads, next: answer.IsTruncated && last ? { key: last.key, uploadId: last.uploadId } : null };
}

/** Ceph calls it a missing key. */
function isUnknownUpload({ code }: { readonly code: string }): boolean {
  return code === 'NoSuchUpload' || code === 'NoSuchKey';
}

function unexpected(operation: string, { code }: S3Refusal): DependencyError {
  return new DependencyError('s3', `${operation} answered ${code}`);
}
