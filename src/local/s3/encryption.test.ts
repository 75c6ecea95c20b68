import { CreateMultipartUploadCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUCKET, refusal, startTestServer, type TestServer } from './test-server.ts';

let server: TestServer;
let bare: TestServer;
beforeAll(async () => {
  [server, bare] = await Promise.all([startTestServer({ encryption: true }), startTestServer()]);
});
afterAll(async () => {
  expect([...server.internalErrors, ...bare.internalErrors]).toEqual([]);
  await Promise.all([server.close(), bare.close()]);
});

const asked = { Bucket: BUCKET, Key: 'key', ServerSideEncryption: 'AES256' } as const;

test('encryption that this server does not do is refused, not ignored', async () => {
  expect(await refusal(bare.client.send(new PutObjectCommand({ ...asked, Body: 'a' })))).toBe(
    'NotImplemented',
  );
  expect(await refusal(bare.client.send(new CreateMultipartUploadCommand(asked)))).toBe('NotImplemented');
});

test('told to act as if, it answers every write and read with what was asked for', async () => {
  const kms = { ...asked, ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' } as const;
  const said = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key-1' };
  expect(await server.client.send(new PutObjectCommand({ ...kms, Body: 'a' }))).toMatchObject(said);
  const head = new HeadObjectCommand({ Bucket: BUCKET, Key: 'key' });
  expect(await server.client.send(head)).toMatchObject(said);
  const created = await server.client.send(new CreateMultipartUploadCommand(asked));
  expect(created.ServerSideEncryption).toBe('AES256');
});

test('a way of encrypting that does not exist is refused', async () => {
  const odd = new PutObjectCommand({ ...asked, Body: 'a', SSEKMSKeyId: 'only for aws:kms' });
  expect(await refusal(server.client.send(odd))).toBe('InvalidArgument');
});
