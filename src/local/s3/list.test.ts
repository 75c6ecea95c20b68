import {
  ListObjectsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createStore, openDatabase } from './store.ts';
import { BUCKET, refusal, startTestServer, type TestServer } from './test-server.ts';

const KEYS = [
  'a',
  'a/1',
  'a/2',
  'a/\u{10ffff}x/deep',
  'a0',
  'b//x',
  'b/y',
  'control\u0001\n',
  'd/e/f/1',
  'd/e/f/2',
  'd/g',
  'ﬀ \u{ffff}',
  'z&<>"\'',
  '😀',
].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  for (const Key of KEYS) await server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: Key }));
});
afterAll(async () => {
  expect(server.internalErrors).toEqual([]);
  await server.close();
});

const list = (input: Partial<ListObjectsV2CommandInput>) =>
  server.client.send(new ListObjectsV2Command({ Bucket: BUCKET, EncodingType: 'url', ...input }));

/** All pages of the listing, keys and common prefixes as they came. */
async function all(
  input: Partial<ListObjectsV2CommandInput>,
): Promise<{ keys: string[]; prefixes: string[] }> {
  const found = { keys: [] as string[], prefixes: [] as string[] };
  const pages = paginateListObjectsV2(
    { client: server.client, pageSize: input.MaxKeys ?? 1000 },
    { Bucket: BUCKET, EncodingType: 'url', ...input },
  );
  for await (const page of pages) {
    const count = (page.Contents?.length ?? 0) + (page.CommonPrefixes?.length ?? 0);
    expect(count).toBe(page.KeyCount);
    expect(count).toBeLessThanOrEqual(input.MaxKeys ?? 1000);
    for (const { Key = '' } of page.Contents ?? []) found.keys.push(decodeURIComponent(Key));
    for (const { Prefix = '' } of page.CommonPrefixes ?? []) found.prefixes.push(decodeURIComponent(Prefix));
  }
  return found;
}

describe('a listing', () => {
  test.each([1, 2, 3, 1000])('has all keys in UTF-8 order, %i to a page', async (MaxKeys) => {
    expect((await all({ MaxKeys })).keys).toEqual(KEYS);
  });

  test.each([1, 2, 1000])('rolls keys up at the delimiter, %i entries to a page', async (MaxKeys) => {
    expect(await all({ MaxKeys, Delimiter: '/' })).toEqual({
      keys: KEYS.filter((key) => !key.includes('/')),
      prefixes: ['a/', 'b/', 'd/'],
    });
    expect(await all({ MaxKeys, Delimiter: '/', Prefix: 'a/' })).toEqual({
      keys: ['a/1', 'a/2'],
      prefixes: ['a/\u{10ffff}x/'],
    });
    expect((await all({ MaxKeys, Delimiter: '/e/' })).prefixes).toEqual(['d/e/']);
  });

  test('starts after a key', async () => {
    expect((await all({ StartAfter: 'a/2' })).keys).toEqual(KEYS.slice(KEYS.indexOf('a/2') + 1));
    expect((await all({ StartAfter: 'zzz', Prefix: 'a' })).keys).toEqual([]);
  });

  test('carries awkward keys in plain XML too', async () => {
    const page = await list({ EncodingType: undefined, Prefix: 'z' });
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(['z&<>"\'']);
  });

  test('gives size, ETag and time', async () => {
    const [found] = (await list({ Prefix: 'a0' })).Contents ?? [];
    expect(found).toMatchObject({ Key: 'a0', Size: 2, ETag: expect.stringMatching(/^"[0-9a-f]{32}"$/) });
    expect(Math.abs(Date.now() - (found?.LastModified?.getTime() ?? 0))).toBeLessThan(60_000);
  });

  test('of the first version pages by marker', async () => {
    const first = await server.client.send(
      new ListObjectsCommand({ Bucket: BUCKET, Delimiter: '/', MaxKeys: 2, EncodingType: 'url' }),
    );
    expect([first.Contents?.[0]?.Key, first.CommonPrefixes?.[0]?.Prefix]).toEqual(['a', 'a/']);
    expect([first.IsTruncated, first.NextMarker]).toEqual([true, 'a/']);
    const second = await server.client.send(
      new ListObjectsCommand({ Bucket: BUCKET, Delimiter: '/', MaxKeys: 2, Marker: 'a/' }),
    );
    expect([second.Contents?.[0]?.Key, second.CommonPrefixes?.[0]?.Prefix]).toEqual(['a0', 'b/']);
  });

  test('refuses a token it did not give', async () => {
    expect(await refusal(list({ ContinuationToken: '!!' }))).toBe('InvalidArgument');
    expect((await list({ MaxKeys: 0 })).IsTruncated).toBe(false);
  });

  test('costs its entries, not the bucket', () => {
    const store = createStore(openDatabase(':memory:'));
    store.createBucket('big-bucket', 0);
    const details = { attributes: { headers: {}, metadata: {} }, segments: [] };
    store.transaction(() => {
      for (let index = 0; index < 100_000; index += 1) {
        const key = `${index % 10}/${String(index).padStart(6, '0')}`;
        store.put('big-bucket', { key, etag: 'e', size: 1, modifiedAt: 0, details }, () => undefined);
      }
    });
    let rows = 0;
    for (const _ of store.scan('big-bucket', '5/', false)) {
      rows += 1;
      if (rows === 1000) break;
    }
    expect(rows).toBe(1000);
    expect(store.find('big-bucket', '9/099999')?.key).toBe('9/099999');
  });
});
