import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createS3Server } from '../../local/s3/server.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../../local/s3/test-fault-proxy.ts';
import {
  BUCKET,
  CREDENTIALS,
  codeOf,
  REGION,
  startTestServer,
  type TestServer,
} from '../../local/s3/test-server.ts';
import { DependencyError } from '../resilience/dependency.ts';
import type { ObjectStore } from './object-store.ts';
import { createS3ObjectStore } from './s3-object-store.ts';

const MIB = 1024 * 1024;
const PART = 5 * MIB;
const bytes = new Uint8Array(randomBytes(2 * PART + 1_000));

let server: TestServer;
let proxy: FaultProxy;
let store: ObjectStore;
/** Through the proxy. */
let shaky: ObjectStore;
/** Between attempts. */
let pauses = 0;

beforeAll(async () => {
  server = await startTestServer();
  proxy = await startFaultProxy(server.port);
  store = storeAt(server.endpoint);
  shaky = storeAt(proxy.endpoint);
});
afterEach(() => {
  proxy.fault = () => undefined;
  proxy.requests.length = 0;
  pauses = 0;
});
afterAll(async () => {
  expect(server.internalErrors).toEqual([]);
  await proxy.close();
  await server.close();
});

function storeAt(endpoint: string): ObjectStore {
  const config = {
    S3_ENDPOINT: endpoint,
    S3_REGION: REGION,
    S3_BUCKET: BUCKET,
    S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
  return createS3ObjectStore(config, async () => {
    pauses += 1;
  });
}

const newKey = () => `objects/${randomUUID()}`;
const plain = { contentType: 'text/plain', metadata: {} };
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const read = async (key: string) =>
  Buffer.from((await (await store.get(key))?.arrayBuffer()) ?? new ArrayBuffer(0));
const refusal = (reason: string) => expect.objectContaining({ name: 'ObjectRefusedError', reason });

/** So many faults, then none. */
function first(count: number, fault: Fault): FaultProxy['fault'] {
  const faults = Array.from({ length: count }, () => fault);
  return () => faults.pop();
}

const times = (count: number, code: string, status = 503) => first(count, { kind: 'status', status, code });

test('what says 200 and names no object that it has stored is no object store', async () => {
  const put = (body: Uint8Array) => shaky.put(newKey(), body, { ...plain, size: body.length });
  proxy.fault = () => ({ kind: 'garbage' });
  await expect(put(bytes.subarray(0, 100))).rejects.toThrow(DependencyError);
  proxy.fault = () => undefined;
  const key = newKey();
  await shaky.put(key, bytes.subarray(0, 100), { ...plain, size: 100 });
  proxy.fault = () => ({ kind: 'garbage' });
  await expect(shaky.get(key)).rejects.toThrow(DependencyError);
});

describe('an object', () => {
  test('tells its size, type, digest and metadata in any script', async () => {
    const key = newKey();
    const data = bytes.subarray(0, 1_000);
    const metadata = { name: 'Größe 100 % – 文件\r\n.txt', owner: 'usr_1' };
    await store.put(key, data, { ...plain, size: 1_000, sha256: sha256(data), metadata });
    expect(await store.head(key)).toMatchObject({
      size: 1_000,
      contentType: 'text/plain',
      metadata,
      sha256: sha256(data),
    });
    expect((await store.head(key))?.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await store.head('objects/none')).toBeUndefined();
  });

  test('is never written over', async () => {
    const key = newKey();
    await store.put(key, bytes.subarray(0, 3), { ...plain, size: 3 });
    await expect(store.put(key, bytes.subarray(3, 6), { ...plain, size: 3 })).rejects.toThrow(
      DependencyError,
    );
    expect((await read(key)).equals(bytes.subarray(0, 3))).toBe(true);
  });

  test('with another digest than announced is refused', async () => {
    const put = store.put(newKey(), bytes.subarray(0, 3), { ...plain, size: 3, sha256: sha256(bytes) });
    await expect(put).rejects.toEqual(refusal('digest_mismatch'));
  });

  test('is read by a URL with the type and name that the signer gave', async () => {
    const key = newKey();
    await store.put(key, bytes.subarray(0, 3), { ...plain, size: 3 });
    const contentDisposition = `attachment; filename*=UTF-8''%E6%96%87.txt`;
    const url = await store.presignGet(key, 60, {
      contentType: 'application/octet-stream',
      contentDisposition,
    });
    const { headers } = await fetch(url);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toBe(contentDisposition);
    const tampered = new URL(url);
    tampered.searchParams.set('response-content-type', 'text/html');
    expect((await fetch(tampered)).status).toBe(403);
  });

  test('is listed in pages, and deleted with others, those included that are gone already', async () => {
    const all = Array.from({ length: 25 }, (_, index) => `list/a b+${String(index).padStart(2, '0')}%`);
    for (const key of all) await store.put(key, bytes.subarray(0, 1), { ...plain, size: 1 });
    const found: string[] = [];
    let after: string | undefined;
    do {
      const page = await store.list({ prefix: 'list/', limit: 10, ...(after ? { after } : {}) });
      expect(page.objects.length).toBeLessThanOrEqual(10);
      found.push(...page.objects.map(({ key }) => key));
      after = page.next ?? undefined;
    } while (after);
    expect(found).toEqual(all);
    await store.deleteMany([...all.slice(0, 24), 'list/never']);
    expect((await store.list({ prefix: 'list/', limit: 10 })).objects.map(({ key }) => key)).toEqual(
      all.slice(24),
    );
  });
});

describe('a store that falters', () => {
  test.each([
    ['SlowDown', 503],
    ['InternalError', 500],
  ])('with %s is asked again, for what may be asked twice', async (code, status) => {
    const key = newKey();
    proxy.fault = times(2, code, status);
    await shaky.put(key, bytes.subarray(0, 3), { ...plain, size: 3 });
    proxy.fault = times(2, code, status);
    expect((await shaky.get(key))?.status).toBe(200);
    proxy.fault = times(2, code, status);
    expect((await shaky.head(key))?.size).toBe(3);
    proxy.fault = times(2, code, status);
    expect((await shaky.list({ prefix: key, limit: 1 })).objects).toHaveLength(1);
  });

  test('is asked four times at most', async () => {
    proxy.fault = times(100, 'SlowDown');
    await expect(shaky.get('objects/any')).rejects.toThrow(DependencyError);
    expect(proxy.requests).toHaveLength(4);
    proxy.fault = () => undefined;
    await shaky.check();
  });

  test('gets a stream once only: half of it is gone', async () => {
    proxy.fault = times(1, 'SlowDown');
    const body = new Blob([bytes.subarray(0, 3)]).stream();
    await expect(shaky.put(newKey(), body, { ...plain, size: 3 })).rejects.toThrow(DependencyError);
    expect([proxy.requests.length, pauses]).toEqual([1, 0]);
  });

  test('that stored bytes without saying so is believed at the second try', async () => {
    const key = newKey();
    proxy.fault = first(1, { kind: 'lost' });
    await shaky.put(key, bytes.subarray(0, 3), { ...plain, size: 3 });
    expect((await read(key)).equals(bytes.subarray(0, 3))).toBe(true);
  });

  test('and found another object under the key does not count that as its own', async () => {
    const key = newKey();
    await store.put(key, bytes.subarray(0, 9), { ...plain, size: 9 });
    proxy.fault = times(1, 'SlowDown');
    await expect(shaky.put(key, bytes.subarray(0, 3), { ...plain, size: 3 })).rejects.toThrow(
      DependencyError,
    );
    expect((await read(key)).byteLength).toBe(9);
  });

  test('in the middle of a body ends it in an error', async () => {
    const key = newKey();
    await store.put(key, bytes.subarray(0, MIB), { ...plain, size: MIB });
    proxy.fault = () => ({ kind: 'cut', afterBytes: 100_000 });
    const answer = await shaky.get(key);
    await expect(answer?.arrayBuffer()).rejects.toThrow();
  });
});

describe('a multipart upload', () => {
  const upload = async (key: string, parts: readonly Uint8Array[]) => {
    const id = await store.multipart.create(key, { contentType: 'video/mp4', metadata: { name: 'ö' } });
    for (const [index, body] of parts.entries())
      await store.multipart.putPart(key, id, { number: index + 1, size: body.byteLength, body });
    return id;
  };
  const pieces = [bytes.subarray(0, PART), bytes.subarray(PART, 2 * PART), bytes.subarray(2 * PART)];

  test('becomes an object with what was said when it began', async () => {
    const key = newKey();
    const id = await upload(key, pieces);
    const parts = (await store.multipart.parts(key, id)) ?? [];
    expect(parts.map(({ size }) => size)).toEqual([PART, PART, 1_000]);
    await store.multipart.complete(key, id, parts);
    expect((await read(key)).equals(bytes)).toBe(true);
    expect(await store.head(key)).toMatchObject({ contentType: 'video/mp4', metadata: { name: 'ö' } });
    expect(await store.multipart.parts(key, id)).toBeUndefined();
  });

  test.each([
    ['in the wrong order', 'part_order', [1, 0, 2]],
    ['with one that is missing', 'part_missing', [0, 1, 2, 3]],
  ] as const)('%s is refused, and can still be completed', async (_, reason, order) => {
    const key = newKey();
    const id = await upload(key, pieces);
    const parts = (await store.multipart.parts(key, id)) ?? [];
    const named = order.map((index) => parts[index] ?? { number: 4, etag: '0'.repeat(32), size: 1 });
    await expect(store.multipart.complete(key, id, named)).rejects.toEqual(refusal(reason));
    expect(await store.head(key)).toBeUndefined();
    await store.multipart.complete(key, id, parts);
  });

  test('with a part under 5 MiB before the last is refused', async () => {
    const key = newKey();
    const id = await upload(key, pieces.toReversed());
    const parts = (await store.multipart.parts(key, id)) ?? [];
    await expect(store.multipart.complete(key, id, parts)).rejects.toEqual(refusal('part_too_small'));
  });

  test('can be completed again when the answer was lost, and by two at once', async () => {
    const key = newKey();
    const id = await upload(key, pieces);
    const parts = (await store.multipart.parts(key, id)) ?? [];
    proxy.fault = (method) => (method === 'POST' ? { kind: 'lost' } : undefined);
    await expect(shaky.multipart.complete(key, id, parts)).rejects.toThrow(DependencyError);
    await Promise.all([store.multipart.complete(key, id, parts), store.multipart.complete(key, id, parts)]);
    // A store that has forgotten the upload says so, each in its words; the object proves that it went well.
    for (const code of ['NoSuchUpload', 'NoSuchKey']) {
      proxy.fault = (method) => (method === 'POST' ? { kind: 'status', status: 404, code } : undefined);
      await shaky.multipart.complete(key, id, parts);
    }
  });

  test('that nobody knows is refused, whatever is wanted of it', async () => {
    const key = newKey();
    const body = bytes.subarray(0, 1);
    const part = { number: 1, etag: '0'.repeat(32), size: 1 };
    await expect(store.multipart.complete(key, 'none', [part])).rejects.toEqual(refusal('no_upload'));
    const put = store.multipart.putPart(key, 'none', { number: 1, size: 1, body });
    await expect(put).rejects.toEqual(refusal('no_upload'));
    expect(await store.multipart.parts(key, 'none')).toBeUndefined();
  });

  test('may be aborted twice, and leaves nothing', async () => {
    const key = newKey();
    const before = server.storedFiles();
    const id = await upload(key, pieces);
    await store.multipart.abort(key, id);
    await store.multipart.abort(key, id);
    await expect.poll(() => server.storedFiles()).toBe(before);
  });

  test('lists ten thousand parts', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'acs-parts-'));
    const earlier = createS3Server({ ...CREDENTIALS, region: REGION, bucket: BUCKET, dataDir });
    const endpoint = `http://127.0.0.1:${await earlier.listen(0, '127.0.0.1')}`;
    const id = await storeAt(endpoint).multipart.create('many', plain);
    await earlier.close();
    const index = new DatabaseSync(join(dataDir, 'index.sqlite'));
    index.exec(`
      WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000)
      INSERT INTO parts (uploadId, number, etag, size, modifiedAt, segmentId)
      SELECT '${id}', n, 'e' || n, n, 0, 's' || n FROM numbers`);
    index.close();
    const later = await startTestServer({ dataDir });
    const parts = (await storeAt(later.endpoint).multipart.parts('many', id)) ?? [];
    await later.close();
    expect(parts.map(({ number, etag }) => [number, etag])).toEqual(
      Array.from({ length: 10_000 }, (_, at) => [at + 1, `e${at + 1}`]),
    );
  });

  test('is found by whoever looks for abandoned ones, in pages', async () => {
    const names = ['abandoned/a', 'abandoned/b', 'abandoned/b', 'abandoned/c'];
    for (const key of names) await store.multipart.create(key, plain);
    const first = await store.multipart.list({ prefix: 'abandoned/', limit: 3 });
    expect(first.next).not.toBeNull();
    const rest = await store.multipart.list({
      prefix: 'abandoned/',
      limit: 3,
      ...(first.next ? { after: first.next } : {}),
    });
    expect(rest.next).toBeNull();
    const found = [...first.uploads, ...rest.uploads];
    expect(found.map(({ key }) => key)).toEqual(names);
    expect(new Set(found.map(({ uploadId }) => uploadId)).size).toBe(4);
    expect(found[0]?.startedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });
});

describe('the URL of a part', () => {
  const begin = async () => {
    const key = newKey();
    const id = await store.multipart.create(key, plain);
    return { key, id, url: await store.multipart.presignPart(key, id, { number: 1, size: 5 }, 60) };
  };
  const send = (url: string | URL, body: string, method = 'PUT') => fetch(url, { method, body });

  test('takes exactly as many bytes as were agreed', async () => {
    const { key, id, url } = await begin();
    for (const body of ['1234', '123456', ''])
      expect(await codeOf(await send(url, body))).toBe('SignatureDoesNotMatch');
    expect((await send(url, '12345')).status).toBe(200);
    expect((await store.multipart.parts(key, id))?.map(({ size }) => size)).toEqual([5]);
  });

  test.each<[string, (url: URL) => unknown]>([
    ['another key', (url) => Object.assign(url, { pathname: `/${BUCKET}/objects/other` })],
    ['another part', (url) => url.searchParams.set('partNumber', '2')],
    ['another upload', (url) => url.searchParams.set('uploadId', 'other')],
    ['a longer life', (url) => url.searchParams.set('X-Amz-Expires', '900')],
    ['no length to keep to', (url) => url.searchParams.set('X-Amz-SignedHeaders', 'host')],
  ])('with %s is refused', async (_, tamper) => {
    const { key, id, url } = await begin();
    const tampered = new URL(url);
    tamper(tampered);
    expect((await send(tampered, '12345')).status).toBe(403);
    expect((await send(url, '12345', 'POST')).status).toBe(403);
    expect(await store.multipart.parts(key, id)).toEqual([]);
  });
});
