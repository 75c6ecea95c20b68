import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BUCKET, CREDENTIALS, countFiles, createTestClient } from './test-server.ts';

let dataDir: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'acs-s3-'));
});
afterEach(async () => {
  await kill();
  await rm(dataDir, { recursive: true, force: true });
});

/** The server as `npm start` runs it, in a process of its own. */
async function start(): Promise<S3Client> {
  const env = {
    ...process.env,
    PORT: '0',
    DATA_DIR: dataDir,
    S3_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    S3_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    S3_BUCKET: BUCKET,
  };
  child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (!child.stdout) throw new Error('The server has no output.');
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([first]) => String(first)),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`The server ended with ${code}.`))),
  ]);
  const { port }: { port: number } = JSON.parse(line);
  return createTestClient(`http://127.0.0.1:${port}`);
}

async function kill(): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('what was acknowledged survives kill -9, what was not leaves nothing behind', async () => {
  const before = await start();
  const acknowledged = new Set<string>();
  const Body = Buffer.alloc(300_000, 'x');
  const write = async (writer: number): Promise<void> => {
    for (let index = 0; ; index += 1) {
      const Key = `w${writer}/${index}`;
      await before.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body }));
      acknowledged.add(Key);
    }
  };
  // Settled from the start: the kill ends each writer with an error.
  const writers = Promise.allSettled(Array.from({ length: 8 }, (_, writer) => write(writer)));
  await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(60);
  await kill();
  await writers;
  before.destroy();

  const after = await start();
  const { Contents = [] } = await after.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const listed = new Set(Contents.map(({ Key = '' }) => Key));
  for (const Key of acknowledged) {
    const found = await after.send(new GetObjectCommand({ Bucket: BUCKET, Key }));
    expect((await found.Body?.transformToByteArray())?.length).toBe(Body.length);
  }
  expect([...acknowledged].filter((key) => !listed.has(key))).toEqual([]);
  expect(countFiles(dataDir)).toBe(listed.size);
  after.destroy();
});

test('a multipart upload goes on after kill -9', async () => {
  const Key = 'resumed';
  const before = await start();
  const { UploadId } = await before.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }));
  const address = { Bucket: BUCKET, Key, UploadId };
  const first = await before.send(
    new UploadPartCommand({ ...address, PartNumber: 1, Body: Buffer.alloc(5 * 1024 * 1024, 'a') }),
  );
  await kill();
  before.destroy();

  const after = await start();
  const second = await after.send(new UploadPartCommand({ ...address, PartNumber: 2, Body: 'tail' }));
  const Parts = [first, second].map(({ ETag }, index) => ({ ETag, PartNumber: index + 1 }));
  await after.send(new CompleteMultipartUploadCommand({ ...address, MultipartUpload: { Parts } }));
  const found = await after.send(new GetObjectCommand({ Bucket: BUCKET, Key, Range: 'bytes=-5' }));
  expect(await found.Body?.transformToString()).toBe('atail');
  after.destroy();
});

test('a second server stays out of a folder that is in use', async () => {
  (await start()).destroy();
  const first = child;
  await expect(start()).rejects.toThrow('The server ended with 1.');
  child = first;
});
