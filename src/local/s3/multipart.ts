import { encryptionHeaders, readAttributes } from './attributes.ts';
import type { Segment } from './blobs.ts';
import type { Received } from './body.ts';
import { copyBytes, copyResult, openCopySource } from './copy.ts';
import { parseAlgorithm } from './digests.ts';
import { S3Error } from './errors.ts';
import { checksumHeaders, MAX_UPLOAD_BYTES, type ObjectDependencies, writeBlob } from './objects.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { Part, Upload, Uploads } from './uploads.ts';
import { text, xmlDocument } from './xml.ts';

export interface MultipartDependencies extends ObjectDependencies {
  uploads: Uploads;
  newId(): string;
}

const MAX_PARTS = 10_000;

export function createUpload({ store, uploads, now, newId }: MultipartDependencies, call: S3Call): Reply {
  store.assertBucket(call.bucket);
  const { bucket, key, headers } = call;
  const attributes = readAttributes(headers);
  const algorithm = parseAlgorithm(headers.get('x-amz-checksum-algorithm'));
  const checksum = algorithm && {
    algorithm,
    type: checksumType(algorithm, headers.get('x-amz-checksum-type')),
  };
  const upload: Upload = { id: newId(), bucket, key, initiatedAt: now(), details: { attributes, checksum } };
  uploads.create(upload);
  const document = xmlDocument(
    'InitiateMultipartUploadResult',
    text('Bucket', bucket),
    text('Key', key),
    text('UploadId', upload.id),
  );
  return xmlReply(document, {
    ...encryptionHeaders(attributes),
    ...(checksum && { 'x-amz-checksum-algorithm': checksum.algorithm, 'x-amz-checksum-type': checksum.type }),
  });
}

export async function uploadPart(dependencies: MultipartDependencies, call: S3Call): Promise<Reply> {
  const { upload, number } = addressedPart(dependencies, call);
  const algorithm = upload.details.checksum?.algorithm;
  const written = await writeBlob(dependencies.blobs, (writer) =>
    call.body.receive({ etag: true, maxBytes: MAX_UPLOAD_BYTES, algorithm }, (chunk) => writer.write(chunk)),
  );
  const part = keepPart(dependencies, upload, number, written);
  return {
    status: 200,
    headers: {
      etag: `"${part.etag}"`,
      ...encryptionHeaders(upload.details.attributes),
      ...partChecksumHeader(written.result),
    },
  };
}

export async function uploadPartCopy(dependencies: MultipartDependencies, call: S3Call): Promise<Reply> {
  const { upload, number } = addressedPart(dependencies, call);
  const source = openCopySource(dependencies.store, dependencies.blobs, call);
  try {
    const range = copyRange(call.headers.get('x-amz-copy-source-range'), source.object.size);
    const algorithm = upload.details.checksum?.algorithm;
    const written = await copyBytes(dependencies.blobs, source.object, range, algorithm);
    const part = keepPart(dependencies, upload, number, written);
    return xmlReply(copyResult('CopyPartResult', part.modifiedAt, part.etag, written.result.checksum));
  } finally {
    source.release();
  }
}

export function abortUpload({ uploads, blobs, store }: MultipartDependencies, call: S3Call): Reply {
  const upload = uploads.get(call.bucket, call.key, call.query.get('uploadId') ?? '');
  const parts = store.transaction(() => {
    const found = uploads.parts(upload.id);
    uploads.remove(upload.id);
    return found;
  });
  blobs.remove(parts.map(segmentOf));
  return { status: 204 };
}

export function segmentOf(part: Part): Segment {
  return { id: part.segmentId, size: part.size };
}

function addressedPart({ uploads }: MultipartDependencies, call: S3Call): { upload: Upload; number: number } {
  const upload = uploads.get(call.bucket, call.key, call.query.get('uploadId') ?? '');
  const number = Number(call.query.get('partNumber'));
  if (!Number.isInteger(number) || number < 1 || number > MAX_PARTS) {
    throw new S3Error('InvalidArgument', {
      message: `Part number must be an integer between 1 and ${MAX_PARTS}.`,
    });
  }
  return { upload, number };
}

function keepPart(
  { uploads, blobs, now }: MultipartDependencies,
  upload: Upload,
  number: number,
  { result, segment }: { result: Received; segment: Segment },
): Part {
  const part: Part = {
    number,
    etag: result.md5,
    size: segment.size,
    modifiedAt: now(),
    segmentId: segment.id,
    algorithm: result.checksum?.algorithm ?? null,
    checksum: result.checksum?.value ?? null,
  };
  try {
    const expected = upload.details.checksum?.algorithm;
    if (expected && expected !== part.algorithm) {
      throw new S3Error('InvalidRequest', {
        message: `Checksum Type mismatch occurred, expected checksum Type: ${expected}, actual: ${part.algorithm}`,
      });
    }
    const replaced = uploads.putPart(upload, part);
    if (replaced) blobs.remove([segmentOf(replaced)]);
  } catch (error) {
    // The upload ended while this part was on its way.
    blobs.remove([segment]);
    throw error;
  }
  return part;
}

function partChecksumHeader({ checksum }: Received): Record<string, string> {
  const { 'x-amz-checksum-type': _type, ...header } = checksumHeaders(checksum);
  return header;
}

type ChecksumType = NonNullable<Upload['details']['checksum']>['type'];

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html: which goes with which. */
function checksumType(algorithm: string, asked: string | undefined): ChecksumType {
  const onlyFull = algorithm === 'CRC64NVME';
  const onlyComposite = algorithm.startsWith('SHA');
  const type = asked?.toUpperCase() ?? (onlyFull ? 'FULL_OBJECT' : 'COMPOSITE');
  if (type === 'FULL_OBJECT' && !onlyComposite) return type;
  if (type === 'COMPOSITE' && !onlyFull) return type;
  throw new S3Error('InvalidRequest', {
    message: `The ${type} checksum type cannot be used with ${algorithm}.`,
  });
}

function copyRange(value: string | undefined, size: number): { offset: number; length: number } {
  if (value === undefined) return { offset: 0, length: size };
  const match = /^bytes=(\d+)-(\d+)$/.exec(value);
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (first <= last && last < size) return { offset: first, length: last - first + 1 };
  throw new S3Error('InvalidArgument', {
    message: 'The x-amz-copy-source-range value is not a range of the source.',
  });
}
