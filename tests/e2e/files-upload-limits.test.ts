import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { createClient, refusal } from './harness/client.ts';
import { download, getFile, list, namesIn, post, upload } from './harness/files.ts';
import { hangUpHalfWay, sendRaw } from './harness/raw-http.ts';
import { until } from './harness/until.ts';

const { url, maxUploadBytes } = inject('installation');
const api = createClient(url);
const MIB = 1024 * 1024;

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
      { withinMs: 10_000, what: 'an upload after broken ones' },
    );
    expect(await namesIn(account.api)).toEqual(['whole.txt']);
  });
});
