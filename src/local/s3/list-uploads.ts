import { encoder, limitOf } from './list.ts';
import { type Reply, type S3Call, xmlReply } from './reply.ts';
import type { Store } from './store.ts';
import type { Upload, Uploads } from './uploads.ts';
import { element, text, xmlDocument } from './xml.ts';

export function listParts(uploads: Uploads, call: S3Call): Reply {
  const upload = uploads.get(call.bucket, call.key, call.query.get('uploadId') ?? '');
  const marker = Number(call.query.get('part-number-marker') ?? 0);
  const limit = limitOf(call, 'max-parts');
  const rest = uploads.parts(upload.id).filter((part) => part.number > marker);
  const page = rest.slice(0, limit);
  const document = xmlDocument(
    'ListPartsResult',
    text('Bucket', call.bucket),
    text('Key', encoder(call)(call.key)),
    text('UploadId', upload.id),
    text('StorageClass', 'STANDARD'),
    text('PartNumberMarker', marker),
    text('NextPartNumberMarker', page.at(-1)?.number ?? marker),
    text('MaxParts', limit),
    text('IsTruncated', rest.length > page.length),
    text('ChecksumAlgorithm', upload.details.checksum?.algorithm),
    text('ChecksumType', upload.details.checksum?.type),
    ...page.map((part) =>
      element(
        'Part',
        text('PartNumber', part.number),
        text('LastModified', new Date(part.modifiedAt).toISOString()),
        text('ETag', `"${part.etag}"`),
        text('Size', part.size),
        part.algorithm && part.checksum ? text(`Checksum${part.algorithm}`, part.checksum) : '',
      ),
    ),
  );
  return xmlReply(document);
}

interface UploadPage {
  uploads: Upload[];
  prefixes: string[];
  /** Where the next page goes on, if there is one. */
  next: { key: string; id: string } | undefined;
}

export function listUploads(store: Store, uploads: Uploads, call: S3Call): Reply {
  store.assertBucket(call.bucket);
  const encode = encoder(call);
  const limit = limitOf(call, 'max-uploads');
  const page = readPage(uploads, call, limit);
  const delimiter = call.query.get('delimiter');
  const document = xmlDocument(
    'ListMultipartUploadsResult',
    text('Bucket', call.bucket),
    text('KeyMarker', encode(call.query.get('key-marker') ?? '')),
    text('UploadIdMarker', call.query.get('upload-id-marker') ?? ''),
    text('NextKeyMarker', page.next && encode(page.next.key)),
    text('NextUploadIdMarker', page.next?.id),
    text('Prefix', encode(call.query.get('prefix') ?? '')),
    text('Delimiter', delimiter === undefined ? undefined : encode(delimiter)),
    text('EncodingType', call.query.get('encoding-type')),
    text('MaxUploads', limit),
    text('IsTruncated', page.next !== undefined),
    ...page.uploads.map((upload) =>
      element(
        'Upload',
        text('Key', encode(upload.key)),
        text('UploadId', upload.id),
        text('StorageClass', 'STANDARD'),
        text('Initiated', new Date(upload.initiatedAt).toISOString()),
        text('ChecksumAlgorithm', upload.details.checksum?.algorithm),
        text('ChecksumType', upload.details.checksum?.type),
      ),
    ),
    ...page.prefixes.map((prefix) => element('CommonPrefixes', text('Prefix', encode(prefix)))),
  );
  return xmlReply(document);
}

function readPage(uploads: Uploads, call: S3Call, limit: number): UploadPage {
  const prefix = call.query.get('prefix') ?? '';
  const delimiter = call.query.get('delimiter') ?? '';
  const keyMarker = call.query.get('key-marker') ?? '';
  const idMarker = call.query.get('upload-id-marker');
  const page: UploadPage = { uploads: [], prefixes: [], next: undefined };
  let last = { key: keyMarker, id: '' };
  for (const upload of uploads.list(call.bucket, keyMarker)) {
    // Without an id marker, all uploads of the marked key are behind us.
    const seen =
      upload.key === keyMarker && keyMarker !== '' && (idMarker === undefined || upload.id <= idMarker);
    if (seen || !upload.key.startsWith(prefix)) continue;
    const at = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length);
    const common = at < 0 ? undefined : upload.key.slice(0, at + delimiter.length);
    if (common !== undefined && (common === keyMarker || common === page.prefixes.at(-1))) continue;
    if (page.uploads.length + page.prefixes.length >= limit) {
      if (limit > 0) page.next = last;
      break;
    }
    if (common === undefined) page.uploads.push(upload);
    else page.prefixes.push(common);
    last = common === undefined ? { key: upload.key, id: upload.id } : { key: common, id: '' };
  }
  return page;
}
