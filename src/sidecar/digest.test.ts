import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { seal } from './testing/sealed.ts';
import { startTestSidecar, type TestSidecar } from './testing/sidecar.ts';

const MIB = 1_048_576;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let sidecar: TestSidecar;
let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'acs-digest-test-'));
  vi.stubEnv('TMPDIR', temporary);
  sidecar = await startTestSidecar({ idleMilliseconds: 300, streamingTurns: { concurrent: 2, waiting: 1 } });
});
afterAll(async () => {
  await sidecar.close();
  vi.unstubAllEnvs();
  await rm(temporary, { recursive: true });
});

const object = (size: number) => ({ url: `${sidecar.storeUrl}/bucket/key`, size });

/** Sends so many blocks as fast as they are taken, and tells where it got to. */
function sendBlocks(response: ServerResponse, block: Uint8Array, count: number): void {
  let sent = 0;
  const more = () => {
    while (sent < count) {
      sent++;
      if (!response.write(block)) return void response.once('drain', more);
    }
    response.end();
  };
  more();
}

describe('the digest of an object', () => {
  it.each([0, 1, 300_000])('of %i bytes is its SHA-256', async (size) => {
    const bytes = randomBytes(size);
    expect(await sidecar.files.digest(sidecar.put(bytes))).toEqual({ sha256: sha256(bytes), size });
  });

  it('of a gigabyte takes neither memory nor disk', async () => {
    const block = randomBytes(MIB);
    const before = process.memoryUsage.rss();
    let most = 0;
    const files: string[] = [];
    const watch = setInterval(async () => {
      most = Math.max(most, process.memoryUsage.rss() - before);
      files.push(...(await readdir(temporary)));
    }, 20);
    onTestFinished(() => clearInterval(watch));
    sidecar.answer((_, response) => sendBlocks(response, block, 1_024));
    const { sha256: digest } = await sidecar.files.digest(object(1_024 * MIB));
    const expected = createHash('sha256');
    for (let count = 0; count < 1_024; count++) expected.update(block);
    expect(digest).toBe(expected.digest('hex'));
    // The object store of the test is in this process as well.
    expect(most).toBeLessThan(150 * MIB);
    expect(files).toEqual([]);
  });

  it.each([
    ['fewer', -1],
    ['more', 1],
  ])('of an object with %s bytes than announced is refused', async (_, difference) => {
    const { url, size } = sidecar.put(randomBytes(200_000));
    await expect(sidecar.files.digest({ url, size: size - difference })).rejects.toMatchObject({
      code: 'source_unavailable',
      retryAfterSeconds: 5,
    });
  });

  it.each([
    ['is gone', 404, 'source_gone'],
    ['is not given out', 403, 'source_unavailable'],
    ['lies elsewhere by now', 307, 'source_unavailable'],
  ])('of an object that %s is refused', async (_, status, code) => {
    sidecar.answer((_, response) => response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end());
    await expect(sidecar.files.digest(object(1))).rejects.toMatchObject({ code });
  });

  it('of an object that stops arriving is given up, and the connection closed', async () => {
    let isClosed = false;
    sidecar.answer((_, response) => {
      response.write(randomBytes(1_000));
      response.on('close', () => {
        isClosed = true;
      });
    });
    await expect(sidecar.files.digest(object(2_000))).rejects.toMatchObject({ code: 'source_unavailable' });
    await expect.poll(() => isClosed).toBe(true);
  });

  it('may take longer than the idle time-out, as long as something arrives', async () => {
    const pieces = Array.from({ length: 8 }, () => randomBytes(10));
    sidecar.answer(async (_, response) => {
      for (const piece of pieces) {
        response.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 80));
      }
      response.end();
    });
    const { sha256: digest } = await sidecar.files.digest(object(80));
    expect(digest).toBe(sha256(Buffer.concat(pieces)));
  });

  it('is given up when its caller goes away', async () => {
    let isClosed = false;
    const arrived = new Promise<void>((resolve) => {
      sidecar.answer((_, response) => {
        const more = setInterval(() => response.write('x'), 50);
        response.on('close', () => {
          clearInterval(more);
          isClosed = true;
        });
        resolve();
      });
    });
    const caller = new AbortController();
    const answer = sidecar.files.digest(object(MIB), { signal: caller.signal });
    await arrived;
    caller.abort();
    await expect(answer).rejects.toThrow();
    await expect.poll(() => isClosed).toBe(true);
  });

  it('is answered with overloaded when too many wait', async () => {
    const waiting: ServerResponse[] = [];
    sidecar.answer((_, response) => void waiting.push(response));
    const calls = Array.from({ length: 4 }, () => sidecar.files.digest(object(1)));
    const first = await Promise.race(calls.map((call) => call.catch((error: unknown) => error)));
    expect(first).toMatchObject({ code: 'overloaded', retryAfterSeconds: 10 });
    sidecar.answer((_, response) => response.end('x'));
    for (const response of waiting) response.end('x');
    const answers = await Promise.allSettled(calls);
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  });
});

describe('an object that is encrypted in the bucket', () => {
  const plaintext = randomBytes(700_000);

  it.each([0, 1, 262_144, 262_145, 700_000])('has the digest of its %i bytes of plaintext', async (size) => {
    const { sealed, decryption } = await seal(plaintext.subarray(0, size));
    const { url } = sidecar.put(sealed);
    const answer = await sidecar.files.digest({ url, size, decryption });
    expect(answer).toEqual({ sha256: sha256(plaintext.subarray(0, size)), size });
  });

  it('is read as well', async () => {
    const text = 'The treaty was signed in the spring of 1648.';
    const { sealed, decryption } = await seal(Buffer.from(text));
    const call = { ...sidecar.put(sealed), size: text.length, name: 'a.txt', contentType: 'text/plain' };
    const response = await sidecar.post('/v1/read', { ...call, decryption });
    expect(await response.json()).toMatchObject({ status: 'read', chunks: [{ text }] });
  });

  it('is damaged when a byte of it was changed, or the key or the object is another', async () => {
    const { sealed, decryption } = await seal(plaintext);
    const { decryption: another } = await seal(plaintext);
    const changed = Buffer.from(sealed);
    changed[400_000] = (changed[400_000] ?? 0) ^ 1;
    const calls = [
      [changed, decryption],
      [sealed, another],
      [sealed, { ...decryption, id: 'ver_2' }],
    ] as const;
    for (const [bytes, key] of calls) {
      const { url } = sidecar.put(bytes);
      const answer = sidecar.files.digest({ url, size: plaintext.length, decryption: key });
      await expect(answer).rejects.toMatchObject({ code: 'source_damaged' });
    }
  });

  it('is unavailable, not damaged, when it is cut off', async () => {
    const { sealed, decryption } = await seal(plaintext);
    const { url } = sidecar.put(sealed.subarray(0, -10));
    const answer = sidecar.files.digest({ url, size: plaintext.length, decryption });
    await expect(answer).rejects.toMatchObject({ code: 'source_unavailable' });
  });
});
