import { S3Error } from './errors.ts';
import type { Attributes } from './store.ts';

/** System metadata that a PUT sets and a GET gives back. */
const KEPT_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-website-redirect-location',
] as const;

/** Headers that ask for something this server does not do; to ignore them would be to lie. */
const UNSUPPORTED_HEADERS = [
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-tagging',
  'x-amz-write-offset-bytes',
] as const;

/** Query parameters of a GET and the header each one replaces. */
const OVERRIDES = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
} as const;

const METADATA_PREFIX = 'x-amz-meta-';
const MAX_METADATA_BYTES = 2048;

const ENCRYPTION = 'x-amz-server-side-encryption';
const ENCRYPTION_KEY = 'x-amz-server-side-encryption-aws-kms-key-id';

/**
 * This server encrypts nothing. With `accepted` it says that it did, for tests of what passes over the wire; without,
 * it refuses whoever asks for it.
 */
export function assertEncryption(headers: ReadonlyMap<string, string>, accepted: boolean): void {
  const algorithm = headers.get(ENCRYPTION);
  if (algorithm === undefined && !headers.has(ENCRYPTION_KEY)) return;
  if (!accepted) throw new S3Error('NotImplemented', { details: { Header: ENCRYPTION } });
  const isKnown = algorithm === 'aws:kms' || (algorithm === 'AES256' && !headers.has(ENCRYPTION_KEY));
  if (!isKnown) throw new S3Error('InvalidArgument', { message: 'The encryption method is not supported.' });
}

/** How the answer to a write says what the object is encrypted with. */
export function encryptionHeaders({ headers }: Attributes): Record<string, string> {
  const names = [ENCRYPTION, ENCRYPTION_KEY];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)));
}

/** Reads system and user metadata from a request. */
export function readAttributes(headers: ReadonlyMap<string, string>): Attributes {
  const unsupported = UNSUPPORTED_HEADERS.find((name) => headers.has(name));
  if (unsupported) throw new S3Error('NotImplemented', { details: { Header: unsupported } });
  const kept: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = fromWire(headers.get(name) ?? '');
    // aws-chunked is how the body travelled, not what it is.
    const stored = name === 'content-encoding' ? value.replace(/(^|,\s*)aws-chunked\b,?\s*/i, '$1') : value;
    if (stored !== '') kept[name] = stored.replace(/,\s*$/, '');
  }
  const metadata: Record<string, string> = {};
  let bytes = 0;
  for (const [header, value] of headers) {
    if (!header.startsWith(METADATA_PREFIX)) continue;
    const name = header.slice(METADATA_PREFIX.length);
    metadata[name] = fromWire(value);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(metadata[name]);
  }
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', {
      details: { Size: `${bytes}`, MaxSizeAllowed: `${MAX_METADATA_BYTES}` },
    });
  }
  return { headers: kept, metadata };
}

/** The headers of a GET or HEAD for these attributes, with the overrides the signer asked for. */
export function writeAttributes(
  attributes: Attributes,
  query: ReadonlyMap<string, string>,
): Record<string, string> {
  const written: Record<string, string> = { 'content-type': 'binary/octet-stream' };
  for (const [name, value] of Object.entries(attributes.headers)) written[name] = toWire(value);
  for (const [name, value] of Object.entries(attributes.metadata)) {
    written[METADATA_PREFIX + name] = isPrintableAscii(value) ? value : encodedWord(value);
  }
  for (const [parameter, header] of Object.entries(OVERRIDES)) {
    const value = query.get(parameter);
    if (value !== undefined) written[header] = toWire(value);
  }
  return written;
}

/** Node hands header bytes over as latin1; S3 reads them as UTF-8. What is not UTF-8 is kept as latin1. */
function fromWire(value: string): string {
  if (isPrintableAscii(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  const decoded = bytes.toString('utf8');
  return decoded.includes('\ufffd') ? value : decoded;
}

/** As UTF-8 bytes. Control characters could split the header, and Node would refuse them later and less clearly. */
function toWire(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being refused
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value)) throw new S3Error('InvalidArgument');
  return Buffer.from(value, 'utf8').toString('latin1');
}

function isPrintableAscii(value: string): boolean {
  return /^[\t\u0020-\u007e]*$/.test(value);
}

/** RFC 2047, as S3 returns metadata outside US-ASCII; see "User-defined object metadata" in its user guide. */
function encodedWord(value: string): string {
  return `=?UTF-8?B?${Buffer.from(value, 'utf8').toString('base64')}?=`;
}
