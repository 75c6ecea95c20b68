import { createHash } from 'node:crypto';
import { type CrcAlgorithm, createCrc } from './crc.ts';
import { S3Error } from './errors.ts';

/** The additional checksums of S3, as spelled in x-amz-checksum-algorithm. */
export const CHECKSUM_ALGORITHMS = ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

const DIGEST_BYTES: Record<ChecksumAlgorithm, number> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

/** A checksum kept with an object; the value is base64, with `-N` behind it when it is a checksum of checksums. */
export interface Checksum {
  algorithm: ChecksumAlgorithm;
  value: string;
  type: 'FULL_OBJECT' | 'COMPOSITE';
}

export interface DigestPlan {
  headers: ReadonlyMap<string, string>;
  /** The SHA-256 the signature binds the body to, in hex. */
  signedSha256?: string | undefined;
  /** A checksum to compute even if the client announced none. */
  algorithm?: ChecksumAlgorithm | undefined;
  etag: boolean;
}

export interface Verified {
  /** MD5 in hex; empty when no ETag was asked for. */
  md5: string;
  checksum?: Checksum;
}

export interface Digests {
  update(chunk: Buffer): void;
  /** Compares everything the client announced; throws BadDigest or its kin. */
  finish(trailers: ReadonlyMap<string, string>): Verified;
}

interface Hasher {
  update(data: Buffer): unknown;
  digest(): Buffer;
}

export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function createHasher(algorithm: ChecksumAlgorithm): Hasher {
  if (algorithm === 'SHA1' || algorithm === 'SHA256') return createHash(algorithm);
  return createCrc(algorithm satisfies CrcAlgorithm);
}

export function parseAlgorithm(value: string | undefined): ChecksumAlgorithm | undefined {
  if (value === undefined) return undefined;
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === value.toUpperCase());
  if (!algorithm)
    throw new S3Error('InvalidRequest', { message: 'The checksum algorithm is not supported.' });
  return algorithm;
}

/** Only the hashes this request needs: nothing here is free at hundreds of MB/s. */
export function createDigests(plan: DigestPlan): Digests {
  const { headers, signedSha256 } = plan;
  const announced = announcedChecksum(headers);
  const algorithm = announced?.algorithm ?? plan.algorithm;
  const contentMd5 = contentMd5Of(headers.get('content-md5'));
  const md5 = plan.etag || contentMd5 ? createHash('md5') : undefined;
  const sha256 = signedSha256 !== undefined || algorithm === 'SHA256' ? createHash('sha256') : undefined;
  const other = algorithm && algorithm !== 'SHA256' ? createHasher(algorithm) : undefined;

  const finish = (trailers: ReadonlyMap<string, string>): Verified => {
    const computedMd5 = md5?.digest();
    const computedSha256 = sha256?.digest();
    if (contentMd5 && computedMd5 && !contentMd5.equals(computedMd5)) throw new S3Error('BadDigest');
    if (signedSha256 !== undefined && computedSha256?.toString('hex') !== signedSha256) {
      throw new S3Error('XAmzContentSHA256Mismatch');
    }
    const verified = { md5: computedMd5?.toString('hex') ?? '' };
    if (!algorithm) return verified;
    const value = (other?.digest() ?? computedSha256)?.toString('base64') ?? '';
    if (announced) assertAnnounced(announced, value, trailers);
    return { ...verified, checksum: { algorithm, value, type: 'FULL_OBJECT' } };
  };
  const update = (chunk: Buffer): void => {
    md5?.update(chunk);
    sha256?.update(chunk);
    other?.update(chunk);
  };
  return { update, finish };
}

interface Announced {
  algorithm: ChecksumAlgorithm;
  /** Undefined when it comes in the trailer. */
  value: string | undefined;
}

function announcedChecksum(headers: ReadonlyMap<string, string>): Announced | undefined {
  const trailer = headers.get('x-amz-trailer')?.toLowerCase();
  const found = CHECKSUM_ALGORITHMS.flatMap((algorithm): Announced[] => {
    const name = checksumHeader(algorithm);
    const value = headers.get(name);
    return value !== undefined || trailer === name ? [{ algorithm, value }] : [];
  });
  const [announced, second] = found;
  if (second) throw new S3Error('InvalidRequest', { message: 'Expecting a single x-amz-checksum- header.' });
  if (announced?.value !== undefined) assertChecksumShape(announced.algorithm, announced.value);
  if (trailer !== undefined && !announced) {
    throw new S3Error('InvalidRequest', {
      message: 'The value specified in the x-amz-trailer header is not supported.',
    });
  }
  return announced;
}

function assertChecksumShape(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === DIGEST_BYTES[algorithm] && bytes.toString('base64') === value) return;
  throw new S3Error('InvalidRequest', {
    message: `Value for ${checksumHeader(algorithm)} header is invalid.`,
  });
}

function assertAnnounced(
  announced: Announced,
  computed: string,
  trailers: ReadonlyMap<string, string>,
): void {
  const given = announced.value ?? trailers.get(checksumHeader(announced.algorithm));
  if (given === undefined) throw new S3Error('MalformedTrailerError');
  if (given !== computed) {
    throw new S3Error('BadDigest', {
      message: `The ${announced.algorithm} you specified did not match the calculated checksum.`,
    });
  }
}

function contentMd5Of(value: string | undefined): Buffer | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length !== 16 || bytes.toString('base64') !== value) throw new S3Error('InvalidDigest');
  return bytes;
}
