import { S3Error } from './errors.ts';
import type { Reply, S3Call } from './reply.ts';
import { xmlReply } from './reply.ts';
import type { ListedObject, Store } from './store.ts';
import { percentEncode } from './target.ts';
import { element, text, xmlDocument } from './xml.ts';

const MAX_KEYS = 1000;
/** The highest code point: sorts behind everything that follows a prefix in all but contrived keys. */
const BEHIND = '\u{10ffff}';

interface PageRequest {
  prefix: string;
  delimiter: string;
  /** The last key or common prefix already seen; nothing when empty. */
  after: string;
  maxKeys: number;
}

interface Page {
  objects: ListedObject[];
  prefixes: string[];
  /** The last entry, when there is more behind it. */
  next: string | undefined;
}

export function listObjectsV2(store: Store, call: S3Call): Reply {
  store.assertBucket(call.bucket);
  const token = call.query.get('continuation-token');
  const startAfter = call.query.get('start-after');
  const request = pageRequest(call, token === undefined ? (startAfter ?? '') : decodeToken(token));
  const page = readPage(store, call.bucket, request);
  const encode = encoder(call);
  const count = page.objects.length + page.prefixes.length;
  return listReply(call, request, page, [
    text('KeyCount', count),
    text('ContinuationToken', token),
    text('NextContinuationToken', page.next && Buffer.from(page.next).toString('base64url')),
    text('StartAfter', startAfter === undefined ? undefined : encode(startAfter)),
  ]);
}

export function listObjectsV1(store: Store, call: S3Call): Reply {
  store.assertBucket(call.bucket);
  const marker = call.query.get('marker') ?? '';
  const request = pageRequest(call, marker);
  const page = readPage(store, call.bucket, request);
  const encode = encoder(call);
  // S3 gives NextMarker only with a delimiter; without one it is the last key anyway.
  const next = page.next !== undefined && request.delimiter !== '' ? encode(page.next) : undefined;
  return listReply(call, request, page, [text('Marker', encode(marker)), text('NextMarker', next)]);
}

/** `encoding-type=url` escapes keys, so that those XML cannot carry arrive whole. */
export function encoder(call: S3Call): (value: string) => string {
  const type = call.query.get('encoding-type');
  if (type === undefined) return (value) => value;
  if (type !== 'url')
    throw new S3Error('InvalidArgument', { message: 'Invalid Encoding Method specified in Request' });
  return (value) => percentEncode(value).replaceAll('%2F', '/');
}

/** A count parameter: at most 1000, as on S3. */
export function limitOf(call: S3Call, name: string): number {
  const value = call.query.get(name) ?? `${MAX_KEYS}`;
  if (!/^\d{1,10}$/.test(value))
    throw new S3Error('InvalidArgument', { message: `${name} is not a valid count.` });
  return Math.min(Number(value), MAX_KEYS);
}

function pageRequest(call: S3Call, after: string): PageRequest {
  return {
    prefix: call.query.get('prefix') ?? '',
    delimiter: call.query.get('delimiter') ?? '',
    after,
    maxKeys: limitOf(call, 'max-keys'),
  };
}

/** Walks the index in key order and leaps over each common prefix, so a page costs its entries, not the bucket. */
function readPage(store: Store, bucket: string, request: PageRequest): Page {
  const page: Page = { objects: [], prefixes: [], next: undefined };
  if (request.maxKeys === 0) return page;
  let last = '';
  const add = (entry: string): boolean => {
    const full = page.objects.length + page.prefixes.length >= request.maxKeys;
    if (full) page.next = last;
    else last = entry;
    return !full;
  };
  let position: string | undefined = request.after;
  let exclusive = request.after !== '';
  if (Buffer.compare(Buffer.from(position), Buffer.from(request.prefix)) < 0) {
    position = request.prefix;
    exclusive = false;
  }
  while (position !== undefined) {
    const leap: { to: string | undefined } = { to: undefined };
    for (const object of store.scan(bucket, position, exclusive)) {
      if (!object.key.startsWith(request.prefix)) break;
      const common = commonPrefix(object.key, request);
      if (common === undefined) {
        if (!add(object.key)) break;
        page.objects.push(object);
        continue;
      }
      if (common !== request.after && common !== page.prefixes.at(-1)) {
        if (!add(common)) break;
        page.prefixes.push(common);
      }
      leap.to = leapTarget(common, object.key);
      break;
    }
    position = leap.to;
    exclusive = true;
  }
  return page;
}

/** Behind all keys of the group; a key beyond that (it continues with U+10FFFF) is walked past one at a time. */
function leapTarget(common: string, key: string): string {
  return key.startsWith(common + BEHIND) ? key : common + BEHIND;
}

function commonPrefix(key: string, { prefix, delimiter }: PageRequest): string | undefined {
  if (delimiter === '') return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

function listReply(call: S3Call, request: PageRequest, page: Page, cursor: string[]): Reply {
  const encode = encoder(call);
  const document = xmlDocument(
    'ListBucketResult',
    text('Name', call.bucket),
    text('Prefix', encode(request.prefix)),
    text('Delimiter', request.delimiter === '' ? undefined : encode(request.delimiter)),
    text('MaxKeys', request.maxKeys),
    text('EncodingType', call.query.get('encoding-type')),
    text('IsTruncated', page.next !== undefined),
    ...cursor,
    ...page.objects.map((object) =>
      element(
        'Contents',
        text('Key', encode(object.key)),
        text('LastModified', new Date(object.modifiedAt).toISOString()),
        text('ETag', `"${object.etag}"`),
        text('Size', object.size),
        text('StorageClass', 'STANDARD'),
      ),
    ),
    ...page.prefixes.map((prefix) => element('CommonPrefixes', text('Prefix', encode(prefix)))),
  );
  return xmlReply(document);
}

function decodeToken(token: string): string {
  const decoded = Buffer.from(token, 'base64url').toString('utf8');
  if (Buffer.from(decoded).toString('base64url') === token) return decoded;
  throw new S3Error('InvalidArgument', { message: 'The continuation token provided is incorrect' });
}
