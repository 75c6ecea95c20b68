import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUCKET, createTestClient, refusal, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  expect(server.internalErrors).toEqual([]);
  await server.close();
});

const put = (
  Key: string,
  Body: string | Buffer | Readable,
  more: Omit<Partial<PutObjectCommand['input']>, 'Body'> = {},
) => server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body, ...more }));
const get = (Key: string, more: Partial<GetObjectCommand['input']> = {}) =>
  server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key, ...more }));
const text = async (Key: string, more: Partial<GetObjectCommand['input']> = {}) =>
  (await get(Key, more)).Body?.transformToString();
const md5 = (data: Buffer) => createHash('md5').update(data).digest('hex');

describe('an object', () => {
  test('comes back with its bytes, headers, metadata and checksum', async () => {
    const stored = await put('plain.txt', 'hello', {
      ContentType: 'text/plain; charset=utf-8',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.txt"',
      ContentEncoding: 'identity',
      Metadata: { 'file-id': 'f_1', owner: 'ada' },
      ChecksumSHA256: createHash('sha256').update('hello').digest('base64'),
    });
    const found = await get('plain.txt', { ChecksumMode: 'ENABLED' });
    expect(stored.ETag).toBe(`"${md5(Buffer.from('hello'))}"`);
    expect(found).toMatchObject({
      ETag: stored.ETag,
      ContentType: 'text/plain; charset=utf-8',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.txt"',
      ContentEncoding: 'identity',
      ContentLength: 5,
      Metadata: { 'file-id': 'f_1', owner: 'ada' },
      ChecksumSHA256: createHash('sha256').update('hello').digest('base64'),
      ChecksumType: 'FULL_OBJECT',
      AcceptRanges: 'bytes',
    });
    expect(await found.Body?.transformToString()).toBe('hello');
  });

  test('can be a stream that only passes once', async () => {
    const data = randomBytes(3_000_000);
    const pieces = [data.subarray(0, 1_000_001), data.subarray(1_000_001)];
    await put('stream', Readable.from(pieces), { ContentLength: data.length });
    const bytes = await (await get('stream')).Body?.transformToByteArray();
    expect(md5(Buffer.from(bytes ?? []))).toBe(md5(data));
    const head = await server.client.send(
      new HeadObjectCommand({ Bucket: BUCKET, Key: 'stream', ChecksumMode: 'ENABLED' }),
    );
    expect(head.ContentLength).toBe(data.length);
    expect(head.ChecksumCRC32).toBeTypeOf('string');
    expect(head.ContentEncoding).toBeUndefined();
  });

  test('can be empty', async () => {
    await put('empty', '');
    expect(await text('empty')).toBe('');
    expect(await refusal(get('empty', { Range: 'bytes=0-' }))).toBe('InvalidRange');
  });

  test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
    'is checked by %s',
    async (algorithm) => {
      const key = `checksum-${algorithm}`;
      const stored = await put(key, 'some bytes', { ChecksumAlgorithm: algorithm });
      expect(stored[`Checksum${algorithm}`]).toBeTypeOf('string');
      const found = await get(key, { ChecksumMode: 'ENABLED' });
      expect(found[`Checksum${algorithm}`]).toBe(stored[`Checksum${algorithm}`]);
      expect(await found.Body?.transformToString()).toBe('some bytes');
    },
  );

  test('is gone after a delete, and deleting it again is no error', async () => {
    await put('short-lived', 'x');
    for (let round = 0; round < 2; round += 1) {
      const answer = await server.client.send(
        new DeleteObjectCommand({ Bucket: BUCKET, Key: 'short-lived' }),
      );
      expect(answer.$metadata.httpStatusCode).toBe(204);
    }
    expect(await refusal(get('short-lived'))).toBe('NoSuchKey');
    const head = new HeadObjectCommand({ Bucket: BUCKET, Key: 'short-lived' });
    expect(await refusal(server.client.send(head))).toBe('NotFound');
  });

  test('is deleted in batches, awkward keys included', async () => {
    const keys = ['batch/<a>&"b"', "batch/it's", 'batch/ö'];
    for (const key of keys) await put(key, 'x');
    const Objects = [...keys, 'batch/missing'].map((Key) => ({ Key }));
    const answer = await server.client.send(
      new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects } }),
    );
    expect(answer.Deleted?.map(({ Key }) => Key)).toEqual([...keys, 'batch/missing']);
    for (const key of keys) expect(await refusal(get(key))).toBe('NoSuchKey');
  });

  test('keeps metadata up to 2 KB, and no more', async () => {
    await put('meta', 'x', { Metadata: { a: 'b'.repeat(2047) } });
    expect(await refusal(put('meta', 'x', { Metadata: { a: 'b'.repeat(2048) } }))).toBe('MetadataTooLarge');
  });

  test('is copied with its metadata or with new one', async () => {
    await put('from/a b+ü', 'copy me', { Metadata: { kind: 'old' }, ContentType: 'text/plain' });
    const CopySource = `${BUCKET}/${encodeURIComponent('from/a b+ü')}`;
    await server.client.send(new CopyObjectCommand({ Bucket: BUCKET, Key: 'to/1', CopySource }));
    expect(await get('to/1')).toMatchObject({ Metadata: { kind: 'old' }, ContentType: 'text/plain' });
    await server.client.send(
      new CopyObjectCommand({
        Bucket: BUCKET,
        Key: 'to/2',
        CopySource,
        MetadataDirective: 'REPLACE',
        Metadata: { kind: 'new' },
      }),
    );
    expect(await get('to/2')).toMatchObject({ Metadata: { kind: 'new' } });
    expect(await text('to/2')).toBe('copy me');
    const onItself = new CopyObjectCommand({ Bucket: BUCKET, Key: 'from/a b+ü', CopySource });
    expect(await refusal(server.client.send(onItself))).toBe('InvalidRequest');
  });
});

describe('a key', () => {
  const odd = [
    'a',
    'a/b',
    'a/',
    '/leading',
    '//double//slash',
    '../../etc/passwd',
    './dot/../dotdot',
    'sp ace+plus%25percent',
    '%2e%2e%2f',
    'caf\u00e9',
    'cafe\u0301',
    'Case',
    'case',
    '😀/\u{10ffff}',
    '!*\'();:@&=$,?#[]<>"\\^`{|}~',
    'x'.repeat(1024),
    'con',
    'trailing ',
    '-',
  ];

  test.each(odd)('can be %j, apart from all others', async (key) => {
    await put(key, `content of ${key}`);
    expect(await text(key)).toBe(`content of ${key}`);
  });

  test('is never confused with another one', async () => {
    for (const key of odd) expect(await text(key)).toBe(`content of ${key}`);
  });

  test('has at most 1024 bytes', async () => {
    expect(await refusal(put('é'.repeat(513), 'x'))).toBe('KeyTooLongError');
  });
});

describe('a range', () => {
  const data = 'abcdefghij';
  beforeAll(async () => {
    await put('range', data);
  });

  test.each([
    ['bytes=0-0', 'a', 'bytes 0-0/10'],
    ['bytes=2-4', 'cde', 'bytes 2-4/10'],
    ['bytes=7-', 'hij', 'bytes 7-9/10'],
    ['bytes=-3', 'hij', 'bytes 7-9/10'],
    ['bytes=-30', data, 'bytes 0-9/10'],
    ['bytes=5-500', 'fghij', 'bytes 5-9/10'],
  ])('%s gives %s', async (Range, expected, contentRange) => {
    const found = await get('range', { Range });
    expect(found.$metadata.httpStatusCode).toBe(206);
    expect(found.ContentRange).toBe(contentRange);
    expect(await found.Body?.transformToString()).toBe(expected);
  });

  test.each(['bytes=10-', 'bytes=10-12', 'bytes=-0'])('%s is refused', async (Range) => {
    expect(await refusal(get('range', { Range }))).toBe('InvalidRange');
  });

  test.each(['bytes=4-2', 'lines=1-2', 'bytes=0-1,3-4'])('%s is ignored', async (Range) => {
    expect((await get('range', { Range })).$metadata.httpStatusCode).toBe(200);
  });

  test('crosses the blocks a file is read in', async () => {
    const big = randomBytes(5 * 1024 * 1024 + 17);
    await put('big', big);
    const from = 1024 * 1024 - 5;
    const to = 4 * 1024 * 1024 + 9;
    const found = await get('big', { Range: `bytes=${from}-${to}` });
    const bytes = Buffer.from((await found.Body?.transformToByteArray()) ?? []);
    expect(md5(bytes)).toBe(md5(big.subarray(from, to + 1)));
  });
});

describe('a precondition', () => {
  test('decides a read', async () => {
    const { ETag = '' } = await put('cond', 'x');
    const past = new Date(Date.now() - 3_600_000);
    const future = new Date(Date.now() + 3_600_000);
    const notModified = { $metadata: { httpStatusCode: 304 } };
    await expect(get('cond', { IfNoneMatch: ETag })).rejects.toMatchObject(notModified);
    await expect(get('cond', { IfModifiedSince: future })).rejects.toMatchObject(notModified);
    expect(await refusal(get('cond', { IfMatch: '"other"' }))).toBe('PreconditionFailed');
    expect(await refusal(get('cond', { IfUnmodifiedSince: past }))).toBe('PreconditionFailed');
    expect(await text('cond', { IfMatch: ETag, IfUnmodifiedSince: past })).toBe('x');
    expect(await text('cond', { IfNoneMatch: '"other"', IfModifiedSince: future })).toBe('x');
  });

  test('decides a write', async () => {
    await put('once', 'first', { IfNoneMatch: '*' });
    expect(await refusal(put('once', 'second', { IfNoneMatch: '*' }))).toBe('PreconditionFailed');
    expect(await refusal(put('once', 'second', { IfMatch: '"other"' }))).toBe('PreconditionFailed');
    expect(await refusal(put('never', 'second', { IfMatch: '"other"' }))).toBe('NoSuchKey');
    expect(await text('once')).toBe('first');
    await put('once', 'second', { IfMatch: `"${md5(Buffer.from('first'))}"` });
    expect(await text('once')).toBe('second');
  });

  test('lets exactly one of twenty racing writers create the object', async () => {
    const writers = Array.from({ length: 20 }, (_, index) =>
      put('race', `writer ${index}`, { IfNoneMatch: '*' }).then(
        () => index,
        () => undefined,
      ),
    );
    const winners = (await Promise.all(writers)).filter((winner) => winner !== undefined);
    expect(winners).toHaveLength(1);
    expect(await text('race')).toBe(`writer ${winners[0]}`);
  });
});

describe('a bucket', () => {
  const Bucket = 'second-bucket';

  test('is created, found, listed and, once empty, deleted', async () => {
    await server.client.send(new CreateBucketCommand({ Bucket }));
    await server.client.send(new HeadBucketCommand({ Bucket }));
    const { Buckets } = await server.client.send(new ListBucketsCommand({}));
    expect(Buckets?.map(({ Name }) => Name)).toEqual([Bucket, BUCKET]);
    const location = await server.client.send(new GetBucketLocationCommand({ Bucket }));
    expect(location.$metadata.httpStatusCode).toBe(200);
    await server.client.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
    expect(await refusal(server.client.send(new DeleteBucketCommand({ Bucket })))).toBe('BucketNotEmpty');
    await server.client.send(new DeleteObjectCommand({ Bucket, Key: 'k' }));
    await server.client.send(new DeleteBucketCommand({ Bucket }));
    expect(await refusal(server.client.send(new HeadBucketCommand({ Bucket })))).toBe('NotFound');
  });

  test('that does not exist is named as such', async () => {
    const call = new PutObjectCommand({ Bucket: 'no-such-bucket', Key: 'k', Body: 'x' });
    expect(await refusal(server.client.send(call))).toBe('NoSuchBucket');
  });
});

describe('the server', () => {
  test('says what it does not implement', async () => {
    const tagging = new GetObjectTaggingCommand({ Bucket: BUCKET, Key: 'plain.txt' });
    expect(await refusal(server.client.send(tagging))).toBe('NotImplemented');
    expect(await refusal(put('encrypted', 'x', { ServerSideEncryption: 'AES256' }))).toBe('NotImplemented');
  });

  test('turns away the wrong secret and the unknown key', async () => {
    const impostor = createTestClient(server.endpoint, 'not-the-secret');
    expect(await refusal(impostor.send(new ListBucketsCommand({})))).toBe('SignatureDoesNotMatch');
    expect((await fetch(`${server.endpoint}/${BUCKET}/plain.txt`)).status).toBe(403);
  });

  test('answers its health check without a signature', async () => {
    expect((await fetch(`${server.endpoint}/_local/healthz`)).status).toBe(200);
  });
});
