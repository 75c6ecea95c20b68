import { createHash } from 'node:crypto';
import { encryptionHeaders } from './attributes.ts';
import { writeGuard } from './conditions.ts';
import { checksumElements } from './copy.ts';
import { combineCrc } from './crc.ts';
import { CHECKSUM_ALGORITHMS, type Checksum, checksumHeader, createHasher } from './digests.ts';
import { S3Error } from './errors.ts';
import { type MultipartDependencies, segmentOf } from './multipart.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { StoredObject } from './store.ts';
import type { Part, Upload } from './uploads.ts';
import { childText, parseXml, text, type XmlElement, xmlDocument } from './xml.ts';

/** Room for 10,000 parts with their checksums. */
const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MIN_PART_BYTES = 5 * 1024 * 1024;

/**
 * Makes the parts an object. Their files become its segments as they are, so that completing costs one transaction
 * however large the object is. A completion repeated after a lost answer succeeds again.
 */
export async function completeUpload(dependencies: MultipartDependencies, call: S3Call): Promise<Reply> {
  const { store, blobs, uploads } = dependencies;
  const document = parseXml(await call.body.text(MAX_DOCUMENT_BYTES, { checksumOfObject: true }));
  const id = call.query.get('uploadId') ?? '';
  const guard = writeGuard(call.headers);
  const garbage: Part[] = [];
  const { object, replaced } = store.transaction(() => {
    const upload = uploads.find(call.bucket, call.key, id);
    if (!upload) return { object: completedBefore(dependencies, call, id), replaced: undefined };
    const stored = uploads.parts(id);
    const chosen = chooseParts(document, stored);
    const kept = new Set(chosen);
    garbage.push(...stored.filter((part) => !kept.has(part)));
    const completed = assemble(upload, chosen, call.headers, dependencies.now());
    const previous = store.put(call.bucket, completed, guard);
    uploads.remove(id);
    return { object: completed, replaced: previous };
  });
  blobs.remove([...garbage.map(segmentOf), ...(replaced?.details.segments ?? [])]);
  const answer = xmlDocument(
    'CompleteMultipartUploadResult',
    text('Location', `/${call.bucket}/${call.key}`),
    text('Bucket', call.bucket),
    text('Key', call.key),
    text('ETag', `"${object.etag}"`),
    checksumElements(object.details.checksum),
  );
  return xmlReply(answer, encryptionHeaders(object.details.attributes));
}

function completedBefore({ store, uploads }: MultipartDependencies, call: S3Call, id: string): StoredObject {
  const object = store.find(call.bucket, call.key);
  if (object && object.details.uploadId === id) return object;
  uploads.get(call.bucket, call.key, id);
  throw new S3Error('NoSuchUpload');
}

/** Matches the client's list against what was uploaded: order, ETags, checksums, sizes. */
function chooseParts(document: XmlElement, stored: readonly Part[]): Part[] {
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const asked = document.children.filter(({ name }) => name === 'Part');
  if (document.name !== 'CompleteMultipartUpload' || asked.length === 0) throw new S3Error('MalformedXML');
  let last = 0;
  const chosen = asked.map((element) => {
    const number = Number(childText(element, 'PartNumber'));
    if (!Number.isInteger(number)) throw new S3Error('MalformedXML');
    if (number <= last) throw new S3Error('InvalidPartOrder');
    last = number;
    const part = byNumber.get(number);
    if (!part || !isSamePart(element, part))
      throw new S3Error('InvalidPart', { details: { PartNumber: `${number}` } });
    return part;
  });
  const small = chosen.slice(0, -1).find((part) => part.size < MIN_PART_BYTES);
  if (small) {
    throw new S3Error('EntityTooSmall', {
      details: {
        PartNumber: `${small.number}`,
        ProposedSize: `${small.size}`,
        MinSizeAllowed: `${MIN_PART_BYTES}`,
        ETag: small.etag,
      },
    });
  }
  return chosen;
}

function isSamePart(element: XmlElement, part: Part): boolean {
  if ((childText(element, 'ETag') ?? '').trim().replaceAll('"', '') !== part.etag) return false;
  return CHECKSUM_ALGORITHMS.every((algorithm) => {
    const given = childText(element, `Checksum${algorithm}`);
    return given === undefined || part.algorithm !== algorithm || given === part.checksum;
  });
}

function assemble(
  upload: Upload,
  parts: readonly Part[],
  headers: ReadonlyMap<string, string>,
  now: number,
): StoredObject {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const announcedSize = headers.get('x-amz-mp-object-size');
  if (announcedSize !== undefined && announcedSize !== `${size}`) {
    throw new S3Error('InvalidRequest', { message: 'The provided x-amz-mp-object-size does not match.' });
  }
  const checksum = assembledChecksum(upload, parts);
  const announced = checksum && headers.get(checksumHeader(checksum.algorithm));
  // S3 accepts the composite value with or without its part count.
  if (
    checksum &&
    announced !== undefined &&
    announced.replace(/-\d+$/, '') !== checksum.value.replace(/-\d+$/, '')
  ) {
    throw new S3Error('BadDigest', { message: `The ${checksum.algorithm} you specified did not match.` });
  }
  const md5s = Buffer.concat(parts.map((part) => Buffer.from(part.etag, 'hex')));
  return {
    key: upload.key,
    etag: `${createHash('md5').update(md5s).digest('hex')}-${parts.length}`,
    size,
    modifiedAt: now,
    details: {
      attributes: upload.details.attributes,
      segments: parts.map(segmentOf),
      checksum,
      uploadId: upload.id,
    },
  };
}

function assembledChecksum(upload: Upload, parts: readonly Part[]): Checksum | undefined {
  if (!upload.details.checksum) return undefined;
  const { algorithm, type } = upload.details.checksum;
  const values = parts.map((part) => Buffer.from(part.checksum ?? '', 'base64'));
  if (type === 'COMPOSITE') {
    const hasher = createHasher(algorithm);
    hasher.update(Buffer.concat(values));
    return { algorithm, type, value: `${hasher.digest().toString('base64')}-${parts.length}` };
  }
  if (algorithm === 'SHA1' || algorithm === 'SHA256') throw new Error('A SHA cannot be combined.');
  const combined = values.reduce<Buffer | undefined>(
    (sum, value, index) => (sum ? combineCrc(algorithm, sum, value, parts[index]?.size ?? 0) : value),
    undefined,
  );
  return { algorithm, type, value: combined?.toString('base64') ?? '' };
}
