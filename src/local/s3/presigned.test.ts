import { createHash } from 'node:crypto';
import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUCKET, CREDENTIALS, codeOf, REGION, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
let signer: S3Client;
let clock = Date.now();

beforeAll(async () => {
  server = await startTestServer({ now: () => clock });
  // With the default, the presigner signs the checksum of an empty body into the URL.
  signer = new S3Client({
    endpoint: server.endpoint,
    region: REGION,
    forcePathStyle: true,
    credentials: CREDENTIALS,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
});
afterAll(async () => {
  expect(server.internalErrors).toEqual([]);
  signer.destroy();
  await server.close();
});

const key = 'presigned/a b+ü.txt';
const getUrl = (more: Partial<GetObjectCommand['input']> = {}, expiresIn = 900) =>
  getSignedUrl(signer, new GetObjectCommand({ Bucket: BUCKET, Key: key, ...more }), { expiresIn });
const putUrl = (more: Partial<PutObjectCommand['input']> = {}, signedHeaders: string[] = []) =>
  getSignedUrl(signer, new PutObjectCommand({ Bucket: BUCKET, Key: key, ...more }), {
    signableHeaders: new Set(signedHeaders),
    unhoistableHeaders: new Set(signedHeaders),
  });
const sha256 = (data: string) => createHash('sha256').update(data).digest('base64');
const send = (url: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url, { method: 'PUT', body, headers });
const stored = async () => (await fetch(await getUrl())).text();

describe('a presigned URL', () => {
  test('carries an upload and a download by plain fetch', async () => {
    expect((await send(await putUrl(), 'by URL')).status).toBe(200);
    const response = await fetch(await getUrl());
    expect(response.headers.get('content-length')).toBe('6');
    expect(await response.text()).toBe('by URL');
    expect((await fetch(await getUrl(), { headers: { range: 'bytes=3-' } })).status).toBe(206);
  });

  test('can set the headers of the answer', async () => {
    const url = await getUrl({
      ResponseContentType: 'text/html',
      ResponseContentDisposition: 'attachment; filename="é.html"',
    });
    const { headers } = await fetch(url);
    expect(headers.get('content-type')).toBe('text/html');
    const disposition = Buffer.from(headers.get('content-disposition') ?? '', 'latin1').toString('utf8');
    expect(disposition).toBe('attachment; filename="é.html"');
    const injected = await fetch(await getUrl({ ResponseContentType: 'a\r\nset-cookie: b' }));
    expect(injected.status).toBe(400);
  });

  test.each<[string, (url: URL) => unknown]>([
    ['another key', (url) => Object.assign(url, { pathname: '/test-bucket/other' })],
    ['a longer life', (url) => url.searchParams.set('X-Amz-Expires', '901')],
    ['another date', (url) => url.searchParams.set('X-Amz-Date', '20200101T000000Z')],
    ['another response header', (url) => url.searchParams.set('response-content-type', 'text/html')],
    ['another signature', (url) => url.searchParams.set('X-Amz-Signature', '0'.repeat(64))],
    ['no signature', (url) => url.searchParams.delete('X-Amz-Signature')],
    ['an extra parameter', (url) => url.searchParams.set('uploadId', 'x')],
  ])('with %s is refused', async (_, tamper) => {
    const url = new URL(await getUrl());
    tamper(url);
    const response = await fetch(url);
    expect(response.status).toBe(403);
    expect(await codeOf(response)).toMatch(/^(SignatureDoesNotMatch|AccessDenied)$/);
  });

  test('is refused for another method', async () => {
    await send(await putUrl(), 'kept');
    for (const method of ['PUT', 'DELETE', 'POST']) {
      expect((await fetch(await getUrl(), { method })).status).toBe(403);
    }
    expect((await fetch(await putUrl())).status).toBe(403);
    expect(await stored()).toBe('kept');
  });

  test('ends at its expiry, and lives a week at most', async () => {
    const url = await getUrl({}, 60);
    clock = Date.now() + 61_000;
    const late = await fetch(url);
    expect(late.status).toBe(403);
    expect(await late.text()).toMatch(/<Code>AccessDenied<\/Code><Message>Request has expired</);
    clock = Date.now() - 16 * 60_000;
    expect(await (await fetch(url)).text()).toContain('Request is not yet valid');
    clock = Date.now();
    const forever = new URL(url);
    forever.searchParams.set('X-Amz-Expires', '604801');
    expect(await codeOf(await fetch(forever))).toBe('AuthorizationQueryParametersError');
  });

  test('refuses a header call from a clock 15 minutes off', async () => {
    clock = Date.now() + 16 * 60_000;
    const late = server.client.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
    await expect(late).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    clock = Date.now();
  });
});

describe('a presigned upload', () => {
  test('binds the headers it signed', async () => {
    await send(await putUrl(), 'before');
    const bound = { ContentType: 'text/plain', ContentLength: 5, Metadata: { owner: 'ada' } };
    const url = await putUrl(bound, ['content-type', 'content-length', 'x-amz-meta-owner']);
    const right = { 'content-type': 'text/plain', 'x-amz-meta-owner': 'ada' };
    const refusals = [
      send(url, 'after', { ...right, 'content-type': 'text/html' }),
      send(url, 'after', { ...right, 'x-amz-meta-owner': 'eve' }),
      send(url, 'longer', right),
      send(url, 'after', { 'content-type': 'text/plain' }),
      send(url, 'after', { ...right, 'x-amz-meta-extra': '1' }),
    ];
    for (const response of await Promise.all(refusals)) expect(response.status).toBe(403);
    expect(await stored()).toBe('before');
    expect((await send(url, 'after', right)).status).toBe(200);
    const { headers } = await fetch(await getUrl());
    expect(headers.get('content-type')).toBe('text/plain');
    expect(headers.get('x-amz-meta-owner')).toBe('ada');
  });

  test.each([
    ['in the query', []],
    ['as a signed header', ['x-amz-checksum-sha256']],
  ])('is held to the SHA-256 %s', async (_, signed: string[]) => {
    await send(await putUrl(), 'before');
    const url = await putUrl({ ChecksumSHA256: sha256('right') }, signed);
    const headers: Record<string, string> =
      signed.length > 0 ? { 'x-amz-checksum-sha256': sha256('right') } : {};
    const wrong = await send(url, 'wrong', headers);
    expect([wrong.status, await codeOf(wrong)]).toEqual([400, 'BadDigest']);
    expect(await stored()).toBe('before');
    expect((await send(url, 'right', headers)).status).toBe(200);
    expect(await stored()).toBe('right');
    expect((await send(url, 'other', { 'x-amz-checksum-sha256': sha256('other') })).status).toBe(403);
  });

  test('carries metadata in the query', async () => {
    const url = await putUrl({ Metadata: { 'file-id': 'f_1' } });
    expect((await send(url, 'x')).status).toBe(200);
    expect((await fetch(await getUrl())).headers.get('x-amz-meta-file-id')).toBe('f_1');
    expect((await send(url.replace('f_1', 'f_2'), 'x')).status).toBe(403);
  });
});
