import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, faultyFields, refusal } from './harness/client.ts';
import { download, getFile, list, namesIn, post, reprDigest, sha256, upload } from './harness/files.ts';
import { hangUpHalfWay, sendRaw } from './harness/raw-http.ts';
import { until } from './harness/until.ts';
import { fileSchema } from './harness/wire.ts';

const { url, maxUploadBytes } = inject('installation');
const api = createClient(url);
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

describe('an upload that is too large', () => {
  it('is refused before its bytes are sent', async () => {
    const account = await newAccount(api);
    const answer = await sendRaw(url, {
      method: 'POST',
      path: '/v1/files?name=huge.bin',
      headers: {
        authorization: `Bearer ${account.tokens.accessToken}`,
        'content-length': String(maxUploadBytes + 1),
      },
    });
    expect(refusal(answer)).toBe('413 file_too_large');
    expect(await namesIn(account.api)).toEqual([]);
  });

  it('is refused as a multipart file and as a stream of unknown length', async () => {
    const { api: mine } = await newAccount(api);
    const content = new Uint8Array(maxUploadBytes + 1);
    const form = new FormData();
    form.set('file', new File([content], 'huge.bin'));
    expect(refusal(await mine.call('POST', '/v1/files', { body: form }))).toBe('413 file_too_large');
    const body = new Blob([content]).stream();
    const streamed = await mine.call('POST', '/v1/files?name=huge.bin', { body });
    expect(refusal(streamed)).toBe('413 file_too_large');
    expect(await namesIn(mine)).toEqual([]);
  });

  it('is taken when it has exactly the largest size', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'largest.bin', new Uint8Array(maxUploadBytes));
    expect(file.size).toBe(maxUploadBytes);
  });
});

describe('an upload that breaks off half-way', () => {
  it('leaves no file and no name behind', async () => {
    const account = await newAccount(api);
    await hangUpHalfWay(url, {
      method: 'POST',
      path: '/v1/files?name=half.bin',
      headers: { authorization: `Bearer ${account.tokens.accessToken}`, 'content-length': String(4 * MIB) },
      body: randomBytes(2 * MIB),
    });
    expect(await namesIn(account.api)).toEqual([]);
    const whole = await upload(account.api, 'half.bin', 'the whole of it');
    expect(await list(account.api)).toMatchObject({ items: [{ id: whole.id, size: 15 }] });
  });

  it('leaves the current version of a file as it is', async () => {
    const account = await newAccount(api);
    const file = await upload(account.api, 'kept.txt', 'the good version');
    await hangUpHalfWay(url, {
      method: 'PUT',
      path: `/v1/files/${file.id}/content`,
      headers: { authorization: `Bearer ${account.tokens.accessToken}`, 'content-length': String(4 * MIB) },
      body: randomBytes(2 * MIB),
    });
    expect((await getFile(account.api, file.id)).version).toEqual(file.version);
    expect(new TextDecoder().decode(await download(account.api, file.id))).toBe('the good version');
  });

  it('does not hinder the uploads that come after it', async () => {
    const account = await newAccount(api);
    const headers = {
      authorization: `Bearer ${account.tokens.accessToken}`,
      'content-length': String(4 * MIB),
    };
    await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        hangUpHalfWay(url, {
          method: 'POST',
          path: `/v1/files?name=half-${at}`,
          headers,
          body: randomBytes(MIB),
        }),
      ),
    );
    await until(
      () => post(account.api, 'whole.txt', 'whole'),
      ({ status }) => status === 201,
      { withinMs: 2_000, what: 'an upload after broken ones' },
    );
    expect(await namesIn(account.api)).toEqual(['whole.txt']);
  });
});
