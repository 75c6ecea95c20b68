import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { type PreviousUpload, Upload, type UploadOptions } from 'tus-js-client';
import { describe, expect, inject, it } from 'vitest';
import { type Account, newAccount } from './harness/accounts.ts';
import { createClient } from './harness/client.ts';
import { download, list } from './harness/files.ts';
import { hangUpHalfWay, sendRaw } from './harness/raw-http.ts';
import { until } from './harness/until.ts';
import { uppyWithTus } from './harness/uppy.ts';

const MIB = 1024 * 1024;
const { url: origin, maxUploadBytes } = inject('installation');
const api = createClient(origin);
const VERSION = { 'tus-resumable': '1.0.0' };

const optionsOf = ({ tokens }: Account, name: string): UploadOptions => ({
  endpoint: `${origin}/v1/tus`,
  headers: { authorization: `Bearer ${tokens.accessToken}` },
  metadata: { filename: name, filetype: 'application/octet-stream' },
  retryDelays: [100, 500, 1_000, 3_000, 5_000, 5_000],
  chunkSize: 3 * MIB,
});

/** Runs an upload until it ends, or until so many bytes have been taken. */
function run(body: Buffer, options: UploadOptions, stopAfterBytes = Infinity, from?: PreviousUpload) {
  return new Promise<{ upload: Upload; done: boolean }>((resolve, reject) => {
    const upload = new Upload(body, {
      ...options,
      onError: reject,
      onSuccess: () => resolve({ upload, done: true }),
      onProgress: (sent) => {
        if (sent >= stopAfterBytes) void upload.abort(false).then(() => resolve({ upload, done: false }));
      },
    });
    if (from) upload.resumeFromPreviousUpload(from);
    upload.start();
  });
}

async function onlyFile({ api: mine }: Account, name: string, content: Uint8Array): Promise<void> {
  const { items } = await list(mine);
  expect(items.map((file) => file.name)).toEqual([name]);
  expect(Buffer.from(await download(mine, items[0]?.id ?? '')).equals(content)).toBe(true);
}

describe('TUS', () => {
  it('says through the gateway what it speaks, and to browsers where they may come from', async () => {
    const answer = await api.call('OPTIONS', '/v1/tus');
    expect([answer.status, answer.headers.get('tus-version')]).toEqual([204, '1.0.0']);
    expect(answer.headers.get('tus-extension')).toContain('creation');
  });

  it('takes a file from tus-js-client', async () => {
    const account = await newAccount(api);
    const content = randomBytes(7 * MIB + 3);
    const { upload } = await run(content, optionsOf(account, 'whole.bin'));
    expect(upload.url).toMatch(new RegExp(`^${origin}/v1/tus/upl_[0-9a-f]{32}$`));
    await onlyFile(account, 'whole.bin', content);
  });

  it('goes on with tus-js-client after pauses, from what was kept', async () => {
    const account = await newAccount(api);
    const content = randomBytes(20 * MIB + 1);
    const options = optionsOf(account, 'paused.bin');
    let url: string | null = null;
    for (const stopAfter of [1 * MIB, 4 * MIB + 5, 9 * MIB, 14 * MIB, Infinity]) {
      const more: UploadOptions = url === null ? options : { ...options, uploadUrl: url };
      const { upload, done } = await run(content, more, stopAfter);
      url = upload.url;
      expect(done).toBe(stopAfter === Infinity);
    }
    await onlyFile(account, 'paused.bin', content);
  });

  it('takes a stream of unknown length from tus-js-client', async () => {
    const account = await newAccount(api);
    const content = randomBytes(9 * MIB);
    await new Promise<void>((resolve, reject) => {
      const body = Readable.from([content.subarray(0, 4 * MIB), content.subarray(4 * MIB)]);
      const options = { ...optionsOf(account, 'stream.bin'), uploadLengthDeferred: true };
      new Upload(body, { ...options, onError: reject, onSuccess: () => resolve() }).start();
    });
    await onlyFile(account, 'stream.bin', content);
  });

  it('takes several files at once from Uppy', async () => {
    const account = await newAccount(api);
    const { endpoint = '', headers = {} } = optionsOf(account, '');
    const uppy = await uppyWithTus({
      endpoint: endpoint ?? '',
      headers: { authorization: headers.authorization ?? '' },
      chunkSize: 2 * MIB,
      limit: 3,
    });
    const contents = Array.from({ length: 3 }, () => randomBytes(3 * MIB));
    contents.forEach((content, at) => {
      // In Node tus-js-client reads a Buffer where in a browser it reads a Blob; Uppy only asks for its size.
      const data = Object.assign(content, { size: content.byteLength });
      uppy.addFile({ name: `${at}.bin`, type: 'application/x-thing', data });
    });
    const result = await uppy.upload();
    expect(result?.failed).toEqual([]);
    const { items } = await list(account.api);
    expect(items.map(({ name }) => name).toSorted()).toEqual(['0.bin', '1.bin', '2.bin']);
    for (const { id, name } of items)
      expect(
        Buffer.from(await download(account.api, id)).equals(contents[Number(name[0])] ?? Buffer.alloc(0)),
      ).toBe(true);
  });

  it('keeps what came before a client hung up', async () => {
    const account = await newAccount(api);
    const content = randomBytes(4 * MIB);
    const headers = { authorization: `Bearer ${account.tokens.accessToken}`, ...VERSION };
    const begun = await account.api.call('POST', '/v1/tus', {
      headers: { ...VERSION, 'upload-length': String(content.byteLength) },
    });
    const path = begun.headers.get('location') ?? '';
    const head = async () => account.api.call('HEAD', path, { headers: VERSION });
    const patchHeaders = (offset: number) => ({
      ...headers,
      'upload-offset': String(offset),
      'content-type': 'application/offset+octet-stream',
      'content-length': String(content.byteLength - offset),
    });
    await hangUpHalfWay(origin, {
      method: 'PATCH',
      path,
      headers: patchHeaders(0),
      body: new Uint8Array(content.subarray(0, 1_500_000)),
    });
    const kept = await until(
      async () => Number((await head()).headers.get('upload-offset')),
      (offset) => offset > 0,
      { withinMs: 20_000, everyMs: 200, what: 'the bytes before the break to be kept' },
    );
    expect(kept).toBe(1_500_000);
    const last = await until(
      () =>
        sendRaw(origin, {
          method: 'PATCH',
          path,
          headers: patchHeaders(kept),
          body: new Uint8Array(content.subarray(kept)),
        }),
      ({ status }) => status !== 423,
      { withinMs: 20_000, everyMs: 500, what: 'the writer that was left to let go' },
    );
    expect(last.status).toBe(204);
    await onlyFile(account, 'unnamed', content);
  });

  it('takes no more in one request than may be', async () => {
    const account = await newAccount(api);
    const begun = await account.api.call('POST', '/v1/tus', {
      headers: { ...VERSION, 'upload-length': String(maxUploadBytes * 2) },
    });
    const answer = await account.api.call('PATCH', begun.headers.get('location') ?? '', {
      headers: { ...VERSION, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
      body: new Uint8Array(maxUploadBytes + 1),
    });
    expect(answer.status).toBe(413);
    expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
  });
});
