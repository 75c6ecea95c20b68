import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

const MIB = 1024 * 1024;

let system: TestSystem;
beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const begin = (user: TestUser, size: number, more: Readonly<Record<string, unknown>> = {}) =>
  user.call('POST', '/v1/uploads', { json: { name: 'a.bin', size, partBytes: 5 * MIB, ...more } });

async function begun(user: TestUser, size: number, more: Readonly<Record<string, unknown>> = {}) {
  const answer = await begin(user, size, more);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}

async function urlsOf(
  user: TestUser,
  id: string,
  wanted: object,
): Promise<{ number: number; size: number; url: string }[]> {
  const answer = await user.call('POST', `/v1/uploads/${id}/parts`, { json: wanted });
  expect(answer.status, JSON.stringify(answer.body)).toBe(200);
  return answer.body.items;
}

const put = async (url: string, body: Uint8Array<ArrayBuffer>) => {
  const answer = await fetch(url, { method: 'PUT', body });
  await answer.arrayBuffer();
  return answer;
};

/** @returns the entity tags of the parts that were sent */
async function sendAll(user: TestUser, id: string, bytes: Uint8Array<ArrayBuffer>, partBytes = 5 * MIB) {
  const count = Math.ceil(bytes.byteLength / partBytes);
  const parts: { number: number; etag: string }[] = [];
  for (const { number, size, url } of count === 0 ? [] : await urlsOf(user, id, { first: 1, count })) {
    const from = (number - 1) * partBytes;
    const answer = await put(url, bytes.slice(from, from + size));
    expect(answer.status).toBe(200);
    parts.push({ number, etag: answer.headers.get('etag') ?? '' });
  }
  return parts;
}

const complete = (user: TestUser, id: string, json: object = {}) =>
  user.call('POST', `/v1/uploads/${id}/complete`, { json });
const codeOf = ({ status, body }: Answer) => (body?.code ? `${status} ${body.code}` : String(status));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const uuidOf = (id: string) =>
  id.slice(id.indexOf('_') + 1).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const driveOf = async (user: TestUser) =>
  (
    await system.query(
      `select used_bytes, reserved_bytes, entry_count from storage.drives where id = '${uuidOf(user.id)}'`,
    )
  )[0];
const bytesOf = (size: number) => new Uint8Array(randomBytes(size));

describe('an upload in parts, straight to the store', () => {
  test('becomes a file with a digest, and holds its place until then', async () => {
    const user = await system.newUser();
    const bytes = bytesOf(11 * MIB + 5);
    const upload = await begun(user, bytes.byteLength, { contentType: 'application/x-thing' });
    expect(upload).toMatchObject({ partBytes: 5 * MIB, partCount: 3, state: 'active', fileId: null });
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: String(bytes.byteLength), used_bytes: '0' });
    const urls = await urlsOf(user, upload.id, { numbers: [3, 1, 3] });
    expect(urls.map(({ number, size }) => [number, size])).toEqual([
      [3, MIB + 5],
      [1, 5 * MIB],
    ]);
    for (const { url } of urls) expect(new URL(url).searchParams.get('X-Amz-Expires')).toBe('900');
    for (const { number, size, url } of urls)
      await put(url, bytes.slice((number - 1) * 5 * MIB, (number - 1) * 5 * MIB + size));
    const half = await user.call('GET', `/v1/uploads/${upload.id}`);
    expect(half.body.received).toEqual({
      bytes: 6 * MIB + 5,
      parts: [
        [1, 1],
        [3, 3],
      ],
    });
    expect(codeOf(await complete(user, upload.id))).toBe('409 part_missing');
    const parts = await sendAll(user, upload.id, bytes);
    const listed = await user.call('GET', `/v1/uploads/${upload.id}/parts?limit=2`);
    expect(listed.body.items.map(({ size }: { size: number }) => size)).toEqual([5 * MIB, 5 * MIB]);
    expect(listed.body.nextCursor).toBe('2');
    const made = await complete(user, upload.id, { parts, sha256: sha256(bytes) });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    expect(made.body).toMatchObject({ name: 'a.bin', size: bytes.byteLength, sha256: sha256(bytes) });
    const content = await user.call('GET', `/v1/files/${made.body.id}/content`);
    expect(Buffer.from(content.bytes).equals(bytes)).toBe(true);
    expect(await driveOf(user)).toEqual({
      used_bytes: String(bytes.byteLength),
      reserved_bytes: '0',
      entry_count: '1',
    });
    expect((await complete(user, upload.id, { parts })).body).toMatchObject({
      id: made.body.id,
      version: { number: 1 },
    });
    expect((await user.call('GET', `/v1/uploads/${upload.id}`)).body).toMatchObject({
      state: 'completed',
      fileId: made.body.id,
      received: { bytes: bytes.byteLength },
    });
  });

  test('takes an empty file without a part', async () => {
    const user = await system.newUser();
    const upload = await begun(user, 0);
    expect(upload.partCount).toBe(0);
    expect((await complete(user, upload.id)).body).toMatchObject({
      size: 0,
      sha256: sha256(new Uint8Array()),
    });
  });

  test('chooses parts so that ten thousand suffice, and refuses what the store cannot hold', async () => {
    const user = await system.newUser();
    const quota = system.withEnv({ DRIVE_QUOTA_BYTES: String(2 ** 50) });
    const at = (json: object) =>
      quota.call('POST', '/v1/uploads', { token: user.token, json: { name: 'x', ...json } });
    const size = 5 * 1024 ** 4;
    expect((await at({ size })).body).toMatchObject({ partBytes: 525 * MIB, partCount: 9987 });
    expect(codeOf(await at({ size: size + 1 }))).toBe('413 file_too_large');
    expect(codeOf(await at({ size, partBytes: 5 * MIB }))).toBe('400 invalid_request');
    expect((await at({ size: 50_000 * MIB, partBytes: 5 * MIB })).body.partCount).toBe(10_000);
  });

  test.each([
    [{ size: -1 }, '400 invalid_request'],
    [{ size: 1.5 }, '400 invalid_request'],
    [{ size: 2 ** 60 }, '400 invalid_request'],
    [{ size: '5' }, '400 invalid_request'],
    [{ size: 1, partBytes: 5 * MIB - 1 }, '400 invalid_request'],
    [{ size: 1, name: '../x' }, '400 invalid_request'],
    [{ size: 1, name: 'x'.repeat(256) }, '400 invalid_request'],
    [{ size: 1, sha256: 'ABC' }, '400 invalid_request'],
    [{ size: 1, conflict: 'destroy' }, '400 invalid_request'],
    [{ size: 1, surprise: true }, '400 invalid_request'],
    [{ size: 1, fileId: `file_${'0'.repeat(32)}` }, '400 invalid_request'],
    [{ size: 1, name: undefined, fileId: `file_${'0'.repeat(32)}` }, '404 file_not_found'],
    [{ size: 1, parentId: `file_${'0'.repeat(32)}` }, '404 folder_not_found'],
    [{ size: 1, driveId: `wsp_${'0'.repeat(32)}` }, '404 folder_not_found'],
    [{ size: 200 * 1024 * MIB, partBytes: 64 * MIB }, '507 quota_exceeded'],
  ])('a beginning with %o is answered %s, and nothing is held for it', async (json, expected) => {
    const user = await system.newUser();
    expect(codeOf(await begin(user, 1, json))).toBe(expected);
    expect((await driveOf(user))?.reserved_bytes ?? '0').toBe('0');
  });

  test('refuses parts that are not as announced; the upload can be mended', async () => {
    const user = await system.newUser();
    const bytes = bytesOf(6 * MIB);
    const { id } = await begun(user, bytes.byteLength);
    const [first, second] = await urlsOf(user, id, { first: 1, count: 2 });
    if (!first || !second) throw new Error('urls');
    // Another length, another method, another key, another part.
    expect((await put(first.url, bytes.slice(0, MIB))).status).toBe(403);
    expect((await fetch(first.url)).status).toBe(403);
    expect(
      (await put(first.url.replace('partNumber=1', 'partNumber=2'), bytes.slice(0, 5 * MIB))).status,
    ).toBe(403);
    expect((await put(first.url.replace('/objects/', '/objects/x'), bytes.slice(0, 5 * MIB))).status).toBe(
      403,
    );
    expect(Number(new URL(first.url).searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);

    // Somebody with the store's own keys sends a part that is too small.
    const [row] = await system.query(
      `select object_key, store_upload_id from storage.uploads where id = '${uuidOf(id)}'`,
    );
    const store = (number: number, body: Uint8Array) =>
      system.store.multipart.putPart(String(row?.object_key), String(row?.store_upload_id), {
        number,
        size: body.byteLength,
        body,
      });
    await store(1, bytes.slice(0, 2 * MIB));
    await store(2, bytes.slice(0, 4 * MIB));
    expect(codeOf(await complete(user, id))).toBe('409 part_size');
    // The store itself has nothing against a last part that is too long.
    await store(1, bytes.slice(0, 5 * MIB));
    expect(codeOf(await complete(user, id))).toBe('409 part_size');
    const parts = await sendAll(user, id, bytes);
    expect(codeOf(await complete(user, id, { parts: parts.toReversed() }))).toBe('400 part_order');
    expect(codeOf(await complete(user, id, { parts: [parts[0], parts[0]] }))).toBe('400 part_order');
    expect(codeOf(await complete(user, id, { parts: parts.slice(1) }))).toBe('409 part_missing');
    expect(codeOf(await complete(user, id, { parts: [...parts, { number: 3, etag: 'x' }] }))).toBe(
      '409 part_missing',
    );
    expect(codeOf(await complete(user, id, { parts: [parts[0], { number: 2, etag: '"0"' }] }))).toBe(
      '409 part_changed',
    );
    for (const numbers of [[0], [3], [10_001], [], Array.from({ length: 101 }, (_, at) => at + 1)])
      expect(codeOf(await user.call('POST', `/v1/uploads/${id}/parts`, { json: { numbers } }))).toBe(
        '400 invalid_request',
      );
    expect((await complete(user, id, { parts })).status).toBe(201);
  });

  test('a digest that does not match ends it, with nothing left', async () => {
    const user = await system.newUser();
    const bytes = bytesOf(100);
    const { id } = await begun(user, 100, { sha256: '0'.repeat(64) });
    await sendAll(user, id, bytes);
    expect(codeOf(await complete(user, id, { sha256: sha256(bytes) }))).toBe('422 digest_mismatch');
    expect(codeOf(await complete(user, id))).toBe('422 digest_mismatch');
    expect(codeOf(await complete(user, id))).toBe('422 digest_mismatch');
    expect(await driveOf(user)).toEqual({ used_bytes: '0', reserved_bytes: '0', entry_count: '0' });
    expect((await user.call('GET', '/v1/files')).body.items).toEqual([]);
  });

  test('completed by ten at once it is one file; what is refused can be completed when the reason is gone', async () => {
    const user = await system.newUser();
    const { id } = await begun(user, 5);
    await sendAll(user, id, bytesOf(5));
    const answers = await Promise.all(Array.from({ length: 10 }, () => complete(user, id)));
    const done = answers.filter(({ status }) => status === 201);
    expect(done.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status !== 201 && status !== 503)).toEqual([]);
    expect(new Set(done.map(({ body }) => body.id)).size).toBe(1);
    expect((await complete(user, id)).body.id).toBe(done[0]?.body.id);
    expect(await driveOf(user)).toEqual({ used_bytes: '5', reserved_bytes: '0', entry_count: '1' });

    const late = await begun(user, 5, { name: 'b' });
    await sendAll(user, late.id, bytesOf(5));
    const other = await user.file('b', 'x');
    expect(codeOf(await complete(user, late.id))).toBe('409 name_conflict');
    await user.call('DELETE', `/v1/files/${other}`);
    expect((await complete(user, late.id)).body).toMatchObject({ name: 'b', size: 5 });
  });

  test('is its user’s alone, can be given up, and what is over says so', async () => {
    const [user, other] = [await system.newUser(), await system.newUser()];
    const { id } = await begun(user, 9 * MIB);
    const calls = (someone: TestUser, upload: string) =>
      Promise.all([
        someone.call('GET', `/v1/uploads/${upload}`),
        someone.call('GET', `/v1/uploads/${upload}/parts`),
        someone.call('POST', `/v1/uploads/${upload}/parts`, { json: { numbers: [1] } }),
        complete(someone, upload),
        someone.call('DELETE', `/v1/uploads/${upload}`),
      ]);
    const [theirs, nobodys] = [await calls(other, id), await calls(other, `upl_${'0'.repeat(32)}`)];
    expect(theirs.map(codeOf)).toEqual(Array(5).fill('404 upload_not_found'));
    expect(theirs.map(({ body }) => ({ ...body, requestId: '' }))).toEqual(
      nobodys.map(({ body }) => ({ ...body, requestId: '' })),
    );
    expect((await other.call('GET', '/v1/uploads')).body.items).toEqual([]);
    const { items } = (await user.call('GET', '/v1/uploads')).body;
    expect(items).toMatchObject([{ id, name: 'a.bin', size: 9 * MIB }]);
    const [{ url } = { url: '' }] = await urlsOf(user, id, { numbers: [1] });
    expect((await user.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204);
    expect((await put(url, bytesOf(5 * MIB))).status).toBe(404);
    expect((await calls(user, id)).map(codeOf)).toEqual(Array(5).fill('404 upload_not_found'));
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '0' });

    const late = await begun(user, 5);
    await sendAll(user, late.id, bytesOf(5));
    await system.query(`update storage.uploads set expires_at = now() where id = '${uuidOf(late.id)}'`);
    expect((await calls(user, late.id)).map(codeOf)).toEqual(Array(5).fill('410 upload_expired'));
    await system.runCron();
    expect(codeOf(await complete(user, late.id))).toBe('410 upload_expired');
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '0', used_bytes: '0' });
  });

  test('needs the right to write to the end', async () => {
    const [owner, member] = [await system.newUser(), await system.newUser()];
    const driveId = await system.newWorkspace([
      [owner, 'owner'],
      [member, 'member'],
    ]);
    const { id } = await begun(member, 5, { driveId });
    await sendAll(member, id, bytesOf(5));
    await system.query(
      `update auth.workspace_members set role = 'viewer' where user_id = '${uuidOf(member.id)}'`,
    );
    expect(codeOf(await complete(member, id))).toBe('403 role_required');
    expect(codeOf(await member.call('POST', `/v1/uploads/${id}/parts`, { json: { numbers: [1] } }))).toBe(
      '403 role_required',
    );
    await system.removeMember(driveId, member);
    expect(codeOf(await complete(member, id))).toBe('404 folder_not_found');
    expect((await owner.call('GET', `/v1/files?driveId=${driveId}`)).body.items).toEqual([]);
  });

  test('under envelope encryption says which door to take', async () => {
    const user = await system.newUser();
    const sealed = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
    const answer = await sealed.call('POST', '/v1/uploads', {
      token: user.token,
      json: { name: 'a', size: 1 },
    });
    expect([codeOf(answer), answer.body.detail]).toEqual([
      '409 presigned_unavailable',
      'Use TUS instead: /v1/tus.',
    ]);
  });

  test('repeated with its idempotency key, it is one upload', async () => {
    const user = await system.newUser();
    const again = () =>
      user.call('POST', '/v1/uploads', {
        json: { name: 'a', size: 7 },
        headers: { 'idempotency-key': 'k1' },
      });
    const [first, second] = [await again(), await again()];
    expect(second.body).toEqual(first.body);
    expect(await driveOf(user)).toMatchObject({ reserved_bytes: '7' });
  });
});
