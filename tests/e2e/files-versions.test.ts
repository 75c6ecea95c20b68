import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type CallOptions, type Client, createClient, refusal } from './harness/client.ts';
import { download, getFile, makeFolder, reprDigest, sha256, upload } from './harness/files.ts';
import { fileSchema, versionPageSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);
const put = (mine: Client, id: string, body: string, headers: CallOptions['headers'] = {}) =>
  mine.call('PUT', `/v1/files/${id}/content`, { body, headers });
const read = async (mine: Client, id: string) => new TextDecoder().decode(await download(mine, id));

async function versionsOf(mine: Client, id: string, query = '') {
  return bodyOf(await mine.call('GET', `/v1/files/${id}/versions${query}`), 200, versionPageSchema);
}

describe('writing', () => {
  it('makes a new version and keeps the old one', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'one');
    const next = bodyOf(await put(mine, file.id, 'two'), 200, fileSchema);
    expect(next).toMatchObject({ id: file.id, name: 'a.txt', sha256: sha256('two'), version: { number: 2 } });
    expect(await read(mine, file.id)).toBe('two');
    const { items } = await versionsOf(mine, file.id);
    expect(items.map(({ number, sha256, current }) => ({ number, sha256, current }))).toEqual([
      { number: 2, sha256: sha256('two'), current: true },
      { number: 1, sha256: sha256('one'), current: false },
    ]);
  });

  it('under If-Match succeeds only on the content that was seen', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'one');
    const seen = { 'if-match': `"${file.sha256}"` };
    bodyOf(await put(mine, file.id, 'two', seen), 200, fileSchema);
    expect(refusal(await put(mine, file.id, 'three', seen))).toBe('412 precondition_failed');
    expect(refusal(await put(mine, file.id, 'three', { 'if-match': `W/"${sha256('two')}"` }))).toBe(
      '412 precondition_failed',
    );
    expect(await read(mine, file.id)).toBe('two');
    bodyOf(await put(mine, file.id, 'three', { 'if-match': '*' }), 200, fileSchema);
  });

  it('by ten at once under the same If-Match succeeds exactly once', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'start');
    const headers = { 'if-match': `"${file.sha256}"` };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => put(mine, file.id, `writer ${at}`, headers)),
    );
    expect(answers.map(refusal).toSorted()).toEqual(['200', ...Array(9).fill('412 precondition_failed')]);
    const winner = answers.findIndex(({ status }) => status === 200);
    expect(await read(mine, file.id)).toBe(`writer ${winner}`);
    expect((await versionsOf(mine, file.id)).items).toHaveLength(2);
  });

  it('by ten at once without If-Match loses none of them', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'start');
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, at) => put(mine, file.id, `writer ${at}`)),
    );
    expect(answers.map(refusal)).toEqual(Array(10).fill('200'));
    const { items } = await versionsOf(mine, file.id);
    expect(items.map(({ number }) => number)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    expect(new Set(items.map((version) => version.sha256)).size).toBe(11);
    expect(sha256(await read(mine, file.id))).toBe(items[0]?.sha256);
  });

  it('bytes that do not have the announced digest changes nothing', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'one');
    const headers = { 'repr-digest': reprDigest('something else') };
    expect(refusal(await put(mine, file.id, 'two', headers))).toBe('422 digest_mismatch');
    expect(await getFile(mine, file.id)).toMatchObject({ sha256: file.sha256, version: file.version });
  });
});

describe('versions', () => {
  it('come in pages, newest first', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', '1');
    for (const content of ['2', '3', '4', '5']) await put(mine, file.id, content);
    const first = await versionsOf(mine, file.id, '?limit=2');
    const second = await versionsOf(mine, file.id, `?limit=2&cursor=${first.nextCursor}`);
    const third = await versionsOf(mine, file.id, `?limit=2&cursor=${second.nextCursor}`);
    const numbers = [first, second, third].map(({ items }) => items.map(({ number }) => number));
    expect([numbers, third.nextCursor]).toEqual([[[5, 4], [3, 2], [1]], null]);
  });

  it('can be restored, as a new version on top of the others', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'one');
    await put(mine, file.id, 'two');
    const path = `/v1/files/${file.id}/versions/${file.version?.id}/restore`;
    const restored = bodyOf(await mine.call('POST', path), 200, fileSchema);
    expect(restored).toMatchObject({ sha256: sha256('one'), version: { number: 3 } });
    expect(await read(mine, file.id)).toBe('one');
    expect((await versionsOf(mine, file.id)).items.map(({ number }) => number)).toEqual([3, 2, 1]);
  });

  it('of another file, or of none, cannot be restored', async () => {
    const { api: mine } = await newAccount(api);
    const [file, other] = [await upload(mine, 'a', 'a'), await upload(mine, 'b', 'b')];
    for (const version of [other.version?.id, `ver_${'0'.repeat(32)}`]) {
      const answer = await mine.call('POST', `/v1/files/${file.id}/versions/${version}/restore`);
      expect(refusal(answer)).toBe('404 version_not_found');
    }
    const broken = await mine.call('POST', `/v1/files/${file.id}/versions/latest/restore`);
    expect(refusal(broken)).toBe('400 invalid_request');
  });

  it('of a folder are none', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    expect((await versionsOf(mine, folder.id)).items).toEqual([]);
  });
});
