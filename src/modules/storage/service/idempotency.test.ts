import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

let system: TestSystem;
let user: TestUser;

beforeAll(async () => {
  system = await startTestSystem();
}, 120_000);
afterAll(() => system.close());

const newKey = () => crypto.randomUUID();
const upload = (key: string, content = 'the bytes', headers: Record<string, string> = {}, name = 'a.txt') =>
  user.call('POST', `/v1/files?name=${name}&conflict=rename`, {
    body: content,
    headers: { 'idempotency-key': key, 'content-type': 'text/plain', ...headers },
  });
const files = async () => (await user.call('GET', '/v1/files')).body.items;

describe('a call with an idempotency key', () => {
  test('that outlasts its claim, and is refused in the end, takes nothing from the call that went on', async () => {
    user = await system.newUser();
    const key = newKey();
    let finish = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        finish = () => {
          controller.enqueue(new TextEncoder().encode('the bytes'));
          controller.close();
        };
      },
    });
    const post = (bytes: ReadableStream<Uint8Array> | string) =>
      user.call('POST', '/v1/files?name=once.txt', { body: bytes, headers: { 'idempotency-key': key } });
    const slow = post(body);
    const claims = () => system.query(`select from storage.idempotency_keys where key = '${key}'`);
    await expect.poll(claims).toHaveLength(1);
    await system.query(
      `update storage.idempotency_keys set lease_until = now() - interval '1 s' where key = '${key}'`,
    );
    const second = await post('the bytes');
    expect(second.status).toBe(201);
    finish();
    expect((await slow).body.code).toBe('name_conflict');
    const third = await post('the bytes');
    expect([third.status, third.body.id]).toEqual([201, second.body.id]);
  });

  test('that is repeated gives the same answer and makes nothing more', async () => {
    user = await system.newUser();
    const key = newKey();
    const first = await upload(key);
    const second = await upload(key);
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get('idempotency-replayed')).toBe('true');
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    expect(await files()).toHaveLength(1);
  });

  test('and another body, name or path is refused', async () => {
    user = await system.newUser();
    const key = newKey();
    await upload(key);
    expect((await upload(key, 'other bytes')).body.code).toBe('idempotency_key_reused');
    expect((await upload(key, 'same len!')).body.code).toBe('idempotency_key_reused');
    expect((await upload(key, 'the bytes', {}, 'b.txt')).body.code).toBe('idempotency_key_reused');
    const folder = await user.call('POST', '/v1/folders', {
      json: { name: 'f' },
      headers: { 'idempotency-key': key },
    });
    expect(folder.body.code).toBe('idempotency_key_reused');
    expect((await files()).filter((file: { kind: string }) => file.kind === 'file')).toHaveLength(1);
  });

  test('sent fifty times at once makes one file; the others are told to wait or get its answer', async () => {
    user = await system.newUser();
    const key = newKey();
    const answers = await Promise.all(Array.from({ length: 50 }, () => upload(key)));
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(new Set(made.map(({ body }) => body.id)).size).toBe(1);
    const others = answers.filter(({ status }) => status !== 201);
    expect(others.every(({ body }) => body.code === 'idempotency_in_progress')).toBe(true);
    expect(others.every(({ headers }) => headers.get('retry-after') === '1')).toBe(true);
    expect(await files()).toHaveLength(1);
  });

  test('that was refused leaves its key free', async () => {
    user = await system.newUser();
    const key = newKey();
    const wrong = `sha-256=:${btoa('\0'.repeat(32))}:`;
    expect((await upload(key, 'x', { 'repr-digest': wrong })).status).toBe(422);
    expect((await upload(key, 'x')).status).toBe(201);
  });

  test('whose answer was lost after its effect finds the effect', async () => {
    user = await system.newUser();
    const key = newKey();
    const first = await upload(key);
    // As if the process had died between the effect and the note of it.
    await system.query(
      `update storage.idempotency_keys set status = null, body = null, lease_until = now() - interval '1 minute' where key = '${key}'`,
    );
    const second = await upload(key);
    expect(second.status).toBe(201);
    expect(second.body.id).toBe(first.body.id);
    expect(await files()).toHaveLength(1);
    await system.query(
      `update storage.idempotency_keys set status = null, body = null, lease_until = now() - interval '1 minute' where key = '${key}'`,
    );
    expect((await upload(key, 'something else')).body.code).toBe('idempotency_key_reused');
  });

  test('is its own user’s; another one’s call under the same key is another call', async () => {
    user = await system.newUser();
    const key = newKey();
    const mine = await upload(key);
    user = await system.newUser();
    const theirs = await upload(key, 'their bytes');
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  test('keeps no answer in clear', async () => {
    user = await system.newUser();
    await upload(newKey(), 'x', {}, 'tell-tale.txt');
    const rows = await system.query(
      `select body from storage.idempotency_keys where body like '%tell-tale%'`,
    );
    expect(rows).toEqual([]);
  });

  test.each(['', 'with space', 'ü', 'x'.repeat(256)])('that is %o is not valid', async (key) => {
    user = await system.newUser();
    const headers = { 'idempotency-key': key };
    const request = async () => upload(newKey(), 'x', headers);
    const status = await request().then(
      (answer) => answer.status,
      () => 400,
    );
    expect(status).toBe(400);
  });

  test('that writes a version is one version, also when its answer was lost', async () => {
    user = await system.newUser();
    const made = await user.upload('v.txt', 'one');
    const key = newKey();
    const write = (content: string) =>
      user.call('PUT', `/v1/files/${made.body.id}/content`, {
        body: content,
        headers: { 'idempotency-key': key, 'if-match': made.body.etag },
      });
    const first = await write('two');
    expect(first.body).toMatchObject({ version: { number: 2 } });
    expect((await write('two')).body).toEqual(first.body);
    await system.query(
      `update storage.idempotency_keys set status = null, body = null, lease_until = now() - interval '1 minute' where key = '${key}'`,
    );
    expect((await write('two')).body).toMatchObject({ version: { number: 2 }, sha256: first.body.sha256 });
    expect((await write('three')).body.code).toBe('idempotency_key_reused');
  });

  test('that writes over a name is one version, also when its answer was lost', async () => {
    user = await system.newUser();
    await user.upload('r.txt', 'one');
    const key = newKey();
    const write = (content: string) =>
      user.call('POST', '/v1/files?name=r.txt&conflict=replace', {
        body: content,
        headers: { 'idempotency-key': key },
      });
    const first = await write('two');
    expect(first.body).toMatchObject({ version: { number: 2 } });
    await system.query(
      `update storage.idempotency_keys set status = null, body = null, lease_until = now() - interval '1 minute' where key = '${key}'`,
    );
    expect((await write('two')).body).toMatchObject({ id: first.body.id, version: first.body.version });
    expect((await files())[0].version.number).toBe(2);
  });

  test('whose bytes never became a file is simply done again', async () => {
    user = await system.newUser();
    const key = newKey();
    const broken = system.withEnv({ S3_BUCKET: 'no-such-bucket' });
    const headers = { 'idempotency-key': key };
    const failed = await broken.call('POST', '/v1/files?name=again.txt', {
      body: 'x',
      token: user.token,
      headers,
    });
    expect(failed.status).toBeGreaterThanOrEqual(500);
    const again = await user.call('POST', '/v1/files?name=again.txt', { body: 'x', headers });
    expect(again.status).toBe(201);
  });

  test('is forgotten after a day', async () => {
    user = await system.newUser();
    const key = newKey();
    await upload(key);
    await system.query(
      `update storage.idempotency_keys set created_at = now() - interval '25 hours' where key = '${key}'`,
    );
    await system.runCron();
    expect(await system.query(`select 1 from storage.idempotency_keys where key = '${key}'`)).toEqual([]);
  });
});
