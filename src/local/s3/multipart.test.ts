import { createHash, randomBytes } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHasher } from './digests.ts';
import { BUCKET, refusal, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  expect(server.internalErrors).toEqual([]);
  await server.close();
});

const MIN_PART = 5 * 1024 * 1024;
const data = randomBytes(2 * MIN_PART + 1000);
const pieces = [
  data.subarray(0, MIN_PART),
  data.subarray(MIN_PART, 2 * MIN_PART),
  data.subarray(2 * MIN_PART),
];
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest();

async function begin(
  Key: string,
  more: Partial<CreateMultipartUploadCommand['input']> = {},
): Promise<string> {
  const created = await server.client.send(
    new CreateMultipartUploadCommand({ Bucket: BUCKET, Key, ...more }),
  );
  return created.UploadId ?? '';
}

const upload = (Key: string, UploadId: string, PartNumber: number, Body: Buffer, more = {}) =>
  server.client.send(new UploadPartCommand({ Bucket: BUCKET, Key, UploadId, PartNumber, Body, ...more }));

const complete = (Key: string, UploadId: string, Parts: CompletedPart[], more = {}) =>
  server.client.send(
    new CompleteMultipartUploadCommand({
      Bucket: BUCKET,
      Key,
      UploadId,
      MultipartUpload: { Parts },
      ...more,
    }),
  );

async function uploadAll(Key: string, UploadId: string, more = {}): Promise<CompletedPart[]> {
  const parts: CompletedPart[] = [];
  for (const [index, piece] of pieces.entries()) {
    const { $metadata, ...answer } = await upload(Key, UploadId, index + 1, piece, more);
    parts.push({ PartNumber: index + 1, ...answer });
  }
  return parts;
}

async function bytesOf(Key: string, Range?: string): Promise<Buffer> {
  const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key, Range }));
  return Buffer.from((await found.Body?.transformToByteArray()) ?? []);
}

describe('a multipart upload', () => {
  test('becomes one object with the ETag of its parts', async () => {
    const Key = 'whole';
    const UploadId = await begin(Key, { ContentType: 'video/mp4', Metadata: { a: 'b' } });
    const parts = await uploadAll(Key, UploadId);
    const completed = await complete(Key, UploadId, parts);
    const etag = `"${md5(Buffer.concat(pieces.map(md5))).toString('hex')}-3"`;
    expect(completed.ETag).toBe(etag);
    const head = await server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key }));
    expect(head).toMatchObject({
      ETag: etag,
      ContentLength: data.length,
      ContentType: 'video/mp4',
      Metadata: { a: 'b' },
    });
    expect(md5(await bytesOf(Key))).toEqual(md5(data));
    const seam = await bytesOf(Key, `bytes=${MIN_PART - 3}-${2 * MIN_PART + 2}`);
    expect(md5(seam)).toEqual(md5(data.subarray(MIN_PART - 3, 2 * MIN_PART + 3)));
    const part = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key, PartNumber: 3 }));
    expect([part.PartsCount, part.ContentLength]).toEqual([3, 1000]);
  });

  test('answers a repeated completion like the first', async () => {
    const UploadId = await begin('repeated');
    const parts = await uploadAll('repeated', UploadId);
    const first = await complete('repeated', UploadId, parts);
    expect((await complete('repeated', UploadId, parts)).ETag).toBe(first.ETag);
  });

  test('takes some of the parts and gives up the rest', async () => {
    const before = server.storedFiles();
    const UploadId = await begin('some');
    const parts = await uploadAll('some', UploadId);
    await upload('some', UploadId, 3, Buffer.from('replaced'));
    const last = { PartNumber: 3, ETag: md5(Buffer.from('replaced')).toString('hex') };
    await complete('some', UploadId, [...parts.slice(0, 1), last]);
    expect((await bytesOf('some')).subarray(MIN_PART).toString()).toBe('replaced');
    await expect.poll(() => server.storedFiles()).toBe(before + 2);
  });

  test('is refused when its list of parts is wrong', async () => {
    const UploadId = await begin('wrong');
    const [one = {}, two = {}, three = {}] = await uploadAll('wrong', UploadId);
    expect(await refusal(complete('wrong', UploadId, [two, one]))).toBe('InvalidPartOrder');
    expect(await refusal(complete('wrong', UploadId, [one, one]))).toBe('InvalidPartOrder');
    expect(await refusal(complete('wrong', UploadId, [{ ...one, ETag: three.ETag }]))).toBe('InvalidPart');
    expect(await refusal(complete('wrong', UploadId, [one, { ...two, PartNumber: 7 }]))).toBe('InvalidPart');
    await upload('wrong', UploadId, 1, Buffer.from('small'));
    const small = { PartNumber: 1, ETag: md5(Buffer.from('small')).toString('hex') };
    expect(await refusal(complete('wrong', UploadId, [small, two]))).toBe('EntityTooSmall');
    expect(await refusal(complete('wrong', UploadId, []))).toBe('MalformedXML');
    expect(await refusal(upload('wrong', UploadId, 10_001, Buffer.from('x')))).toBe('InvalidArgument');
    expect(await refusal(upload('wrong', 'no-such-upload', 1, Buffer.from('x')))).toBe('NoSuchUpload');
  });

  test('does not replace an object it must not', async () => {
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'taken', Body: 'first' }));
    const UploadId = await begin('taken');
    const { ETag } = await upload('taken', UploadId, 1, Buffer.from('second'));
    const parts = [{ PartNumber: 1, ETag }];
    expect(await refusal(complete('taken', UploadId, parts, { IfNoneMatch: '*' }))).toBe(
      'PreconditionFailed',
    );
    expect((await bytesOf('taken')).toString()).toBe('first');
    await complete('taken', UploadId, parts);
    expect((await bytesOf('taken')).toString()).toBe('second');
  });

  test('leaves nothing when aborted', async () => {
    const before = server.storedFiles();
    const UploadId = await begin('aborted');
    await uploadAll('aborted', UploadId);
    const abort = () =>
      server.client.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key: 'aborted', UploadId }));
    await abort();
    await expect.poll(() => server.storedFiles()).toBe(before);
    expect(await refusal(abort())).toBe('NoSuchUpload');
  });

  test('refuses a part with a wrong checksum', async () => {
    const UploadId = await begin('damaged');
    const before = server.storedFiles();
    const wrong = upload('damaged', UploadId, 1, Buffer.from('x'), {
      ContentMD5: md5(Buffer.from('y')).toString('base64'),
    });
    expect(await refusal(wrong)).toBe('BadDigest');
    expect(server.storedFiles()).toBe(before);
  });

  test('copies parts from other objects', async () => {
    await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: 'source', Body: data }));
    const UploadId = await begin('copied');
    const copy = (PartNumber: number, CopySourceRange: string) =>
      server.client.send(
        new UploadPartCopyCommand({
          Bucket: BUCKET,
          Key: 'copied',
          UploadId,
          PartNumber,
          CopySource: `${BUCKET}/source`,
          CopySourceRange,
        }),
      );
    const one = await copy(1, `bytes=0-${MIN_PART}`);
    const two = await copy(2, `bytes=${MIN_PART + 1}-${data.length - 1}`);
    expect(await refusal(copy(3, `bytes=0-${data.length}`))).toBe('InvalidArgument');
    await complete('copied', UploadId, [
      { PartNumber: 1, ETag: one.CopyPartResult?.ETag },
      { PartNumber: 2, ETag: two.CopyPartResult?.ETag },
    ]);
    expect(md5(await bytesOf('copied'))).toEqual(md5(data));
  });
});

describe('the checksum of a multipart object', () => {
  test('is one of the checksums of its parts', async () => {
    const UploadId = await begin('composite', { ChecksumAlgorithm: 'SHA256' });
    const parts = await uploadAll('composite', UploadId, { ChecksumAlgorithm: 'SHA256' });
    const completed = await complete('composite', UploadId, parts);
    const sums = pieces.map((piece) => createHash('sha256').update(piece).digest());
    expect(completed.ChecksumSHA256).toBe(
      `${createHash('sha256').update(Buffer.concat(sums)).digest('base64')}-3`,
    );
    expect(md5(await bytesOf('composite'))).toEqual(md5(data));
  });

  test.each(['CRC32', 'CRC32C', 'CRC64NVME'] as const)(
    'is that of the whole for a full-object %s',
    async (algorithm) => {
      const Key = `full-${algorithm}`;
      const asked = { ChecksumAlgorithm: algorithm, ChecksumType: 'FULL_OBJECT' } as const;
      const UploadId = await begin(Key, asked);
      const parts = await uploadAll(Key, UploadId, { ChecksumAlgorithm: algorithm });
      const whole = createHasher(algorithm);
      whole.update(data);
      const expected = whole.digest().toString('base64');
      const wrong = {
        [`Checksum${algorithm}`]: Buffer.alloc(expected.length === 12 ? 8 : 4).toString('base64'),
      };
      expect(await refusal(complete(Key, UploadId, parts, wrong))).toBe('BadDigest');
      const completed = await complete(Key, UploadId, parts, { [`Checksum${algorithm}`]: expected });
      expect(completed[`Checksum${algorithm}`]).toBe(expected);
      expect(md5(await bytesOf(Key))).toEqual(md5(data));
    },
  );
});

describe('the lists of uploads and parts', () => {
  test('are paged in order', async () => {
    const ids = new Map<string, string[]>();
    for (const key of ['list/a', 'list/b/1', 'list/b/2', 'list/c', 'list/c']) {
      ids.set(key, [...(ids.get(key) ?? []), await begin(key)].sort());
    }
    const page = (input: Partial<ListMultipartUploadsCommand['input']>) =>
      server.client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET, Prefix: 'list/', ...input }));
    const whole = await page({});
    expect(whole.Uploads?.map(({ UploadId }) => UploadId)).toEqual([...ids.values()].flat());
    const grouped = await page({ Delimiter: '/', MaxUploads: 3 });
    expect(grouped.CommonPrefixes).toEqual([{ Prefix: 'list/b/' }]);
    expect(grouped.Uploads?.map(({ Key }) => Key)).toEqual(['list/a', 'list/c']);
    const rest = await page({
      Delimiter: '/',
      KeyMarker: grouped.NextKeyMarker,
      UploadIdMarker: grouped.NextUploadIdMarker,
    });
    expect(rest.Uploads?.map(({ UploadId }) => UploadId)).toEqual(ids.get('list/c')?.slice(1));
  });

  test('show the parts there are', async () => {
    const UploadId = await begin('parts');
    for (const number of [3, 1, 20]) await upload('parts', UploadId, number, Buffer.from(`part ${number}`));
    const page = (PartNumberMarker?: string) =>
      server.client.send(
        new ListPartsCommand({ Bucket: BUCKET, Key: 'parts', UploadId, MaxParts: 2, PartNumberMarker }),
      );
    const first = await page();
    expect(first.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 6],
      [3, 6],
    ]);
    expect((await page(first.NextPartNumberMarker)).Parts?.map(({ PartNumber }) => PartNumber)).toEqual([20]);
  });
});
