import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { NewObjectOptions, ObjectStore, StoredPart } from '../../core/objects/object-store.ts';
import { inTurns } from './in-turns.ts';
import { readLines } from './lines.ts';
import { type CopiedObject, objectPath, objectSchema } from './manifest.ts';
import type { VerifiedBackup } from './verify-backup.ts';

export interface ObjectsRestore {
  readonly store: Pick<ObjectStore, 'head' | 'put' | 'multipart'>;
  /** Of objects that the store encrypted with a key of its own. */
  readonly kmsKeyId: string | undefined;
  /** Larger ones go in parts of this size, bytes; S3 takes up to 5 GiB at once. */
  readonly partBytes?: number;
}

export interface ObjectsRestored {
  readonly put: number;
  /** Were in the bucket. */
  readonly there: number;
  /** Keys without their object, and why. */
  readonly missing: ReadonlyMap<string, string>;
}

const AT_ONCE = 4;
const PART_BYTES = 256 * 1024 * 1024;
const MAX_PARTS = 10_000;

/** Puts back what is not there. What is under a key already, of the same size, is left: objects never change. */
export async function restoreObjects(
  restore: ObjectsRestore,
  { folder, manifest, unusable }: VerifiedBackup,
): Promise<ObjectsRestored> {
  const missing = new Map<string, string>();
  const counts = { put: 0, there: 0 };
  await inTurns(readLines(join(folder, manifest.objects.file)), AT_ONCE, async (line) => {
    const object = objectSchema.parse(JSON.parse(line));
    const { key } = object;
    const why = unusable.get(key);
    const found = await restore.store.head(key);
    if (object.state === 'copied' && found !== undefined && !isSame(found, object))
      missing.set(key, `another object of ${found.size} bytes is under its key in the bucket`);
    else if (found !== undefined) counts.there += 1;
    else if (why !== undefined || object.state !== 'copied')
      missing.set(key, why ?? 'it is not in the backup');
    else {
      await putBack(restore, folder, object);
      counts.put += 1;
    }
  });
  return { ...counts, missing };
}

const isSame = (found: { size: number; sha256?: string }, { size, sha256 }: CopiedObject): boolean =>
  found.size === size && (found.sha256 === undefined || found.sha256 === sha256);

async function putBack(
  { store, kmsKeyId, partBytes = PART_BYTES }: ObjectsRestore,
  folder: string,
  object: CopiedObject,
): Promise<void> {
  const { key, size, sha256, contentType, metadata } = object;
  const path = objectPath(folder, key);
  const options = { contentType, metadata, ...encryptionOf(object, kmsKeyId) };
  if (size > partBytes) return putInParts(store, path, object, options, partBytes);
  await store.put(key, streamOf(path), { ...options, size, sha256 });
}

async function putInParts(
  { multipart }: ObjectsRestore['store'],
  path: string,
  { key, size }: CopiedObject,
  options: NewObjectOptions,
  wanted: number,
): Promise<void> {
  const partBytes = Math.max(wanted, Math.ceil(size / MAX_PARTS));
  const uploadId = await multipart.create(key, options);
  const parts: StoredPart[] = [];
  try {
    for (let start = 0; start < size; start += partBytes) {
      const number = parts.length + 1;
      const end = Math.min(size, start + partBytes);
      const body = streamOf(path, start, end);
      const etag = await multipart.putPart(key, uploadId, { number, size: end - start, body });
      parts.push({ number, etag, size: end - start });
    }
    await multipart.complete(key, uploadId, parts);
  } catch (error) {
    await multipart.abort(key, uploadId);
    throw error;
  }
}

/** As `x-amz-meta-encryption` says that it was; what is sealed is sealed already. */
function encryptionOf(
  { key, metadata }: CopiedObject,
  kmsKeyId: string | undefined,
): Pick<NewObjectOptions, 'encryption'> {
  if (metadata.encryption === 'sse-s3') return { encryption: { algorithm: 'AES256' } };
  if (metadata.encryption !== 'sse-kms') return {};
  if (kmsKeyId === undefined) throw new Error(`${key} has to be encrypted by the store: set S3_KMS_KEY_ID.`);
  return { encryption: { algorithm: 'aws:kms', keyId: kmsKeyId } };
}

/** @param end  exclusive */
function streamOf(path: string, start = 0, end = Number.POSITIVE_INFINITY): ReadableStream<Uint8Array> {
  return Readable.toWeb(createReadStream(path, { start, end: end - 1 }));
}
