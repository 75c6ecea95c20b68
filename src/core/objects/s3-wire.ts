import type { NewObjectOptions } from './object-store.ts';

const METADATA_PREFIX = 'x-amz-meta-';

const PUT_SECONDS = 30;
/** A client on a poor line; what is slower is better off with an upload in parts. */
const SLOWEST_BYTES_PER_SECOND = 8 * 1024;
const MAX_PUT_SECONDS = 15 * 60;

/** How long a body of so many bytes may take on its way from the client through the edge into the store. */
export function putTimeoutMs(size: number): number {
  return Math.min(MAX_PUT_SECONDS, PUT_SECONDS + Math.ceil(size / SLOWEST_BYTES_PER_SECOND)) * 1000;
}

/** What is said about an object when it is made, in headers (lower-case names). */
export function objectHeaders({
  contentType,
  metadata,
  encryption,
}: NewObjectOptions): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': contentType };
  for (const [name, value] of Object.entries(encodeMetadata(metadata)))
    headers[METADATA_PREFIX + name] = value;
  if (encryption) headers['x-amz-server-side-encryption'] = encryption.algorithm;
  if (encryption?.algorithm === 'aws:kms')
    headers['x-amz-server-side-encryption-aws-kms-key-id'] = encryption.keyId;
  return headers;
}

export function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [name, encodeURIComponent(value)]),
  );
}

/** Values that are not percent-encoded UTF-8 are somebody else's, and kept as they are. */
export function decodeMetadata(headers: Headers): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of headers)
    if (name.startsWith(METADATA_PREFIX)) metadata[name.slice(METADATA_PREFIX.length)] = decoded(value);
  return metadata;
}

/** `encoding-type=url` writes a space as a plus sign. */
export function decodeListedKey(key: string): string {
  return decoded(key.replaceAll('+', ' '));
}

export function hexToBase64(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return btoa(String.fromCharCode(...bytes.map((byte) => Number.parseInt(byte, 16))));
}

export function base64ToHex(base64: string): string {
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}

/** How stores that cannot encrypt as asked say so. */
export function refusesEncryption(code: string): boolean {
  return /^(NotImplemented|Invalid(Argument|Request|EncryptionAlgorithmError)|KMS\..+)$/.test(code);
}

export function withoutQuotes(etag: string | null | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
