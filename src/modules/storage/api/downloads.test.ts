import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../local/s3/test-fault-proxy.ts';
import { startTestSystem, type TestSystem, type TestUser } from '../testing/test-system.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

let system: TestSystem;
let proxy: FaultProxy;
let user: TestUser;
beforeAll(async () => {
  system = await startTestSystem();
  proxy = await startFaultProxy(Number(new URL(String(system.env.S3_ENDPOINT)).port));
  user = await system.newUser();
}, 120_000);
afterEach(() => {
  proxy.fault = () => undefined;
});
afterAll(async () => {
  await proxy.close();
  await system.close();
});

/** The same data, the store behind the proxy. */
const behindProxy = (more = {}) => system.withEnv({ S3_ENDPOINT: proxy.endpoint, ...more });
const isGet = (method: string) => method === 'GET';
const upload = async (name: string, content: string | Uint8Array<ArrayBuffer>) => {
  const answer = await user.upload(name, content);
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
};
const objectKey = async (fileId: string): Promise<string> => {
  const uuid = fileId.slice(5);
  const [row] =
    await system.query(`select o.key from storage.objects o join storage.versions v on v.object_id = o.id
    join storage.files f on f.current_version_id = v.id where replace(f.id::text, '-', '') = '${uuid}'`);
  return String(row?.key);
};
const checkIsDue = async (fileId: string) => {
  const key = await objectKey(fileId);
  const [row] = await system.query(
    `select check_at is not null as due from storage.objects where key = '${key}'`,
  );
  return row?.due;
};

describe('a download', () => {
  test('carries what is needed to keep it, to check it, and to ask again', async () => {
    const file = await upload('résumé "1".txt', ALPHABET);
    const { headers, bytes } = await user.call('GET', `/v1/files/${file.id}/content`);
    expect(text(bytes)).toBe(ALPHABET);
    expect(Object.fromEntries(headers)).toMatchObject({
      etag: file.etag,
      'content-length': '26',
      'content-type': 'text/plain',
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'cross-origin-resource-policy': 'same-origin',
      'repr-digest': `sha-256=:${createHash('sha256').update(ALPHABET).digest('base64')}:`,
    });
    expect(headers.get('last-modified')).toMatch(/GMT$/);
    const again = await user.call('GET', `/v1/files/${file.id}/content`, {
      headers: { 'if-modified-since': headers.get('last-modified') ?? '' },
    });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
    expect(again.headers.get('content-length')).toBeNull();
  });

  test('is a range where one is asked for, and the refusal of one says the size', async () => {
    const { id, etag } = await upload('range.txt', ALPHABET);
    const read = (headers: Record<string, string>) =>
      user.call('GET', `/v1/files/${id}/content`, { headers });
    const part = await read({ range: 'bytes=-4' });
    expect([part.status, text(part.bytes)]).toEqual([206, 'wxyz']);
    expect(part.headers.get('content-range')).toBe('bytes 22-25/26');
    expect(part.headers.get('content-length')).toBe('4');
    const outside = await read({ range: 'bytes=26-' });
    expect(outside.body.code).toBe('range_not_satisfiable');
    expect(outside.headers.get('content-range')).toBe('bytes */26');
    const several = await read({ range: `bytes=${Array.from({ length: 1_000 }, () => '0-').join(',')}` });
    expect([several.status, text(several.bytes)]).toEqual([200, ALPHABET]);
    expect((await read({ 'if-match': '"x"' })).body.code).toBe('precondition_failed');
    expect((await read({ 'if-match': etag, range: 'bytes=0-0' })).status).toBe(206);
  });

  test('of two versions of one second is resumed by entity tag, not by date', async () => {
    const { id } = await upload('twice.txt', 'first content');
    const put = await user.call('PUT', `/v1/files/${id}/content`, { body: 'other content' });
    await system.query(`update storage.versions set created_at = date_trunc('second', now())
      where replace(file_id::text, '-', '') = '${id.slice(5)}'`);
    const path = `/v1/files/${id}/content`;
    const date = (await user.call('HEAD', path)).headers.get('last-modified') ?? '';
    const resume = (ifRange: string) =>
      user.call('GET', path, { headers: { range: 'bytes=6-', 'if-range': ifRange } });
    expect((await resume(date)).status).toBe(200);
    expect((await resume(put.body.etag)).status).toBe(206);
  });

  test('of nothing is nothing, whole', async () => {
    const { id } = await upload('empty.txt', '');
    const path = `/v1/files/${id}/content`;
    const answer = await user.call('GET', path);
    expect([answer.status, answer.bytes.length, answer.headers.get('content-length')]).toEqual([200, 0, '0']);
    const range = await user.call('GET', path, { headers: { range: 'bytes=0-' } });
    expect(range.headers.get('content-range')).toBe('bytes */0');
    expect((await user.call('GET', path, { headers: { range: 'bytes=-1' } })).status).toBe(200);
  });

  test('has the same headers under HEAD', async () => {
    const { id } = await upload('head.txt', ALPHABET);
    const [head, get] = await Promise.all(
      ['HEAD', 'GET'].map((method) => user.call(method, `/v1/files/${id}/content`)),
    );
    const without = (headers: Headers) =>
      [...headers].filter(([name]) => !/^(x-request-id|ratelimit)$/.test(name));
    expect(without(head?.headers ?? new Headers())).toEqual(without(get?.headers ?? new Headers()));
    expect(head?.bytes.length).toBe(0);
  });

  test('of an old version never changes', async () => {
    const { id, version } = await upload('old.txt', 'one');
    await user.call('PUT', `/v1/files/${id}/content`, { body: 'two' });
    const path = `/v1/files/${id}/versions/${version.id}/content`;
    const answer = await user.call('GET', path);
    expect(text(answer.bytes)).toBe('one');
    expect(answer.headers.get('cache-control')).toBe('private, max-age=86400, immutable');
    expect(answer.headers.get('vary')).toContain('authorization');
    const other = await upload('other.txt', 'other');
    const crossed = await user.call('GET', `/v1/files/${other.id}/versions/${version.id}/content`);
    expect(crossed.body.code).toBe('version_not_found');
  });

  test('of somebody else is not there, in the words of what never was', async () => {
    const stranger = await system.newUser();
    const { id, version } = await upload('mine.txt', 'mine');
    const [never, neverVersion] = [`file_${'0'.repeat(32)}`, `ver_${'0'.repeat(32)}`];
    for (const rest of ['content', 'content?redirect=true', 'thumbnail', 'zip']) {
      const [theirs, nothing] = await Promise.all(
        [id, never].map((one) => stranger.call('GET', `/v1/files/${one}/${rest}`)),
      );
      expect(theirs?.status, rest).toBe(404);
      expect({ ...theirs?.body, requestId: '' }).toEqual({ ...nothing?.body, requestId: '' });
    }
    for (const rest of ['content', 'thumbnail']) {
      const theirs = await stranger.call('GET', `/v1/files/${id}/versions/${version.id}/${rest}`);
      const nothing = await stranger.call('GET', `/v1/files/${never}/versions/${neverVersion}/${rest}`);
      expect({ ...theirs.body, requestId: '' }).toEqual({ ...nothing.body, requestId: '' });
    }
  });
});

describe('the media type', () => {
  test('is that of the content; another one that was announced is kept aside', async () => {
    const html = new TextEncoder().encode('<script>alert(1)</script>');
    const sent = await user.call('POST', '/v1/files?name=picture.png', {
      body: html,
      headers: { 'content-type': 'image/png' },
    });
    expect(sent.body.contentType).toBe('application/octet-stream');
    const { headers } = await user.call('GET', `/v1/files/${sent.body.id}/content?disposition=inline`);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-disposition')).toMatch(/^attachment;/);
    const [row] = await system.query(`select announced_type from storage.versions
      where replace(id::text, '-', '') = '${sent.body.version.id.slice(4)}'`);
    expect(row?.announced_type).toBe('image/png');
    expect((await upload('true.png', PNG)).contentType).toBe('image/png');
  });

  test('lets a picture be shown, and a page not', async () => {
    const picture = await upload('shown.png', PNG);
    const page = await upload('page.html', '<script>alert(1)</script>');
    const shown = async (id: string) =>
      (await user.call('GET', `/v1/files/${id}/content?disposition=inline`)).headers.get(
        'content-disposition',
      );
    expect(await shown(picture.id)).toMatch(/^inline;/);
    expect(await shown(page.id)).toMatch(/^attachment;/);
    const bad = await user.call('GET', `/v1/files/${page.id}/content?disposition=script`);
    expect(bad.body.code).toBe('invalid_request');
  });

  test('is unknown when the bytes cannot be looked at; they are kept all the same', async () => {
    const away = behindProxy();
    proxy.fault = (method) =>
      isGet(method) ? { kind: 'status', status: 403, code: 'AccessDenied' } : undefined;
    const sent = await away.call('POST', '/v1/files?name=unseen.png', { token: user.token, body: PNG });
    expect([sent.status, sent.body.contentType]).toEqual([201, 'application/octet-stream']);
    proxy.fault = () => undefined;
    expect((await user.call('GET', `/v1/files/${sent.body.id}/content`)).bytes).toEqual(PNG);
  });
});

describe('a redirect', () => {
  test('leads to the bytes in the store, as a download, for a minute', async () => {
    const { id } = await upload('far "1".png', PNG);
    const path = `/v1/files/${id}/content?redirect=true&disposition=inline`;
    const answer = await user.call('GET', path);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([302, 'private, no-store']);
    const location = new URL(answer.headers.get('location') ?? '');
    expect(Number(location.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(300);
    const direct = await fetch(location);
    expect(new Uint8Array(await direct.arrayBuffer())).toEqual(PNG);
    expect(direct.headers.get('content-disposition')).toMatch(/^attachment; filename="far _1_.png"/);
    expect(direct.headers.get('content-type')).toBe('image/png');
    location.searchParams.set('response-content-type', 'text/html');
    expect((await fetch(location)).status).toBe(403);
    const known = await user.call('GET', path, { headers: { 'if-none-match': '*' } });
    expect(known.status).toBe(304);
    expect((await user.call('HEAD', path)).status).toBe(200);
  });

  test('is never given to what could run there, and never where the store has no plaintext', async () => {
    const page = await upload('far.html', '<script>alert(1)</script>');
    expect((await user.call('GET', `/v1/files/${page.id}/content?redirect=true`)).status).toBe(200);
    const sealed = system.withEnv({ OBJECT_ENCRYPTION: 'envelope' });
    const { token } = user;
    const file = await sealed.call('POST', '/v1/files?name=sealed.png', { token, body: PNG });
    const answer = await sealed.call('GET', `/v1/files/${file.body.id}/content?redirect=true`, { token });
    expect([answer.status, answer.bytes]).toEqual([200, PNG]);
  });
});

describe('when the store fails', () => {
  test('missing bytes are an honest refusal, and looked into', async () => {
    const { id } = await upload('gone.txt', ALPHABET);
    await system.store.delete(await objectKey(id));
    const answer = await user.call('GET', `/v1/files/${id}/content`);
    expect([answer.status, answer.body.code]).toEqual([409, 'content_missing']);
    expect(await checkIsDue(id)).toBe(true);
  });

  test.each(['none', 'envelope'])(
    'bytes of another length are refused, and looked into (%s)',
    async (mode) => {
      const { token } = user;
      const own = system.withEnv({ OBJECT_ENCRYPTION: mode });
      const sent = await own.call('POST', `/v1/files?name=short-${mode}.txt`, { token, body: ALPHABET });
      const key = await objectKey(sent.body.id);
      await system.store.delete(key);
      await system.store.put(key, new TextEncoder().encode('abc'), {
        size: 3,
        contentType: 'text/plain',
        metadata: {},
      });
      const answer = await own.call('GET', `/v1/files/${sent.body.id}/content`, { token });
      expect([answer.status, answer.body.code]).toEqual([409, 'content_corrupt']);
      expect(await checkIsDue(sent.body.id)).toBe(true);
    },
  );

  test('a body that is cut off is an error at the client, and the rest can be had as a range', async () => {
    const content = randomBytes(300_000);
    const { id } = await upload('cut.bin', new Uint8Array(content));
    const away = behindProxy();
    proxy.fault = (method) => (isGet(method) ? { kind: 'cut', afterBytes: 100_000 } : undefined);
    const request = new Request(`https://api.test/v1/files/${id}/content`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    const answer = await away.fetch(request);
    expect(answer.headers.get('content-length')).toBe('300000');
    await expect(answer.arrayBuffer()).rejects.toThrow();
    proxy.fault = () => undefined;
    const rest = await away.call('GET', `/v1/files/${id}/content`, {
      token: user.token,
      headers: { range: 'bytes=100000-' },
    });
    expect(Buffer.from(rest.bytes).equals(content.subarray(100_000))).toBe(true);
  });

  test('a byte that is another one ends an encrypted body; of others the client is told the digest', async () => {
    const content = new Uint8Array(randomBytes(200_000));
    const { token } = user;
    proxy.fault = () => undefined;
    const sealed = behindProxy({ OBJECT_ENCRYPTION: 'envelope' });
    const sent = await sealed.call('POST', '/v1/files?name=flip.bin', { token, body: content });
    proxy.fault = (method) => (isGet(method) ? { kind: 'flip', byte: 150_000 } : undefined);
    await expect(sealed.call('GET', `/v1/files/${sent.body.id}/content`, { token })).rejects.toThrow();
    proxy.fault = () => undefined;
    const plain = await upload('flip-plain.bin', content);
    proxy.fault = (method) => (isGet(method) ? { kind: 'flip', byte: 150_000 } : undefined);
    const { bytes, headers } = await behindProxy().call('GET', `/v1/files/${plain.id}/content`, { token });
    const digest = `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
    expect(headers.get('repr-digest')).not.toBe(digest);
  });

  test('a store that does not answer is a refusal in time, and others are served meanwhile', async () => {
    const slow = await upload('slow.txt', 'slow');
    const key = await objectKey(slow.id);
    const other = await upload('quick.txt', 'quick');
    const away = behindProxy();
    proxy.fault = (_, path) => (path.includes(key) ? { kind: 'hang' } : undefined);
    const { token } = user;
    const startedAt = Date.now();
    const waiting = away.call('GET', `/v1/files/${slow.id}/content`, { token });
    const quick = await away.call('GET', `/v1/files/${other.id}/content`, { token });
    expect(text(quick.bytes)).toBe('quick');
    const answer = await waiting;
    expect([answer.status, answer.body.code]).toEqual([503, 'dependency_unavailable']);
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(Date.now() - startedAt).toBeLessThan(40_000);
  }, 60_000);

  test('a client that goes away ends the fetching within a megabyte', async () => {
    const content = new Uint8Array(24 * 1024 * 1024);
    const { id } = await upload('large.bin', content);
    const away = behindProxy();
    const request = new Request(`https://api.test/v1/files/${id}/content`, {
      headers: { authorization: `Bearer ${user.token}` },
    });
    const answer = await away.fetch(request);
    const reader = answer.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const sent = proxy.bytesSent;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(proxy.bytesSent - sent).toBe(0);
    expect(proxy.bytesSent).toBeLessThan(12 * 1024 * 1024);
  });
});
