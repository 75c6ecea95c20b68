import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { percentEncode } from './target.ts';

/** What every signature of one request shares: the derived key, its scope and the request's time. */
export interface SigningContext {
  key: Buffer;
  scope: string;
  timestamp: string;
}

export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "derive signing key". */
export function deriveSigningKey(secret: string, day: string, region: string): Buffer {
  return hmac(hmac(hmac(hmac(`AWS4${secret}`, day), region), 's3'), 'aws4_request');
}

export interface CanonicalRequest {
  method: string;
  path: string;
  parameters: readonly (readonly [string, string])[];
  headers: ReadonlyMap<string, string>;
  signedHeaders: readonly string[];
  payloadHash: string;
}

/** The request's signature in hex. Header values are latin1 strings holding the bytes of the wire, hashed as such. */
export function requestSignature(context: SigningContext, request: CanonicalRequest): string {
  const query = request.parameters
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .sort(byEncodedPair)
    .join('&');
  const headers = request.signedHeaders.map(
    (name) => `${name}:${trimAll(request.headers.get(name) ?? '')}\n`,
  );
  const canonical = [
    request.method,
    request.path,
    query,
    headers.join(''),
    request.signedHeaders.join(';'),
    request.payloadHash,
  ].join('\n');
  return sign(context, 'AWS4-HMAC-SHA256', createHash('sha256').update(canonical, 'latin1').digest('hex'));
}

/** One chunk of a signed streaming upload: chained to the one before it. */
export function chunkSignature(context: SigningContext, previous: string, dataHash: string): string {
  return sign(context, 'AWS4-HMAC-SHA256-PAYLOAD', previous, EMPTY_SHA256, dataHash);
}

/** The trailing headers of a signed streaming upload. */
export function trailerSignature(context: SigningContext, previous: string, trailerHash: string): string {
  return sign(context, 'AWS4-HMAC-SHA256-TRAILER', previous, trailerHash);
}

/** Constant-time in the content; lengths may be told apart. */
export function equalSignatures(expected: string, given: string): boolean {
  const a = Buffer.from(expected);
  const b = Buffer.from(given);
  return a.length === b.length && timingSafeEqual(a, b);
}

function sign(context: SigningContext, algorithm: string, ...lines: string[]): string {
  const stringToSign = [algorithm, context.timestamp, context.scope, ...lines].join('\n');
  return hmac(context.key, stringToSign).toString('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

function trimAll(value: string): string {
  return value.trim().replace(/[ \t]+/g, ' ');
}

/** By name, then value: plain string order would put `a=` after `a-b=`, since `-` sorts before `=`. */
function byEncodedPair(left: string, right: string): number {
  const a = left.replace('=', '\0');
  const b = right.replace('=', '\0');
  return a < b ? -1 : Number(a > b);
}
