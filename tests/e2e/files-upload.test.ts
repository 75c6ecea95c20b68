import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, faultyFields, refusal } from './harness/client.ts';
import { download, getFile, list, namesIn, post, reprDigest, sha256, upload } from './harness/files.ts';
import { fileSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);
const MIB = 1024 * 1024;

describe('uploading', () => {
  it('keeps the bytes of a plain body and describes them', async () => {
    const { api: mine } = await newAccount(api);
    const content = randomBytes(300_000);
    const answer = await post(mine, 'noise.bin', content);
    const file = bodyOf(answer, 201, fileSchema);
    expect(file).toMatchObject({
      kind: 'file',
      name: 'noise.bin',
      parentId: null,
      path: '/noise.bin',
      size: content.byteLength,
      sha256: sha256(content),
      contentType: 'application/octet-stream',
      version: { number: 1 },
    });
    expect(answer.headers.get('location')).toBe(`/v1/files/${file.id}`);
    expect(Buffer.from(await download(mine, file.id)).equals(content)).toBe(true);
    expect({ ...(await getFile(mine, file.id)), analysis: null }).toEqual({ ...file, analysis: null });
  });

  it('takes a multipart field, its name and its type', async () => {
    const { api: mine } = await newAccount(api);
    const form = new FormData();
    form.set('comment', 'not the file');
    form.set('file', new File(['Dear diary'], 'diary.md', { type: 'text/markdown' }));
    const file = bodyOf(await mine.call('POST', '/v1/files', { body: form }), 201, fileSchema);
    expect(file).toMatchObject({ name: 'diary.md', contentType: 'text/markdown', size: 10 });
    expect(new TextDecoder().decode(await download(mine, file.id))).toBe('Dear diary');
  });

  it('prefers the name in the query to the one in the multipart body', async () => {
    const { api: mine } = await newAccount(api);
    const form = new FormData();
    form.set('file', new File(['x'], 'original.txt'));
    const answer = await mine.call('POST', '/v1/files?name=chosen.txt', { body: form });
    expect(bodyOf(answer, 201, fileSchema).name).toBe('chosen.txt');
  });

  it('refuses multipart without a file, and multipart that is none', async () => {
    const { api: mine } = await newAccount(api);
    const form = new FormData();
    form.set('file', 'only text');
    expect(refusal(await mine.call('POST', '/v1/files', { body: form }))).toBe('400 invalid_multipart');
    const headers = { 'content-type': 'multipart/form-data; boundary=here' };
    const broken = await mine.call('POST', '/v1/files?name=a', { body: 'no boundary in it', headers });
    expect(refusal(broken)).toBe('400 invalid_multipart');
    expect(await namesIn(mine)).toEqual([]);
  });

  it('takes a body of unknown length', async () => {
    const { api: mine } = await newAccount(api);
    const content = randomBytes(200_000);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < content.byteLength; at += 50_000)
          controller.enqueue(content.subarray(at, at + 50_000));
        controller.close();
      },
    });
    const answer = await mine.call('POST', '/v1/files?name=chunked.bin', { body });
    const file = bodyOf(answer, 201, fileSchema);
    expect(file).toMatchObject({ size: content.byteLength, sha256: sha256(content) });
    expect(Buffer.from(await download(mine, file.id)).equals(content)).toBe(true);
  });

  it('takes a file of 0 bytes', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'empty.txt', '');
    expect(file).toMatchObject({ size: 0, sha256: sha256('') });
    expect((await download(mine, file.id)).byteLength).toBe(0);
  });

  it('takes a file of several MiB', async () => {
    const { api: mine } = await newAccount(api);
    const content = randomBytes(6 * MIB);
    const file = await upload(mine, 'large.bin', content);
    expect(file.sha256).toBe(sha256(content));
    expect(sha256(new Uint8Array(await download(mine, file.id)))).toBe(sha256(content));
  });

  it('takes an announced digest that is right', async () => {
    const { api: mine } = await newAccount(api);
    const headers = { 'repr-digest': reprDigest('as announced') };
    const file = bodyOf(await post(mine, 'a.txt', 'as announced', { headers }), 201, fileSchema);
    expect(file.sha256).toBe(sha256('as announced'));
  });

  it('refuses bytes that do not have the announced digest, and keeps nothing of them', async () => {
    const { api: mine } = await newAccount(api);
    const headers = { 'repr-digest': reprDigest('something else') };
    expect(refusal(await post(mine, 'a.txt', 'as announced', { headers }))).toBe('422 digest_mismatch');
    expect(await namesIn(mine)).toEqual([]);
    await upload(mine, 'a.txt', 'the name is free');
  });

  it('needs a name', async () => {
    const { api: mine } = await newAccount(api);
    const answer = await mine.call('POST', '/v1/files', { body: 'x' });
    expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', ['name']]);
  });

  it('needs a parent that is a folder of the user', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'a');
    for (const parentId of [`file_${'0'.repeat(32)}`, file.id])
      expect(refusal(await post(mine, 'b.txt', 'b', { parentId }))).toBe('404 folder_not_found');
  });

  it('lets one of ten simultaneous uploads of a name win', async () => {
    const { api: mine } = await newAccount(api);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => post(mine, 'contested.txt', `content ${at}`)),
    );
    expect(answers.map(refusal).toSorted()).toEqual(['201', ...Array(9).fill('409 name_conflict')]);
    const winner = answers.findIndex(({ status }) => status === 201);
    const { items } = await list(mine);
    expect(items).toHaveLength(1);
    expect(items[0]?.sha256).toBe(sha256(`content ${winner}`));
  });
});
