import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { createClient, faultyFields, refusal } from './harness/client.ts';
import { makeFolder, namesIn, post, upload } from './harness/files.ts';
import { sendRaw } from './harness/raw-http.ts';

const { url } = inject('installation');
const api = createClient(url);

/** Percent-encoded, as they stand in the query. */
const REFUSED: readonly (readonly [string, string])[] = [
  ['..', '..'],
  ['.', '.'],
  ['an absolute path', '%2Fetc%2Fpasswd'],
  ['a path upwards', '..%2F..%2Fsecret'],
  ['a backslash', '..%5Csecret'],
  ['NUL', 'a%00.txt'],
  ['CR and LF', 'a%0D%0Ax-evil%3A%201'],
  ['a tab', 'a%09b'],
  ['DEL', 'a%7Fb'],
  ['a line separator', 'a%E2%80%A8b'],
  ['300 characters', 'x'.repeat(300)],
  ['100 characters of 3 bytes each', '%E8%AA%9E'.repeat(100)],
  ['nothing', ''],
  ['blanks', '%20%20'],
];

describe('names', () => {
  it.each(REFUSED)('that are %s are refused on upload', async (_, name) => {
    const { api: mine } = await newAccount(api);
    const answer = await mine.call('POST', `/v1/files?name=${name}`, { body: 'x' });
    expect([refusal(answer), [...new Set(faultyFields(answer))]]).toEqual(['400 invalid_request', ['name']]);
    expect(await namesIn(mine)).toEqual([]);
  });

  it('are refused alike for folders and on renaming', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'good.txt', 'x');
    for (const [what, encoded] of REFUSED) {
      const json = { name: decodeURIComponent(encoded) };
      expect(refusal(await mine.call('POST', '/v1/folders', { json })), what).toBe('400 invalid_request');
      expect(refusal(await mine.call('PATCH', `/v1/files/${file.id}`, { json })), what).toBe(
        '400 invalid_request',
      );
    }
    expect(await namesIn(mine)).toEqual(['good.txt']);
  });

  it('with half a surrogate pair are refused, and never stored broken', async () => {
    const { api: mine } = await newAccount(api);
    const json = '{"name":"a\\ud800b"}';
    const headers = { 'content-type': 'application/json' };
    const folder = await mine.call('POST', '/v1/folders', { body: json, headers });
    expect([refusal(folder), faultyFields(folder)]).toEqual(['400 invalid_request', ['name']]);
    const upload = await mine.call('POST', '/v1/files?name=a%ED%A0%80b', { body: 'x' });
    expect(refusal(upload)).toBe('400 invalid_request');
    expect(await namesIn(mine)).toEqual([]);
  });

  it('in a multipart body are held to the same rules', async () => {
    const account = await newAccount(api);
    for (const name of ['..', '../../etc/passwd', 'a\tb', 'x'.repeat(300)]) {
      const body = `--here\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\n\r\nx\r\n--here--\r\n`;
      const headers = { 'content-type': 'multipart/form-data; boundary=here' };
      const answer = await account.api.call('POST', '/v1/files', { body, headers });
      expect([refusal(answer), faultyFields(answer)], name).toEqual(['400 invalid_request', ['name']]);
    }
    expect(await namesIn(account.api)).toEqual([]);
  });

  it.each([
    'a.txt',
    'ends with a dot.',
    ' leading blank',
    'con',
    '~',
    '-rf',
    '$HOME',
    '%2e%2e',
    "'; drop table files; --",
    '🗂️',
    'عربى.txt',
    '...',
  ])('that are unusual but harmless are kept as sent: %s', async (name) => {
    const { api: mine } = await newAccount(api);
    expect((await upload(mine, name, 'x')).name).toBe(name);
    expect(await namesIn(mine)).toEqual([name]);
  });

  it('that differ only in case or composition are in conflict', async () => {
    const { api: mine } = await newAccount(api);
    await upload(mine, 'Caf\u00e9.txt', 'composed');
    for (const name of ['Caf\u00e9.txt', 'CAF\u00c9.TXT', 'Cafe\u0301.txt', 'cafe\u0301.TXT'])
      expect(refusal(await post(mine, name, 'again')), name).toBe('409 name_conflict');
    expect(refusal(await mine.call('POST', '/v1/folders', { json: { name: 'CAFE\u0301.txt' } }))).toBe(
      '409 name_conflict',
    );
    const other = await upload(mine, 'other.txt', 'x');
    const json = { name: 'cafe\u0301.txt' };
    expect(refusal(await mine.call('PATCH', `/v1/files/${other.id}`, { json }))).toBe('409 name_conflict');
    expect(await namesIn(mine)).toEqual(['Caf\u00e9.txt', 'other.txt']);
  });

  it('may be the same in two folders, and change their case in place', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    await upload(mine, 'same.txt', '1');
    const inside = await upload(mine, 'same.txt', '2', folder.id);
    expect(inside.path).toBe('/folder/same.txt');
    const json = { name: 'SAME.txt' };
    expect((await mine.call('PATCH', `/v1/files/${inside.id}`, { json })).status).toBe(200);
  });
});

describe('ids', () => {
  it.each([
    'x',
    '1',
    'file_',
    `file_${'0'.repeat(31)}`,
    `file_${'G'.repeat(32)}`,
    `ver_${'0'.repeat(32)}`,
    "file_'--",
    '%00',
    '%2e%2e',
  ])('that are none are refused: %s', async (id) => {
    const account = await newAccount(api);
    for (const [method, path] of [
      ['GET', `/v1/files/${id}`],
      ['DELETE', `/v1/files/${id}`],
      ['GET', `/v1/files/${id}/content`],
      ['GET', `/v1/files/${id}/versions`],
      ['GET', `/v1/files/${id}/analysis`],
    ] as const) {
      const headers = { authorization: `Bearer ${account.tokens.accessToken}` };
      const answer = await sendRaw(url, { method, path, headers });
      // A dot segment leads out of the route before anybody looks at it as an id.
      const expected = id === '%2e%2e' ? /^40[04] / : /^400 invalid_request$/;
      expect(refusal(answer), `${method} ${path}`).toMatch(expected);
    }
  });

  it('in the query and the body are refused by name', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'a.txt', 'x');
    const json = { parentId: 'root' };
    for (const answer of [
      await mine.call('GET', '/v1/files?parentId=root'),
      await mine.call('POST', '/v1/files?name=b&parentId=root', { body: 'x' }),
      await mine.call('POST', '/v1/folders', { json: { name: 'b', ...json } }),
      await mine.call('PATCH', `/v1/files/${file.id}`, { json }),
    ])
      expect([refusal(answer), faultyFields(answer)]).toEqual(['400 invalid_request', ['parentId']]);
  });
});
