import { unzipSync } from 'fflate';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, createClient, refusal, textOf } from './harness/client.ts';
import { makeFolder, post, upload } from './harness/files.ts';
import { fileSchema } from './harness/wire.ts';

const api = createClient(inject('installation').url);
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

/** A file of the 26 letters, and GET on its content. */
async function alphabet() {
  const { api: mine } = await newAccount(api);
  const file = await upload(mine, 'alphabet.txt', ALPHABET);
  const path = `/v1/files/${file.id}/content`;
  return { file, read: (headers = {}, method = 'GET') => mine.call(method, path, { headers }) };
}

describe('ranges', () => {
  it.each([
    ['bytes=0-0', 'a', '0-0'],
    ['bytes=3-6', 'defg', '3-6'],
    ['bytes=20-', 'uvwxyz', '20-25'],
    ['bytes=-4', 'wxyz', '22-25'],
    ['bytes=-100', ALPHABET, '0-25'],
    ['bytes=24-99', 'yz', '24-25'],
  ])('%s are the bytes %s', async (range, bytes, span) => {
    const { read } = await alphabet();
    const answer = await read({ range });
    expect([answer.status, textOf(answer)]).toEqual([206, bytes]);
    expect(answer.headers.get('content-range')).toBe(`bytes ${span}/26`);
    expect(answer.headers.get('content-length')).toBe(String(bytes.length));
  });

  it('outside of the file answer 416 with its size', async () => {
    const { read } = await alphabet();
    const answer = await read({ range: 'bytes=26-' });
    expect(refusal(answer)).toBe('416 range_not_satisfiable');
    expect(answer.headers.get('content-range')).toBe('bytes */26');
  });

  it.each(['bytes=5-2', 'letters=1-2', 'bytes=a-b', 'bytes=0-1,4-5', 'bytes='])(
    'that make no sense or ask for several parts answer the whole: %s',
    async (range) => {
      const { read } = await alphabet();
      const answer = await read({ range });
      expect([answer.status, textOf(answer)]).toEqual([200, ALPHABET]);
    },
  );

  it('under If-Range answer the range only while the content is the same', async () => {
    const { file, read } = await alphabet();
    const same = await read({ range: 'bytes=0-1', 'if-range': `"${file.sha256}"` });
    expect([same.status, textOf(same)]).toEqual([206, 'ab']);
    const changed = await read({ range: 'bytes=0-1', 'if-range': '"something-else"' });
    expect([changed.status, textOf(changed)]).toEqual([200, ALPHABET]);
  });
});

describe('under Range a thousand parts', () => {
  it.each([
    ['tiny', (index: number) => `${index}-${index}`],
    ['overlapping', () => '0-'],
  ])('that are %s are answered with the whole, once', async (_, part) => {
    const { read } = await alphabet();
    const parts = Array.from({ length: 1_000 }, (_, index) => part(index)).join(',');
    const answer = await read({ range: `bytes=${parts}` });
    expect([answer.status, textOf(answer)]).toEqual([200, ALPHABET]);
  });
});

describe('a redirect', () => {
  it('leads to the bytes in the store, as a download', async () => {
    const { api: mine } = await newAccount(api);
    const own = await upload(mine, 'far.txt', ALPHABET);
    const answer = await mine.call('GET', `/v1/files/${own.id}/content?redirect=true`);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'private, no-store']);
    const direct = await fetch(answer.headers.get('location') ?? '');
    expect(await direct.text()).toBe(ALPHABET);
    expect(direct.headers.get('content-disposition')).toMatch(/^attachment; filename="far.txt"/);
  });
});

describe('a folder as an archive', () => {
  it('has all that is in it, and the announced length', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'tóp 🎉');
    const inner = await makeFolder(mine, 'empty', folder.id);
    await upload(mine, 'a.txt', ALPHABET, folder.id);
    const answer = await mine.call('GET', `/v1/files/${folder.id}/zip`, {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe(String(answer.bytes.length));
    const entries = unzipSync(answer.bytes);
    expect(Object.keys(entries).sort()).toEqual(['tóp 🎉/', 'tóp 🎉/a.txt', `tóp 🎉/${inner.name}/`]);
    expect(new TextDecoder().decode(entries['tóp 🎉/a.txt'])).toBe(ALPHABET);
  });
});

describe('a download', () => {
  it('carries the digest as ETag, and answers 304 to whoever has it', async () => {
    const { file, read } = await alphabet();
    const etag = (await read()).headers.get('etag') ?? '';
    expect(etag).toBe(`"${file.sha256}"`);
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await read({ 'if-none-match': known });
      expect([answer.status, answer.bytes.byteLength, answer.headers.get('etag')], known).toEqual([
        304,
        0,
        etag,
      ]);
    }
    expect((await read({ 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers HEAD like GET, without the bytes', async () => {
    const { read } = await alphabet();
    // Not compressed on the way: that would be another representation, without a known length.
    const plain = { 'accept-encoding': 'identity' };
    const [head, get] = [await read(plain, 'HEAD'), await read(plain)];
    expect([head.status, head.bytes.byteLength]).toEqual([200, 0]);
    for (const name of ['content-length', 'content-type', 'etag', 'accept-ranges', 'content-disposition'])
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    expect(head.headers.get('content-length')).toBe('26');
  });

  it('of a folder is refused', async () => {
    const { api: mine } = await newAccount(api);
    const folder = await makeFolder(mine, 'folder');
    expect(refusal(await mine.call('GET', `/v1/files/${folder.id}/content`))).toBe('409 not_a_file');
    const put = await mine.call('PUT', `/v1/files/${folder.id}/content`, { body: 'x' });
    expect(refusal(put)).toBe('409 not_a_file');
  });

  it.each([
    ['page.html', 'text/html', '<script>alert(1)</script>'],
    ['image.svg', 'image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['feed.xml', 'application/xml', '<?xml version="1.0"?><a/>'],
  ])('of %s cannot run in the name of the site', async (name, type, content) => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, name, content);
    const { headers } = await mine.call('GET', `/v1/files/${file.id}/content`);
    expect(headers.get('content-type')).toContain(type);
    expect(headers.get('content-disposition')).toMatch(/^attachment;/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain('sandbox');
    expect(headers.get('cache-control')).toMatch(/private/);
  });

  it('ignores a media type that would break the header', async () => {
    const { api: mine } = await newAccount(api);
    const headers = { 'content-type': 'text/html; x="; charset=evil' };
    const answer = await post(mine, 'a.txt', 'text', { headers });
    expect(bodyOf(answer, 201, fileSchema).contentType).toBe('text/plain');
  });

  it.each(['it\'s 100% "quoted".txt', 'résumé 📄.txt', '日本語.txt', 'semi;colon, comma.txt', "a'b(c)*.txt"])(
    'offers the name %s under which it was stored',
    async (name) => {
      const { api: mine } = await newAccount(api);
      const file = await upload(mine, name, 'x');
      const { headers } = await mine.call('GET', `/v1/files/${file.id}/content`);
      const disposition = headers.get('content-disposition') ?? '';
      expect(disposition).toMatch(
        /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.~!#$&+^`|%-]+$/,
      );
      const [, plain = '', encoded = ''] = /filename="(.*)"; filename\*=UTF-8''(.*)$/.exec(disposition) ?? [];
      expect(plain).not.toMatch(/["\\]/);
      expect(decodeURIComponent(encoded)).toBe(name);
    },
  );
});
