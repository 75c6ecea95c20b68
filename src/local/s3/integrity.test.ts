import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  chunkSignature,
  deriveSigningKey,
  requestSignature,
  type SigningContext,
  trailerSignature,
} from './signature.ts';
import {
  BUCKET,
  CREDENTIALS,
  codeOf,
  REGION,
  refusal,
  startTestServer,
  type TestServer,
} from './test-server.ts';

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(async () => {
  expect(server.internalErrors).toEqual([]);
  await server.close();
});

const put = (Key: string, Body: string | Buffer, more: Partial<PutObjectCommand['input']> = {}) =>
  server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ...more }));
const exists = (Key: string) =>
  server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key })).then(
    () => true,
    () => false,
  );

describe('an upload with a wrong digest stores nothing', () => {
  const wrong = Buffer.from('something else');
  const digest = (algorithm: string) => createHash(algorithm).update(wrong).digest('base64');

  test.each([
    ['Content-MD5', { ContentMD5: digest('md5') }],
    ['SHA-256', { ChecksumSHA256: digest('sha256') }],
    ['SHA-1', { ChecksumSHA1: digest('sha1') }],
    ['CRC-32', { ChecksumCRC32: 'AAAAAA==' }],
    ['CRC-32C', { ChecksumCRC32C: 'AAAAAA==' }],
    ['CRC-64/NVME', { ChecksumCRC64NVME: 'AAAAAAAAAAA=' }],
  ])('%s', async (_, header) => {
    expect(await refusal(put('damaged', 'the right bytes', header))).toBe('BadDigest');
    expect(await exists('damaged')).toBe(false);
    expect(server.storedFiles()).toBe(0);
  });

  test('and leaves the earlier object as it was', async () => {
    await put('kept', 'earlier');
    expect(await refusal(put('kept', 'later', { ContentMD5: digest('md5') }))).toBe('BadDigest');
    const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'kept' }));
    expect(await found.Body?.transformToString()).toBe('earlier');
    expect(server.storedFiles()).toBe(1);
  });

  test('malformed ones are told apart', async () => {
    expect(await refusal(put('damaged', 'x', { ContentMD5: 'abc' }))).toBe('InvalidDigest');
    expect(await refusal(put('damaged', 'x', { ChecksumSHA256: 'abc' }))).toBe('InvalidRequest');
  });
});

describe('an upload that is cut off stores nothing', () => {
  test.each([
    ['half-way through its length', 'content-length: 1000000'],
    ['half-way through a chunked transfer', 'transfer-encoding: chunked'],
  ])('%s', async (_, framing) => {
    const url = new URL(
      await getSignedUrl(server.client, new PutObjectCommand({ Bucket: BUCKET, Key: 'cut' })),
    );
    const socket = connect(server.port, '127.0.0.1');
    socket.write(`PUT ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n${framing}\r\n\r\n`);
    socket.write(framing.startsWith('transfer') ? `80000\r\n${'x'.repeat(500_000)}` : 'x'.repeat(500_000));
    await expect.poll(() => server.storedFiles()).toBe(1);
    socket.destroy();
    await expect.poll(() => server.storedFiles()).toBe(0);
    expect(await exists('cut')).toBe(false);
  });
});

describe('a reader', () => {
  test('keeps the old bytes while the object is overwritten and deleted', async () => {
    const old = randomBytes(12 * 1024 * 1024);
    await put('shared', old);
    const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: 'shared' }));
    await put('shared', 'new');
    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'shared' }));
    const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    expect(bytes.equals(old)).toBe(true);
    await expect.poll(() => server.storedFiles()).toBe(0);
  });

  test('that goes away lets the file go', async () => {
    await put('left', randomBytes(12 * 1024 * 1024));
    const url = await getSignedUrl(server.client, new GetObjectCommand({ Bucket: BUCKET, Key: 'left' }));
    const aborter = new AbortController();
    const response = await fetch(url, { signal: aborter.signal });
    await response.body?.getReader().read();
    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: 'left' }));
    expect(server.storedFiles()).toBe(1);
    aborter.abort();
    await expect.poll(() => server.storedFiles()).toBe(0);
  });
});

/** A signed streaming upload, as older and non-JavaScript SDKs send it. */
describe('the aws-chunked encoding', () => {
  const KEY = 'chunked';
  const crc32c = 'yZRlqg==';
  const pieces = ['hello ', 'world'];

  interface Tampering {
    chunk?: string;
    trailer?: string;
    length?: number;
  }

  async function send(kind: string, tampering: Tampering = {}): Promise<Response> {
    const timestamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, '');
    const scope = `${timestamp.slice(0, 8)}/${REGION}/s3/aws4_request`;
    const key = deriveSigningKey(CREDENTIALS.secretAccessKey, timestamp.slice(0, 8), REGION);
    const context: SigningContext = { key, scope, timestamp };
    const headers = new Map([
      ['host', new URL(server.endpoint).host],
      ['x-amz-content-sha256', kind],
      ['x-amz-date', timestamp],
      ['x-amz-decoded-content-length', `${tampering.length ?? pieces.join('').length}`],
      ...(kind.endsWith('TRAILER') ? ([['x-amz-trailer', 'x-amz-checksum-crc32c']] as const) : []),
    ]);
    const signedHeaders = [...headers.keys()].sort();
    const path = `/${BUCKET}/${KEY}`;
    const request = { method: 'PUT', path, parameters: [], headers, signedHeaders, payloadHash: kind };
    const seed = requestSignature(context, request);
    headers.set(
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${CREDENTIALS.accessKeyId}/${scope}, SignedHeaders=${signedHeaders.join(';')}, Signature=${seed}`,
    );
    const body = kind.includes('UNSIGNED')
      ? unsignedBody(tampering)
      : signedBody(context, seed, kind, tampering);
    return fetch(server.endpoint + path, { method: 'PUT', headers: [...headers], body });
  }

  function unsignedBody({ chunk, trailer = crc32c }: Tampering): string {
    const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${chunk ?? piece}\r\n`);
    return `${chunks.join('')}0\r\nx-amz-checksum-crc32c:${trailer}\r\n\r\n`;
  }

  function signedBody(
    context: SigningContext,
    seed: string,
    kind: string,
    { chunk, trailer }: Tampering,
  ): string {
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    let previous = seed;
    const chunks = [...pieces, ''].map((piece, index) => {
      previous = chunkSignature(context, previous, sha256(piece));
      const sent = index === 0 ? (chunk ?? piece) : piece;
      return `${piece.length.toString(16)};chunk-signature=${previous}\r\n${sent}${piece === '' ? '' : '\r\n'}`;
    });
    if (!kind.endsWith('TRAILER')) return `${chunks.join('')}\r\n`;
    const line = `x-amz-checksum-crc32c:${crc32c}`;
    const signature = trailerSignature(context, previous, sha256(`${line}\n`));
    const sentLine = trailer === undefined ? line : `x-amz-checksum-crc32c:${trailer}`;
    return `${chunks.join('')}${sentLine}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`;
  }

  const SIGNED = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
  const SIGNED_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';
  const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

  test.each([SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER])('is decoded: %s', async (kind) => {
    const response = await send(kind);
    expect([response.status, await response.text()]).toEqual([200, '']);
    const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: KEY }));
    expect(await found.Body?.transformToString()).toBe('hello world');
  });

  test.each<[string, string, Tampering, string]>([
    ['a changed chunk', SIGNED, { chunk: 'HELLO ' }, 'SignatureDoesNotMatch'],
    ['a changed trailer', SIGNED_TRAILER, { trailer: 'AAAAAA==' }, 'SignatureDoesNotMatch'],
    ['a wrong checksum in the trailer', UNSIGNED_TRAILER, { trailer: 'AAAAAA==' }, 'BadDigest'],
    ['a chunk of another length', UNSIGNED_TRAILER, { chunk: 'longer than it says' }, 'IncompleteBody'],
    ['less than the decoded length', SIGNED, { length: 12 }, 'IncompleteBody'],
    ['more than the decoded length', SIGNED, { length: 10 }, 'IncompleteBody'],
  ])('with %s is refused', async (_, kind, tampering, code) => {
    expect(await codeOf(await send(kind, tampering))).toBe(code);
    expect(await exists(KEY)).toBe(false);
    expect(server.storedFiles()).toBe(0);
  });
});

describe('a refused upload', () => {
  test('is refused before its body is sent when the client asks first', async () => {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `PUT /${BUCKET}/x HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n`,
    );
    const [answer] = await once(socket, 'data');
    socket.destroy();
    expect(String(answer)).toMatch(/^HTTP\/1\.1 403 /);
  });

  test('gets its answer even if the body is large', async () => {
    const response = await fetch(`${server.endpoint}/${BUCKET}/x`, {
      method: 'PUT',
      body: Buffer.alloc(8_000_000),
    });
    expect(await codeOf(response)).toBe('AccessDenied');
  });
});
