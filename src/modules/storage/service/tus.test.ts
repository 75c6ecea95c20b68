import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

const MIB = 1024 * 1024;
const VERSION = { 'tus-resumable': '1.0.0' };
const CHUNK = { ...VERSION, 'content-type': 'application/offset+octet-stream' };

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const metadataOf = (pairs: Readonly<Record<string, string>>) =>
  Object.entries(pairs)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',');

const begin = (user: TestUser, length: number | null, metadata: Readonly<Record<string, string>> = {}) =>
  user.call('POST', '/v1/tus', {
    headers: {
      ...VERSION,
      'upload-metadata': metadataOf({ filename: 'a.bin', ...metadata }),
      ...(length === null ? { 'upload-defer-length': '1' } : { 'upload-length': String(length) }),
    },
  });

async function begun(user: TestUser, length: number | null, metadata: Readonly<Record<string, string>> = {}) {
  const answer = await begin(user, length, metadata);
  expect([answer.status, answer.body]).toEqual([201, undefined]);
  return answer.headers.get('location') ?? '';
}

const patch = (
  user: TestUser,
  url: string,
  offset: number,
  body: RequestInit['body'],
  headers: Readonly<Record<string, string>> = {},
) => user.call('PATCH', url, { body, headers: { ...CHUNK, 'upload-offset': String(offset), ...headers } });

const head = (user: TestUser, url: string) => user.call('HEAD', url, { headers: VERSION });

const offsetOf = async (user: TestUser, url: string) => {
  const answer = await head(user, url);
  return answer.status === 200 ? Number(answer.headers.get('upload-offset')) : answer.status;
};

const codeOf = ({ status, body }: Answer) => (body?.code ? `${status} ${body.code}` : String(status));

const fileIdOf = ({ headers }: Answer) => headers.get('content-location')?.split('/').at(-1) ?? '';

async function download(user: TestUser, id: string): Promise<Uint8Array> {
  const answer = await user.call('GET', `/v1/files/${id}/content`);
  expect(answer.status).toBe(200);
  return answer.bytes;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** All that is in the bucket, but for the journal, which is another room's. */
const keys = async () =>
  (await system.store.list({ prefix: '', limit: 1_000 })).objects
    .map(({ key }) => key)
    .filter((key) => !key.startsWith('journal/'));

const driveOf = async (user: TestUser) => {
  const rows = await system.query(
    `select used_bytes, reserved_bytes, entry_count from storage.drives where id = '${uuidOf(user.id)}'`,
  );
  return rows[0];
};
const uuidOf = (id: string) =>
  id.slice(id.indexOf('_') + 1).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const rowOf = async (url: string) =>
  (
    await system.query(`select * from storage.uploads where id = '${uuidOf(url.split('/').at(-1) ?? '')}'`)
  )[0];

/** So many bytes of a body, then a cut. */
function cutOff(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let given = 0;
  return new ReadableStream({
    pull(controller) {
      if (given >= bytes.byteLength) return controller.error(new Error('gone'));
      controller.enqueue(bytes.slice(given, given + 100_000));
      given += 100_000;
    },
  });
}

describe('TUS', () => {
  test('says what it speaks to anybody', async () => {
    const answer = await system.call('OPTIONS', '/v1/tus');
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'tus-version': '1.0.0',
      'tus-resumable': '1.0.0',
      'tus-max-size': String(9_000 * 16 * MIB),
      'tus-extension': 'creation,creation-with-upload,creation-defer-length,termination,expiration,checksum',
      'tus-checksum-algorithm': 'sha1,sha256,sha512',
    });
  });

  test('keeps a file that comes in chunks of any size, and tells after each how much it has', async () => {
    const user = await system.newUser();
    const bytes = randomBytes(12 * MIB + 12_345);
    const url = await begun(user, bytes.byteLength, { filename: 'película.bin', filetype: 'image/png' });
    let offset = 0;
    let last: Answer | undefined;
    for (const size of [1, 100_000, 5 * MIB, 6 * MIB, 99_999_999]) {
      last = await patch(user, url, offset, bytes.subarray(offset, offset + size));
      expect(codeOf(last)).toBe('204');
      offset = Math.min(offset + size, bytes.byteLength);
      expect(last.headers.get('upload-offset')).toBe(String(offset));
      expect(await offsetOf(user, url)).toBe(offset);
    }
    const id = fileIdOf(last ?? (await head(user, url)));
    const file = await user.call('GET', `/v1/files/${id}`);
    expect(file.body).toMatchObject({ name: 'película.bin', size: bytes.byteLength, sha256: sha256(bytes) });
    expect(Buffer.from(await download(user, id)).equals(bytes)).toBe(true);
    expect(await driveOf(user)).toEqual({
      used_bytes: String(bytes.byteLength),
      reserved_bytes: '0',
      entry_count: '1',
    });
    await system.runCron();
    expect(await keys()).toEqual([expect.stringMatching(`^objects/${id}/`)]);
  });

  test('takes an empty file, a body that comes with the beginning, and a length that is said at the end', async () => {
    const user = await system.newUser();
    const empty = await begin(user, 0, { filename: 'empty' });
    expect((await user.call('GET', `/v1/files/${fileIdOf(empty)}`)).body).toMatchObject({
      size: 0,
      name: 'empty',
    });
    expect((await download(user, fileIdOf(empty))).byteLength).toBe(0);

    const whole = await user.call('POST', '/v1/tus', {
      headers: { ...CHUNK, 'upload-length': '5', 'upload-metadata': metadataOf({ filename: 'a.txt' }) },
      body: 'hello',
    });
    expect([whole.status, whole.headers.get('upload-offset')]).toEqual([201, '5']);
    expect(new TextDecoder().decode(await download(user, fileIdOf(whole)))).toBe('hello');

    const bytes = randomBytes(8 * MIB + 1);
    const url = await begun(user, null, { filename: 'later' });
    const before = await head(user, url);
    expect([before.headers.get('upload-defer-length'), before.headers.get('upload-length')]).toEqual([
      '1',
      null,
    ]);
    await patch(user, url, 0, bytes.subarray(0, 8 * MIB));
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: String(8 * MIB) });
    expect(codeOf(await patch(user, url, 8 * MIB, bytes.subarray(8 * MIB)))).toBe('204');
    const last = await patch(user, url, bytes.byteLength, new Uint8Array(), {
      'upload-length': String(bytes.byteLength),
    });
    expect(Buffer.from(await download(user, fileIdOf(last))).equals(bytes)).toBe(true);
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '0' });
  });

  test('writes a new version of a file, if it is the one that was meant', async () => {
    const user = await system.newUser();
    const made = (await user.upload('v.txt', 'one')).body;
    const metadata = { fileId: made.id, ifMatch: made.etag };
    const stale = await begun(user, 3, metadata);
    const url = await begun(user, 3, metadata);
    expect(fileIdOf(await patch(user, url, 0, 'two'))).toBe(made.id);
    expect((await user.call('GET', `/v1/files/${made.id}`)).body.version.number).toBe(2);
    expect(codeOf(await patch(user, stale, 0, 'old'))).toBe('412 precondition_failed');
    expect(codeOf(await begin(user, 3, metadata))).toBe('412 precondition_failed');
    expect(new TextDecoder().decode(await download(user, made.id))).toBe('two');
  });

  test('finds another name rather than lose what came, unless told to fail', async () => {
    const user = await system.newUser();
    await user.file('a.bin');
    const other = await begun(user, 1);
    expect(
      (await user.call('GET', `/v1/files/${fileIdOf(await patch(user, other, 0, 'x'))}`)).body.name,
    ).toBe('a (2).bin');
    expect(codeOf(await begin(user, 1, { conflict: 'fail' }))).toBe('409 name_conflict');
    const url = await begun(user, 1, { filename: 'b.bin', conflict: 'fail' });
    const inTheWay = await user.file('b.bin');
    expect(codeOf(await patch(user, url, 0, 'x'))).toBe('409 name_conflict');
    expect((await head(user, url)).status).toBe(409);
    await user.call('PATCH', `/v1/files/${inTheWay}`, { json: { name: 'c.bin' } });
    expect(await offsetOf(user, url)).toBe(1);
    expect((await user.call('GET', '/v1/files')).body.items).toHaveLength(4);
  });

  test('goes on from the last byte that arrived, wherever the connection broke', async () => {
    const user = await system.newUser();
    const bytes = randomBytes(11 * MIB + 77);
    const url = await begun(user, bytes.byteLength);
    let kept = 0;
    for (let step = 1; step <= 20; step += 1) {
      const end = Math.floor((bytes.byteLength * step) / 20) - 7 * step;
      const answer = await patch(user, url, kept, cutOff(bytes.subarray(kept, end)));
      expect(codeOf(answer)).toBe('400 upload_incomplete');
      kept = Number(await offsetOf(user, url));
      expect(kept).toBe(end);
    }
    const last = await patch(user, url, kept, bytes.subarray(kept));
    expect(Buffer.from(await download(user, fileIdOf(last))).equals(bytes)).toBe(true);
    await system.runCron();
    expect((await keys()).filter((key) => key.startsWith('tails/'))).toEqual([]);
  });

  test('keeps parts and what is left of them encrypted, where objects are', async () => {
    const user = await system.newUser();
    const sealed = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
    const call = (method: string, path: string, options: object) =>
      sealed.call(method, path, { token: user.token, ...options });
    const secret = new TextEncoder().encode('the treasure is under the oak. '.repeat(230_000));
    const length = { 'upload-length': String(secret.byteLength) };
    const url =
      (await call('POST', '/v1/tus', { headers: { ...VERSION, ...length } })).headers.get('location') ?? '';
    for (const [from, to] of [
      [0, 5_500_000],
      [5_500_000, 5_500_001],
      [5_500_001, 7_000_000],
    ] as const) {
      await call('PATCH', url, {
        headers: { ...CHUNK, 'upload-offset': String(from) },
        body: secret.slice(from, to),
      });
      const tail = (await keys()).filter((key) => key.startsWith(`tails/${url.split('/').at(-1)}/`));
      const stored = await system.store.get(tail.at(-1) ?? '');
      expect(new TextDecoder('latin1').decode(await stored?.arrayBuffer())).not.toContain('treasure');
    }
    const last = await call('PATCH', url, {
      headers: { ...CHUNK, 'upload-offset': '7000000' },
      body: secret.slice(7_000_000),
    });
    const content = await sealed.call('GET', `/v1/files/${fileIdOf(last)}/content`, { token: user.token });
    expect(Buffer.from(content.bytes).equals(secret)).toBe(true);
    const [object] = await system.query(
      "select encryption from storage.objects where encryption = 'envelope'",
    );
    expect(object).toBeDefined();
  });

  test('refuses what the protocol does not allow, and stays where it was', async () => {
    const [user, other] = [await system.newUser(), await system.newUser()];
    const url = await begun(user, 10);
    await patch(user, url, 0, 'abc');
    const old = await user.call('HEAD', url, { headers: { 'tus-resumable': '0.2.2' } });
    expect([old.status, old.headers.get('tus-version')]).toEqual([412, '1.0.0']);
    expect(codeOf(await user.call('DELETE', url))).toBe('412 tus_version_unsupported');
    expect(codeOf(await patch(user, url, 0, 'abc'))).toBe('409 offset_mismatch');
    expect(codeOf(await patch(user, url, 4, 'abc'))).toBe('409 offset_mismatch');
    expect(codeOf(await patch(user, url, 3, 'abc', { 'content-type': 'text/plain' }))).toBe(
      '415 unsupported_media_type',
    );
    for (const body of ['12345678', new Blob(['12345678']).stream()])
      expect(codeOf(await patch(user, url, 3, body))).toBe('413 file_too_large');
    for (const offset of ['-1', 'x', '1e1', '9'.repeat(20)])
      expect(codeOf(await patch(user, url, 0, 'a', { 'upload-offset': offset }))).toBe('400 invalid_request');
    expect(codeOf(await patch(user, url, 3, 'abc', { 'upload-length': '11' }))).toBe('409 offset_mismatch');
    for (const answer of [await head(other, url), await patch(other, url, 3, 'x')])
      expect(answer.status).toBe(404);
    const stranger = await other.call('DELETE', url, { headers: VERSION });
    const nowhere = await other.call('DELETE', `/v1/tus/upl_${'0'.repeat(32)}`, { headers: VERSION });
    expect({ ...stranger.body, requestId: '' }).toEqual({ ...nowhere.body, requestId: '' });
    expect((await system.call('HEAD', url, { headers: VERSION })).status).toBe(401);
    const refused = await patch(user, url, 3, '12345678');
    expect(refused.headers.get('tus-resumable')).toBe('1.0.0');
    expect(await offsetOf(user, url)).toBe(3);
    expect(codeOf(await patch(user, url, 3, '4567890'))).toBe('204');
    expect(codeOf(await patch(user, url, 10, ''))).toBe('204');
    expect(codeOf(await patch(user, url, 3, '4567890'))).toBe('409 offset_mismatch');
  });

  test.each([
    [{ 'upload-length': '-1' }, '400 invalid_request'],
    [{ 'upload-length': '1e3' }, '400 invalid_request'],
    [{ 'upload-length': String(9_000 * 16 * MIB + 1) }, '413 file_too_large'],
    [{ 'upload-length': '9'.repeat(16) }, '400 invalid_request'],
    [{}, '400 invalid_request'],
    [{ 'upload-defer-length': '2' }, '400 invalid_request'],
    [{ 'upload-length': '1', 'upload-defer-length': '1' }, '400 invalid_request'],
    [{ 'upload-length': '1', 'upload-metadata': 'filename !!!' }, '400 invalid_request'],
    [{ 'upload-length': '1', 'upload-metadata': 'filename /w==' }, '400 invalid_request'],
    [{ 'upload-length': '1', 'upload-metadata': 'filename YQ==,filename Yg==' }, '400 invalid_request'],
    [
      { 'upload-length': '1', 'upload-metadata': metadataOf({ filename: '../../etc/passwd' }) },
      '400 invalid_request',
    ],
    [{ 'upload-length': '1', 'upload-metadata': metadataOf({ filename: 'a\r\nb' }) }, '400 invalid_request'],
    [
      { 'upload-length': '1', 'upload-metadata': metadataOf({ filename: 'x'.repeat(256) }) },
      '400 invalid_request',
    ],
    [
      { 'upload-length': '1', 'upload-metadata': metadataOf({ parentId: '1 or 1=1' }) },
      '400 invalid_request',
    ],
    [{ 'upload-length': '1', 'upload-metadata': metadataOf({ conflict: 'destroy' }) }, '400 invalid_request'],
    [
      { 'upload-length': '1', 'upload-metadata': metadataOf({ parentId: `file_${'0'.repeat(32)}` }) },
      '404 folder_not_found',
    ],
    [
      { 'upload-length': '1', 'upload-metadata': metadataOf({ fileId: `file_${'0'.repeat(32)}` }) },
      '404 file_not_found',
    ],
    [{ 'upload-length': String(120 * 1024 * MIB) }, '507 quota_exceeded'],
  ])('a beginning with %o is answered %s, and nothing is held for it', async (headers, expected) => {
    const user = await system.newUser();
    expect(codeOf(await user.call('POST', '/v1/tus', { headers: { ...VERSION, ...headers } }))).toBe(
      expected,
    );
    expect((await driveOf(user))?.reserved_bytes ?? '0').toBe('0');
  });

  test('keeps nothing of a chunk that has another checksum', async () => {
    const user = await system.newUser();
    const url = await begun(user, 10);
    const checksum = (algorithm: string, text: string) => ({
      'upload-checksum': `${algorithm} ${createHash(algorithm).update(text).digest('base64')}`,
    });
    expect(codeOf(await patch(user, url, 0, 'abcde', checksum('sha1', 'abcde')))).toBe('204');
    expect(codeOf(await patch(user, url, 5, 'fghi', checksum('sha256', 'other')))).toBe(
      '460 checksum_mismatch',
    );
    expect(codeOf(await patch(user, url, 5, 'fghi', { 'upload-checksum': 'md4 YQ==' }))).toBe(
      '400 invalid_request',
    );
    expect(await offsetOf(user, url)).toBe(5);
    const last = await patch(user, url, 5, 'fghij', checksum('sha512', 'fghij'));
    expect(new TextDecoder().decode(await download(user, fileIdOf(last)))).toBe('abcdefghij');
    const large = await begun(user, 9 * MIB);
    const answer = await patch(user, large, 0, new Uint8Array(9 * MIB), checksum('sha1', 'x'));
    expect([codeOf(answer), await offsetOf(user, large)]).toEqual(['413 file_too_large', 0]);
    const wrong = await begun(user, 3, { sha256: sha256(Buffer.from('abd')) });
    expect(codeOf(await patch(user, wrong, 0, 'abc'))).toBe('422 digest_mismatch');
    expect((await head(user, wrong)).status).toBe(422);
    const right = await begun(user, 3, { sha256: sha256(Buffer.from('abc')) });
    expect(codeOf(await patch(user, right, 0, 'abc'))).toBe('204');
  });

  test('lets one write at a time, and takes over from a writer that died', async () => {
    const user = await system.newUser();
    const bytes = randomBytes(6 * MIB);
    const url = await begun(user, bytes.byteLength);
    await patch(user, url, 0, bytes.subarray(0, 100));
    const id = uuidOf(url.split('/').at(-1) ?? '');
    const lease = (until: string) =>
      system.query(
        `update storage.uploads set lease_token = gen_random_uuid(), lease_until = ${until} where id = '${id}'`,
      );
    await lease("now() + interval '10 seconds'");
    const locked = await patch(user, url, 100, bytes.subarray(100));
    expect([codeOf(locked), locked.headers.get('retry-after')]).toEqual(['423 upload_locked', '2']);
    expect(await offsetOf(user, url)).toBe(100);

    await lease("now() - interval '1 second'");
    const row = await rowOf(url);
    // What the dead one had in hand arrives after all, with the lease long lost.
    await system.store.multipart.putPart(String(row?.object_key), String(row?.store_upload_id), {
      number: 1,
      size: 5 * MIB,
      body: new Uint8Array(5 * MIB).fill(0x21),
    });
    const [first, second] = await Promise.all([1, 2].map(() => patch(user, url, 100, bytes.subarray(100))));
    expect([first, second].map((answer) => answer && codeOf(answer)).toSorted()[0]).toBe('204');
    const last = await head(user, url);
    expect((await rowOf(url))?.skipped_parts).toEqual([1]);
    expect(Buffer.from(await download(user, fileIdOf(last))).equals(bytes)).toBe(true);
    expect((await user.call('GET', '/v1/files')).body.items).toHaveLength(1);
  });

  test('keeps nothing of a writer that comes back after another took over', async () => {
    const user = await system.newUser();
    const bytes = randomBytes(1_000);
    const url = await begun(user, bytes.byteLength);
    const back = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(new Uint8Array(300));
        await back.promise;
        controller.close();
      },
    });
    const late = patch(user, url, 0, body);
    while ((await rowOf(url))?.lease_until === null) await new Promise((resolve) => setTimeout(resolve, 10));
    await system.query(
      `update storage.uploads set lease_until = now() - interval '1 second' where id = '${uuidOf(url.split('/').at(-1) ?? '')}'`,
    );
    expect(codeOf(await patch(user, url, 0, bytes.subarray(0, 400)))).toBe('204');
    back.resolve();
    expect(codeOf(await late)).toBe('423 upload_locked');
    expect(codeOf(await patch(user, url, 400, bytes.subarray(400)))).toBe('204');
    expect(Buffer.from(await download(user, fileIdOf(await head(user, url)))).equals(bytes)).toBe(true);
  });

  test('ends at its user’s wish, in the middle of a chunk too, and gives everything back', async () => {
    const user = await system.newUser();
    const url = await begun(user, 20 * MIB);
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: String(20 * MIB) });
    let release = () => {};
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new Uint8Array(3 * MIB));
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        controller.enqueue(new Uint8Array(3 * MIB));
        controller.close();
      },
    });
    const writing = patch(user, url, 0, body);
    while ((await rowOf(url))?.lease_until === null) await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await user.call('DELETE', url, { headers: VERSION })).status).toBe(204);
    release();
    expect(codeOf(await writing)).toBe('404 upload_not_found');
    expect([(await head(user, url)).status, codeOf(await patch(user, url, 0, 'x'))]).toEqual([
      404,
      '404 upload_not_found',
    ]);
    expect(codeOf(await user.call('DELETE', url, { headers: VERSION }))).toBe('404 upload_not_found');
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '0', used_bytes: '0' });
  });

  test('holds a place only until it expires, and takes nothing away but that', async () => {
    const user = await system.newUser();
    const gone = await begun(user, 5 * 1024 * MIB);
    const going = await begun(user, 10);
    for (const url of [gone, going]) await patch(user, url, 0, 'x');
    const { object_key, store_upload_id, tail_key } = (await rowOf(gone)) ?? {};
    await system.query(
      `update storage.uploads set expires_at = now() - interval '1 second' where object_key = '${object_key}'`,
    );
    expect([(await head(user, gone)).status, codeOf(await patch(user, gone, 1, 'y'))]).toEqual([
      410,
      '410 upload_expired',
    ]);
    await system.runCron();
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '10' });
    expect((await head(user, gone)).status).toBe(410);
    expect(await system.store.multipart.parts(String(object_key), String(store_upload_id))).toBeUndefined();
    expect((await rowOf(gone))?.store_upload_id).toBeNull();
    await system.query(`update storage.object_deletions set next_attempt_at = now()`);
    await system.query(`update storage.uploads set expires_at = now() where object_key = '${object_key}'`);
    await system.runCron();
    expect(await keys()).not.toContain(tail_key);
    expect((await head(user, gone)).status).toBe(404);
    expect(codeOf(await patch(user, going, 1, '234567890'))).toBe('204');
  });

  test('holds a quota exactly against a hundred uploads at once, of unknown length too', async () => {
    const user = await system.newUser();
    await user.file('first', 'x');
    const limit = (bytes: number) =>
      system.query(`update storage.drives set quota_bytes = ${bytes} where id = '${uuidOf(user.id)}'`);
    await limit(1 + 37 * 1_000);
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) => begin(user, 1_000, { filename: `${at}` })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(37);
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '37000' });
    const urls = answers.flatMap(({ headers }) => headers.get('location') ?? []);
    await Promise.all(urls.map((url) => patch(user, url, 0, randomBytes(1_000))));
    expect(await driveOf(user)).toMatchObject({
      reserved_bytes: '0',
      used_bytes: '37001',
      entry_count: '38',
    });
    await limit(37_001 + 10);
    const url = await begun(user, null);
    expect(codeOf(await patch(user, url, 0, '1234'))).toBe('204');
    expect(codeOf(await patch(user, url, 4, '5678'))).toBe('204');
    expect(codeOf(await patch(user, url, 8, '12345678'))).toBe('507 quota_exceeded');
    expect(codeOf(await patch(user, url, 8, '', { 'upload-length': '11' }))).toBe('507 quota_exceeded');
    expect(await offsetOf(user, url)).toBe(8);
    expect(codeOf(await patch(user, url, 8, '90', { 'upload-length': '10' }))).toBe('204');
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '0', used_bytes: '37011' });
  });

  test('asks for the right to write with every chunk, and again at the end', async () => {
    const [owner, member] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const url = await begun(member, 10, { driveId });
    await patch(member, url, 0, 'abc');
    await system.removeMember(driveId, member);
    expect(codeOf(await patch(member, url, 3, 'defghij'))).toBe('404 folder_not_found');
    expect(await offsetOf(member, url)).toBe(3);
  });
});

test('an upload whose folder, or file, has gone to another drive needs room there', async () => {
  const user = await system.newUser();
  const workspace = await system.newWorkspace([[user, 'owner']]);
  const folder = await user.folder('goes');
  const file = await user.file('goes.txt', 'x');
  const urls = [await begun(user, 2_000, { parentId: folder }), await begun(user, 2_000, { fileId: file })];
  for (const id of [folder, file])
    expect((await user.call('PATCH', `/v1/files/${id}`, { json: { driveId: workspace } })).status).toBe(200);
  const room = (bytes: string) =>
    system.query(`update storage.drives set quota_bytes = ${bytes} where kind = 'workspace'`);
  await room('used_bytes + 1999');
  const full = await Promise.all(urls.map((url) => patch(user, url, 0, new Uint8Array(2_000))));
  expect(full.map(codeOf)).toEqual(['507 quota_exceeded', '507 quota_exceeded']);
  await room('null');
  expect(await Promise.all(urls.map((url) => offsetOf(user, url)))).toEqual([2_000, 2_000]);
  const { body: drive } = await user.call('GET', `/v1/drives/${user.id}`);
  expect([drive.usedBytes, drive.reservedBytes]).toEqual([0, 0]);
});
