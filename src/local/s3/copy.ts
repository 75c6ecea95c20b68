import { readAttributes } from './attributes.ts';
import type { Blobs, Segment } from './blobs.ts';
import type { Received } from './body.ts';
import { type ByteRange, evaluateRead, writeGuard } from './conditions.ts';
import { type Checksum, type ChecksumAlgorithm, createDigests, parseAlgorithm } from './digests.ts';
import { S3Error } from './errors.ts';
import { MAX_UPLOAD_BYTES, type ObjectDependencies, replaceObject, writeBlob } from './objects.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { Store, StoredObject } from './store.ts';
import { percentDecode } from './target.ts';
import { text, xmlDocument } from './xml.ts';

/** CopyObject: the bytes are read and hashed anew, since the ETag of a multipart source is not that of its copy. */
export async function copyObject({ store, blobs, now }: ObjectDependencies, call: S3Call): Promise<Reply> {
  store.assertBucket(call.bucket);
  const guard = writeGuard(call.headers);
  const replaceMetadata = call.headers.get('x-amz-metadata-directive')?.toUpperCase() === 'REPLACE';
  const source = openCopySource(store, blobs, call);
  try {
    if (source.bucket === call.bucket && source.object.key === call.key && !replaceMetadata) {
      throw new S3Error('InvalidRequest', {
        message: 'This copy request is illegal because it would change nothing about the object.',
      });
    }
    const attributes = readAttributes(call.headers);
    const { details, size } = source.object;
    const algorithm =
      parseAlgorithm(call.headers.get('x-amz-checksum-algorithm')) ?? details.checksum?.algorithm;
    const { result, segment } = await copyBytes(blobs, source.object, { offset: 0, length: size }, algorithm);
    const object: StoredObject = {
      key: call.key,
      etag: result.md5,
      size,
      modifiedAt: now(),
      details: {
        attributes: replaceMetadata ? attributes : details.attributes,
        segments: [segment],
        checksum: result.checksum,
      },
    };
    replaceObject(store, blobs, call.bucket, object, guard);
    return xmlReply(copyResult('CopyObjectResult', object.modifiedAt, object.etag, result.checksum));
  } finally {
    source.release();
  }
}

export interface CopySource {
  bucket: string;
  object: StoredObject;
  release(): void;
}

/** Finds what `x-amz-copy-source` names, checks its preconditions and pins it. */
export function openCopySource(store: Store, blobs: Blobs, call: S3Call): CopySource {
  const [path = '', query] = (call.headers.get('x-amz-copy-source') ?? '').split('?');
  if (query !== undefined && query !== 'versionId=null') throw new S3Error('NotImplemented');
  const source = percentDecode(path).replace(/^\//, '');
  const slash = source.indexOf('/');
  if (slash < 1)
    throw new S3Error('InvalidArgument', { message: 'Copy Source must mention the source bucket and key.' });
  const [bucket, key] = [source.slice(0, slash), source.slice(slash + 1)];
  store.assertBucket(bucket);
  const object = store.find(bucket, key);
  if (!object) throw new S3Error('NoSuchKey', { details: { Key: key } });
  const outcome = evaluateRead((name) => call.headers.get(`x-amz-copy-source-${name}`), object);
  if (outcome !== 'ok') throw new S3Error('PreconditionFailed');
  return { bucket, object, release: blobs.pin(object.details.segments) };
}

export async function copyBytes(
  blobs: Blobs,
  object: StoredObject,
  { offset, length }: ByteRange,
  algorithm: ChecksumAlgorithm | undefined,
): Promise<{ result: Received; segment: Segment }> {
  if (length > MAX_UPLOAD_BYTES) throw new S3Error('EntityTooLarge');
  const digests = createDigests({ headers: new Map(), algorithm, etag: true });
  return await writeBlob(blobs, async (writer) => {
    for await (const chunk of blobs.read(object.details.segments, offset, length)) {
      digests.update(chunk);
      await writer.write(chunk);
      // The reader uses its buffers in turn.
      await writer.flush();
    }
    return { size: length, ...digests.finish(new Map()) };
  });
}

export function copyResult(
  name: string,
  modifiedAt: number,
  etag: string,
  checksum: Checksum | undefined,
): string {
  return xmlDocument(
    name,
    text('LastModified', new Date(modifiedAt).toISOString()),
    text('ETag', `"${etag}"`),
    checksumElements(checksum),
  );
}

/** `<ChecksumSHA256>…</ChecksumSHA256><ChecksumType>…</ChecksumType>`. */
export function checksumElements(checksum: Checksum | undefined): string {
  if (!checksum) return '';
  return text(`Checksum${checksum.algorithm}`, checksum.value) + text('ChecksumType', checksum.type);
}
