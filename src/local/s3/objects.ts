import { encryptionHeaders, readAttributes, writeAttributes } from './attributes.ts';
import type { Blobs, BlobWriter, Segment } from './blobs.ts';
import type { Received } from './body.ts';
import { type ByteRange, evaluateRead, parseRange, writeGuard } from './conditions.ts';
import { type Checksum, checksumHeader, parseAlgorithm } from './digests.ts';
import { S3Error } from './errors.ts';
import type { Reply, S3Call } from './reply.ts';
import type { Store, StoredObject } from './store.ts';

/** A single PUT or part: 5 GiB, https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_UPLOAD_BYTES = 5 * 1024 ** 3;

export interface ObjectOperations {
  put(call: S3Call): Promise<Reply>;
  /** GET and HEAD. */
  get(call: S3Call): Reply;
  remove(call: S3Call): Reply;
}

export interface ObjectDependencies {
  store: Store;
  blobs: Blobs;
  now(): number;
}

export function createObjectOperations({ store, blobs, now }: ObjectDependencies): ObjectOperations {
  const put = async (call: S3Call): Promise<Reply> => {
    store.assertBucket(call.bucket);
    const attributes = readAttributes(call.headers);
    const guard = writeGuard(call.headers);
    // Checked again when the bytes are in place; this spares the client an upload that is already lost.
    guard(store.find(call.bucket, call.key));
    const algorithm = parseAlgorithm(call.headers.get('x-amz-checksum-algorithm'));
    const written = await writeBlob(blobs, (writer) =>
      call.body.receive({ etag: true, maxBytes: MAX_UPLOAD_BYTES, algorithm }, (chunk) =>
        writer.write(chunk),
      ),
    );
    const { md5, size, checksum } = written.result;
    const segments = [written.segment];
    const object = {
      key: call.key,
      etag: md5,
      size,
      modifiedAt: now(),
      details: { attributes, segments, checksum },
    };
    replaceObject(store, blobs, call.bucket, object, guard);
    return {
      status: 200,
      headers: { etag: `"${md5}"`, ...encryptionHeaders(attributes), ...checksumHeaders(checksum) },
    };
  };

  const get = (call: S3Call): Reply => {
    store.assertBucket(call.bucket);
    const object = store.find(call.bucket, call.key);
    if (!object) throw new S3Error('NoSuchKey', { details: { Key: call.key } });
    const validators = {
      etag: `"${object.etag}"`,
      'last-modified': new Date(object.modifiedAt).toUTCString(),
    };
    const outcome = evaluateRead((name) => call.headers.get(name), object);
    if (outcome === 'not-modified') return { status: 304, headers: validators };
    if (outcome === 'failed') throw new S3Error('PreconditionFailed');
    const part = partRange(call.query.get('partNumber'), object);
    const range = part ?? parseRange(call.headers, object);
    const { offset, length } = range ?? { offset: 0, length: object.size };
    const wholeObject = length === object.size;
    const headers = {
      ...writeAttributes(object.details.attributes, call.query),
      ...validators,
      'accept-ranges': 'bytes',
      'content-length': `${length}`,
      ...(range && { 'content-range': `bytes ${offset}-${offset + length - 1}/${object.size}` }),
      ...(part && { 'x-amz-mp-parts-count': `${object.details.segments.length}` }),
      // Over a part of the bytes the SDK would compare it with the wrong thing.
      ...(wholeObject && call.headers.get('x-amz-checksum-mode') && checksumHeaders(object.details.checksum)),
    };
    const { segments } = object.details;
    if (call.method === 'HEAD') return { status: range ? 206 : 200, headers };
    return {
      status: range ? 206 : 200,
      headers,
      content: { segments, offset, length, release: blobs.pin(segments) },
    };
  };

  const remove = (call: S3Call): Reply => {
    store.assertBucket(call.bucket);
    const guard = writeGuard(call.headers);
    const removed = store.remove(call.bucket, call.key, guard);
    if (removed) blobs.remove(removed.details.segments);
    return { status: 204 };
  };

  return { put, get, remove };
}

/** Writes one file: complete, verified and synced when this returns; gone without a trace when it throws. */
export async function writeBlob<T extends Received>(
  blobs: Blobs,
  fill: (writer: BlobWriter) => Promise<T>,
): Promise<{ result: T; segment: Segment }> {
  const writer = await blobs.create();
  try {
    const result = await fill(writer);
    await writer.commit();
    return { result, segment: { id: writer.id, size: result.size } };
  } catch (error) {
    await writer.discard();
    throw error;
  }
}

/** Makes the object visible in one step; the files of the loser, old or new, are given up. */
export function replaceObject(
  store: Store,
  blobs: Blobs,
  bucket: string,
  object: StoredObject,
  guard: (existing: StoredObject | undefined) => void,
): void {
  try {
    const replaced = store.put(bucket, object, guard);
    if (replaced) blobs.remove(replaced.details.segments);
  } catch (error) {
    blobs.remove(object.details.segments);
    throw error;
  }
}

export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (!checksum) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

function partRange(partNumber: string | undefined, object: StoredObject): ByteRange | undefined {
  if (partNumber === undefined) return undefined;
  const index = Number(partNumber) - 1;
  const { segments } = object.details;
  const part = segments[index];
  if (!part || object.size === 0)
    throw new S3Error('InvalidRange', { message: 'The requested part does not exist.' });
  const offset = segments.slice(0, index).reduce((sum, segment) => sum + segment.size, 0);
  return { offset, length: part.size };
}
