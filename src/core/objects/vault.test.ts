import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../local/s3/test-fault-proxy.ts';
import { BUCKET, CREDENTIALS, REGION, startTestServer, type TestServer } from '../../local/s3/test-server.ts';
import { vaultConfigRule, vaultConfigSchema } from '../config/config.ts';
import { createKeyring, keyringSchema } from '../security/keyring.ts';
import { createVault } from './create-vault.ts';
import type { ObjectEncryption } from './encryption.ts';
import { FRAME_BYTES, sealedSize } from './envelope.ts';
import { createS3ObjectStore } from './s3-object-store.ts';
import type { NewObject, StoredObject, UploadedPart, Vault } from './vault.ts';

const MIB = 1024 * 1024;
const SIZES = [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3.5 * FRAME_BYTES];
const MODES = ['none', 'sse-s3', 'sse-kms', 'envelope'] as const;
const keyText = (id: string) => `${id}:${randomBytes(32).toString('base64url')}`;
const [oldKey, newKey] = [keyText('k1'), keyText('k2')];
const bytes = new Uint8Array(randomBytes(11 * MIB + 12_345));
const plain = { contentType: 'text/plain', metadata: { name: 'ä' } };
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
const stream = (data: Uint8Array) => new Blob([Uint8Array.from(data)]).stream();
const refusal = (reason: string) => expect.objectContaining({ name: 'ObjectRefusedError', reason });

/** Takes the headers of server-side encryption. */
let server: TestServer;
/** Refuses them. */
let bare: TestServer;
let proxy: FaultProxy;

beforeAll(async () => {
  [server, bare] = await Promise.all([startTestServer({ encryption: true }), startTestServer()]);
  proxy = await startFaultProxy(server.port);
});
afterEach(() => {
  proxy.fault = () => undefined;
});
afterAll(async () => {
  expect([...server.internalErrors, ...bare.internalErrors]).toEqual([]);
  await proxy.close();
  await Promise.all([server.close(), bare.close()]);
});

function vaultOf(
  encryption: ObjectEncryption,
  { endpoint } = server,
  keys = oldKey,
  damaged: string[] = [],
): Vault {
  const config = {
    S3_ENDPOINT: endpoint,
    S3_REGION: REGION,
    S3_BUCKET: BUCKET,
    S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
  return createVault({
    store: createS3ObjectStore(config, () => Promise.resolve()),
    encryption,
    kmsKeyId: 'key-1',
    keyring: createKeyring(keyringSchema.parse(keys)),
    onDamage: ({ id }) => damaged.push(id),
  });
}

const prepare = (vault: Vault): Promise<NewObject> => {
  const id = `obj_${randomUUID()}`;
  return vault.prepare(id, `objects/${id}`);
};

async function store(vault: Vault, data: Uint8Array): Promise<StoredObject> {
  const object = await prepare(vault);
  await vault.put(object, stream(data), { ...plain, size: data.byteLength });
  return { ...object, size: data.byteLength };
}

async function read(vault: Vault, object: StoredObject, range?: string): Promise<Buffer> {
  const answer = await vault.get(object, range ? { range } : {});
  return Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer(0));
}

/** What lies in the bucket. */
async function stored({ key }: NewObject) {
  const found = await server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key }));
  return { ...found, bytes: Buffer.from((await found.Body?.transformToByteArray()) ?? []) };
}

const isStored = ({ key }: NewObject) =>
  server.client.send(new GetObjectCommand({ Bucket: BUCKET, Key: key })).then(
    () => true,
    () => false,
  );

const overwrite = ({ key }: NewObject, Body: Uint8Array) =>
  server.client.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body }));

describe.each(MODES)('under %s', (mode) => {
  test.each(SIZES)('%d bytes come back as they were, stored from a stream and from memory', async (size) => {
    const vault = vaultOf(mode);
    const data = bytes.subarray(0, size);
    for (const body of [stream(data), data]) {
      const object = { ...(await prepare(vault)), size };
      expect(await vault.put(object, body, { ...plain, size })).toEqual({ sha256: sha256(data) });
      const answer = await vault.get(object);
      expect(answer?.status).toBe(200);
      expect(answer?.headers.get('content-type')).toBe('text/plain');
      expect(answer?.headers.get('content-length')).toBe(String(size));
      expect(Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer(0)).equals(data)).toBe(true);
      const found = await stored(object);
      expect(found.bytes.byteLength).toBe(vault.storedSize(object, size));
      expect(found.Metadata).toEqual({ name: '%C3%A4' });
    }
  });

  test.each<[string, number, number]>([
    ['bytes=0-0', 0, 1],
    ['bytes=5-', 5, 3.5 * FRAME_BYTES],
    ['bytes=-7', 3.5 * FRAME_BYTES - 7, 3.5 * FRAME_BYTES],
    [`bytes=${FRAME_BYTES - 1}-${FRAME_BYTES}`, FRAME_BYTES - 1, FRAME_BYTES + 1],
    [`bytes=${FRAME_BYTES}-${2 * FRAME_BYTES - 1}`, FRAME_BYTES, 2 * FRAME_BYTES],
    ['bytes=0-99999999999999999999', 0, 3.5 * FRAME_BYTES],
  ])('the range %s is answered with those bytes', async (range, start, end) => {
    const vault = vaultOf(mode);
    const object = await store(vault, bytes.subarray(0, 3.5 * FRAME_BYTES));
    const answer = await vault.get(object, { range });
    expect(answer?.status).toBe(206);
    expect(answer?.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${object.size}`);
    expect(answer?.headers.get('content-length')).toBe(String(end - start));
    expect(
      Buffer.from((await answer?.arrayBuffer()) ?? new ArrayBuffer(0)).equals(bytes.subarray(start, end)),
    ).toBe(true);
  });

  test('a range outside of the object is 416 with its size', async () => {
    const vault = vaultOf(mode);
    const answers = [
      [await store(vault, bytes.subarray(0, 10)), 'bytes=10-'],
      [await store(vault, new Uint8Array(0)), 'bytes=0-'],
    ] as const;
    for (const [object, range] of answers) {
      const answer = await vault.get(object, { range });
      expect([answer?.status, answer?.headers.get('content-range')]).toEqual([416, `bytes */${object.size}`]);
      await answer?.body?.cancel();
    }
  });

  test('bytes with another digest than announced are refused, and nothing is left', async () => {
    const vault = vaultOf(mode);
    const data = bytes.subarray(0, 2 * FRAME_BYTES + 5);
    for (const body of [stream(data), data]) {
      const object = await prepare(vault);
      const put = vault.put(object, body, { ...plain, size: data.byteLength, sha256: sha256(bytes) });
      await expect(put).rejects.toEqual(refusal('digest_mismatch'));
      expect(await isStored(object)).toBe(false);
    }
    const object = await prepare(vault);
    const put = vault.put(object, stream(data), { ...plain, size: data.byteLength, sha256: sha256(data) });
    expect(await put).toEqual({ sha256: sha256(data) });
  });

  test.each([
    ['shorter', 2 * FRAME_BYTES, 2 * FRAME_BYTES + 1],
    ['longer', 2 * FRAME_BYTES, 2 * FRAME_BYTES - 1],
    ['longer by a frame', 2 * FRAME_BYTES, FRAME_BYTES],
    ['not empty', 5, 0],
    ['empty', 0, 5],
  ])('a body that is %s than announced is refused, and nothing is left', async (_, size, announced) => {
    const vault = vaultOf(mode);
    const data = bytes.subarray(0, size);
    for (const body of [stream(data), data]) {
      const object = await prepare(vault);
      const put = vault.put(object, body, { ...plain, size: announced });
      await expect(put).rejects.toEqual(refusal('incomplete'));
      expect(await isStored(object)).toBe(false);
    }
  });

  test('a body that breaks off is refused, and nothing is left', async () => {
    const vault = vaultOf(mode);
    const object = await prepare(vault);
    const body = ReadableStream.from(
      (async function* () {
        yield bytes.subarray(0, FRAME_BYTES);
        throw new Error('gone');
      })(),
    ) as ReadableStream<Uint8Array>;
    const put = vault.put(object, body, { ...plain, size: 2 * FRAME_BYTES });
    await expect(put).rejects.toEqual(refusal('incomplete'));
    expect(await isStored(object)).toBe(false);
  });

  test('parts become the object, whichever comes first and however often', async () => {
    const vault = vaultOf(mode);
    const object = { ...(await prepare(vault)), size: bytes.byteLength };
    const uploadId = await vault.begin(object, plain);
    const starts = [0, 5 * MIB, 10 * MIB];
    const put = (index: number, wrap: (data: Uint8Array) => ReadableStream<Uint8Array> | Uint8Array) => {
      const offset = starts[index] ?? 0;
      const data = bytes.slice(offset, starts[index + 1] ?? bytes.byteLength);
      const last = index === starts.length - 1;
      return vault.putPart(object, uploadId, {
        number: index + 1,
        offset,
        size: data.byteLength,
        last,
        body: wrap(data),
      });
    };
    const same = (data: Uint8Array) => data;
    const third = await put(2, stream);
    const [first] = await Promise.all([put(0, same), put(1, same)]);
    const second = await put(1, stream);
    const parts: UploadedPart[] = [first, second, third];
    expect(await vault.parts(object, uploadId)).toEqual(parts);
    await vault.complete(object, uploadId, parts);
    expect((await read(vault, object)).equals(bytes)).toBe(true);
    const seam = `bytes=${5 * MIB - 3}-${5 * MIB + 2}`;
    expect((await read(vault, object, seam)).equals(bytes.subarray(5 * MIB - 3, 5 * MIB + 3))).toBe(true);
  });

  test('an object that is not there is no answer', async () => {
    const vault = vaultOf(mode);
    expect(await vault.get({ ...(await prepare(vault)), size: 5 })).toBeUndefined();
  });
});

describe('what the store encrypts', () => {
  test('is encrypted as configured', async () => {
    const [s3, kms] = await Promise.all([
      store(vaultOf('sse-s3'), bytes.subarray(0, 9)),
      store(vaultOf('sse-kms'), bytes.subarray(0, 9)),
    ]);
    expect((await stored(s3)).ServerSideEncryption).toBe('AES256');
    expect(await stored(kms)).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' });
  });

  test.each(['sse-s3', 'sse-kms'] as const)('is refused under %s by a store that cannot', async (mode) => {
    const vault = vaultOf(mode, bare);
    const object = await prepare(vault);
    const put = vault.put(object, bytes.subarray(0, 9), { ...plain, size: 9 });
    await expect(put).rejects.toEqual(refusal('not_encrypted'));
    await expect(vault.begin(object, plain)).rejects.toEqual(refusal('not_encrypted'));
    expect(bare.storedFiles()).toBe(0);
  });

  test.each(['sse-s3', 'sse-kms'] as const)(
    'is not left under %s with a store that does not say so',
    async (mode) => {
      const vault = vaultOf(mode, { ...server, endpoint: proxy.endpoint });
      proxy.fault = () => ({ kind: 'without', headers: ['x-amz-server-side-encryption'] });
      const object = await prepare(vault);
      for (const body of [stream(bytes.subarray(0, 9)), bytes.subarray(0, 9)]) {
        const put = vault.put(object, body, { ...plain, size: 9 });
        await expect(put).rejects.toEqual(refusal('not_encrypted'));
        expect(await isStored(object)).toBe(false);
      }
      await expect(vault.begin(object, plain)).rejects.toEqual(refusal('not_encrypted'));
      const aborted = proxy.requests.some(
        (request) => request.startsWith('DELETE') && request.includes('uploadId'),
      );
      expect(aborted).toBe(true);
    },
  );

  test('is read back when a store takes a digest and does not look at it', async () => {
    const vault = vaultOf('none', { ...server, endpoint: proxy.endpoint });
    proxy.fault = (method) =>
      method === 'PUT' ? { kind: 'without', headers: ['x-amz-checksum-sha256'] } : undefined;
    const data = bytes.subarray(0, 9);
    const object = await prepare(vault);
    await vault.put(object, stream(data), { ...plain, size: 9, sha256: sha256(data) });
    expect(proxy.requests.at(-1)).toContain(`GET /${BUCKET}/${object.key}`);
    const wrong = await prepare(vault);
    const put = vault.put(wrong, stream(data), { ...plain, size: 9, sha256: sha256(bytes) });
    await expect(put).rejects.toEqual(refusal('digest_mismatch'));
    expect(await isStored(wrong)).toBe(false);
  });
});

describe('an object under envelope', () => {
  test('does not hold its plaintext, and has no URL of it', async () => {
    const vault = vaultOf('envelope');
    const text = new TextEncoder().encode('to be kept to ourselves '.repeat(1_000));
    const object = await store(vault, text);
    expect((await stored(object)).bytes.includes('to be kept')).toBe(false);
    expect(await vault.presignGet(object, { seconds: 60 })).toBeUndefined();
    expect(await vault.presignPart(object, 'any', { number: 1, size: 5, seconds: 60 })).toBeUndefined();
  });

  test.each<[string, (sealed: Buffer) => Buffer]>([
    ['a flipped bit in its first frame', (sealed) => flipped(sealed, 1_000)],
    ['a flipped bit in its last frame', (sealed) => flipped(sealed, sealed.byteLength - 1_000)],
    ['frames swapped', (sealed) => swapped(sealed)],
  ])('with %s is an error for the reader, and told of', async (_, tamper) => {
    const damaged: string[] = [];
    const vault = vaultOf('envelope', server, oldKey, damaged);
    const object = await store(vault, bytes.subarray(0, 3.5 * FRAME_BYTES));
    await overwrite(object, tamper((await stored(object)).bytes));
    await expect(read(vault, object)).rejects.toThrow();
    expect(damaged).toEqual([object.id]);
  });

  test('that was cut short or made longer is refused before a byte is read', async () => {
    const vault = vaultOf('envelope');
    const object = await store(vault, bytes.subarray(0, 2 * FRAME_BYTES));
    const sealed = (await stored(object)).bytes;
    for (const other of [sealed.subarray(0, sealedSize(FRAME_BYTES)), Buffer.concat([sealed, sealed])]) {
      await overwrite(object, other);
      for (const options of [{}, { range: 'bytes=0-9' }])
        await expect(vault.get(object, options)).rejects.toMatchObject({ name: 'EnvelopeError' });
    }
  });

  test('in place of another is an error for the reader', async () => {
    const vault = vaultOf('envelope');
    const [one, two] = await Promise.all([
      store(vault, bytes.subarray(0, 9)),
      store(vault, bytes.subarray(9, 18)),
    ]);
    await overwrite(one, (await stored(two)).bytes);
    await expect(read(vault, one)).rejects.toThrow();
    // Not even with the other's key, which whoever can write to the database could put there.
    await expect(read(vault, { ...one, wrappedKey: two.wrappedKey })).rejects.toThrow();
  });

  test('that breaks off on the way ends in an error', async () => {
    const vault = vaultOf('envelope', { ...server, endpoint: proxy.endpoint });
    const object = await store(vault, bytes.subarray(0, 3.5 * FRAME_BYTES));
    proxy.fault = (method) => (method === 'GET' ? { kind: 'cut', afterBytes: 2 * FRAME_BYTES } : undefined);
    await expect(read(vault, object)).rejects.toThrow();
  });

  test('is not read further when its reader goes away', async () => {
    const vault = vaultOf('envelope');
    const object = await store(vault, bytes);
    const reader = (await vault.get(object))?.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    expect((await read(vault, object)).equals(bytes)).toBe(true);
  });

  test('has parts that begin and end with a frame', async () => {
    const vault = vaultOf('envelope');
    const object = await prepare(vault);
    const uploadId = await vault.begin(object, plain);
    const part = {
      number: 1,
      offset: 0,
      size: 5 * MIB + 1,
      last: false,
      body: bytes.subarray(0, 5 * MIB + 1),
    };
    await expect(vault.putPart(object, uploadId, part)).rejects.toThrow(RangeError);
    await expect(vault.putPart(object, uploadId, { ...part, offset: 1, last: true })).rejects.toThrow(
      RangeError,
    );
    await vault.abort(object, uploadId);
    await vault.abort(object, uploadId);
    expect(await vault.parts(object, uploadId)).toBeUndefined();
  });

  test('is read after its key was wrapped anew and the old key-encryption key is gone', async () => {
    const object = await store(vaultOf('envelope'), bytes.subarray(0, 9));
    const both = vaultOf('envelope', server, `${newKey},${oldKey}`);
    const wrappedKey = (await both.rewrap(object)) ?? null;
    expect(await both.rewrap({ ...object, wrappedKey })).toBeUndefined();
    const later = vaultOf('envelope', server, newKey);
    expect((await read(later, { ...object, wrappedKey })).equals(bytes.subarray(0, 9))).toBe(true);
    await expect(later.get(object)).rejects.toThrow();
    expect(await both.dataKey({ ...object, wrappedKey })).toBe(await both.dataKey(object));
  });

  test('is gone with its key', async () => {
    const vault = vaultOf('envelope');
    const object = await store(vault, bytes.subarray(0, 9));
    await expect(vault.get({ ...object, wrappedKey: null })).rejects.toThrow('is gone');
    expect(await vault.rewrap({ ...object, wrappedKey: null })).toBeUndefined();
  });

  test('stays readable when new objects are no longer encrypted, and the other way round', async () => {
    const [sealed, open] = await Promise.all([
      store(vaultOf('envelope'), bytes.subarray(0, 9)),
      store(vaultOf('none'), bytes.subarray(0, 9)),
    ]);
    for (const object of [sealed, open])
      for (const mode of ['envelope', 'none'] as const)
        expect((await read(vaultOf(mode), object)).equals(bytes.subarray(0, 9))).toBe(true);
  });
});

test('an object that was deleted in the bucket is no answer under any encryption', async () => {
  for (const mode of MODES) {
    const object = await store(vaultOf(mode), bytes.subarray(0, 9));
    await server.client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: object.key }));
    expect(await vaultOf(mode).get(object)).toBeUndefined();
  }
});

test.each<[object, string[]]>([
  [{}, []],
  [{ OBJECT_ENCRYPTION: 'sse-s3' }, []],
  [{ OBJECT_ENCRYPTION: 'sse-kms' }, ['S3_KMS_KEY_ID']],
  [{ OBJECT_ENCRYPTION: 'sse-kms', S3_KMS_KEY_ID: 'key-1' }, []],
  [{ OBJECT_ENCRYPTION: 'envelope' }, []],
  [{ OBJECT_ENCRYPTION: 'rot13' }, ['OBJECT_ENCRYPTION']],
  [{ STORAGE_ENCRYPTION_KEYS: 'k1:short' }, ['STORAGE_ENCRYPTION_KEYS']],
])('of the environment %j these are faulty: %j', (env, faults) => {
  const schema = vaultConfigSchema.superRefine(vaultConfigRule);
  const result = schema.safeParse({ STORAGE_ENCRYPTION_KEYS: oldKey, ...env });
  expect(result.error?.issues.map(({ path }) => path.join('.')) ?? []).toEqual(faults);
});

function flipped(sealed: Buffer, at: number): Buffer {
  sealed.writeUInt8(sealed.readUInt8(at) ^ 1, at);
  return sealed;
}

function swapped(sealed: Buffer): Buffer {
  const frame = sealedSize(FRAME_BYTES);
  const [one, two] = [sealed.subarray(0, frame), sealed.subarray(frame, 2 * frame)];
  return Buffer.concat([two, one, sealed.subarray(2 * frame)]);
}
