import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../../src/local/s3/test-fault-proxy.ts';
import { type Account, newAccount } from '../harness/accounts.ts';
import { createClient } from '../harness/client.ts';
import { list, sha256, upload } from '../harness/files.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';
import { hangUpHalfWay, sendRaw } from '../harness/raw-http.ts';
import { drivesOffTruth, keysInBucket, keysInDatabase, letTimePass } from '../harness/storage-truth.ts';
import { until } from '../harness/until.ts';

const MIB = 1024 * 1024;
/** Each 5 % of the way. */
const POINTS = Array.from({ length: 20 }, (_, at) => at / 20);
const AT_ONCE = 5;
const VERSION = { 'tus-resumable': '1.0.0' };
const LARGE_BYTES = 48 * MIB;

let system: TestStack;
let proxy: FaultProxy;
let account: Account;

beforeAll(async () => {
  proxy = await startFaultProxy(() => system.stack.services.s3?.port ?? 0);
  system = await startTestStack({
    composition: 'split',
    bindings: { S3_ENDPOINT: proxy.endpoint, RATE_LIMIT_SCALE: '1000' },
  });
  account = await newAccount(createClient(system.stack.url));
});
afterAll(async () => {
  await system?.dispose();
  await proxy?.close();
});

const authorization = () => ({ authorization: `Bearer ${account.tokens.accessToken}` });

/** For each point, a few at a time. */
async function atEachPoint(work: (point: number) => Promise<void>): Promise<void> {
  const left = [...POINTS];
  const worker = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('a client that hangs up at every 5 % of an upload', () => {
  it('through the edge: there is no file, and its bytes and its room are given back', async () => {
    const content = new Uint8Array(randomBytes(2 * MIB));
    await atEachPoint((point) =>
      hangUpHalfWay(system.stack.url, {
        method: 'POST',
        path: `/v1/files?name=broken-${point}`,
        headers: { ...authorization(), 'content-length': String(content.byteLength) },
        body: content.subarray(0, Math.floor(content.byteLength * point)),
      }),
    );
    expect((await list(account.api, { limit: '200' })).items).toEqual([]);
    await letTimePass(system.stack);
    expect((await list(account.api, { limit: '200' })).items).toEqual([]);
    expect(await drivesOffTruth(system.stack)).toEqual([]);
    expect(await keysInBucket(system.stack)).toEqual(await keysInDatabase(system.stack));
  });

  it('by TUS: exactly what was sent is kept, and from there it goes on', async () => {
    const content = new Uint8Array(randomBytes(6 * MIB + 7));
    const digests: Record<string, string> = {};
    await atEachPoint(async (point) => {
      const name = `resumed-${point}`;
      digests[name] = sha256(content);
      const begun = await account.api.call('POST', '/v1/tus', {
        headers: {
          ...VERSION,
          'upload-length': String(content.byteLength),
          'upload-metadata': `filename ${Buffer.from(name).toString('base64')}`,
        },
      });
      const path = begun.headers.get('location') ?? '';
      const sent = Math.floor(content.byteLength * point);
      const patch = (offset: number) => ({
        ...{ method: 'PATCH', path },
        headers: {
          ...{ ...authorization(), ...VERSION, 'upload-offset': String(offset) },
          ...{ 'content-type': 'application/offset+octet-stream' },
          'content-length': String(content.byteLength - offset),
        },
      });
      await hangUpHalfWay(system.stack.url, { ...patch(0), body: content.subarray(0, sent) });
      const offset = async () =>
        Number((await account.api.call('HEAD', path, { headers: VERSION })).headers.get('upload-offset'));
      const kept = await until(offset, (bytes) => bytes >= sent, {
        ...{ withinMs: 20_000, everyMs: 200, what: `all ${sent} bytes of ${name} to be kept` },
      });
      expect(kept).toBe(sent);
      const last = await until(
        () => sendRaw(system.stack.url, { ...patch(sent), body: content.subarray(sent) }),
        ({ status }) => status !== 423,
        { withinMs: 20_000, everyMs: 500, what: 'the writer that was left to let go' },
      );
      expect(last.status).toBe(204);
    });
    const { items } = await list(account.api, { limit: '200' });
    expect(Object.fromEntries(items.map((file) => [file.name, file.sha256]))).toEqual(digests);
    expect(await drivesOffTruth(system.stack)).toEqual([]);
  });
});

describe('a client that leaves a download', () => {
  it('leaves no transfer from the store behind', async () => {
    const file = await upload(account.api, 'large', new Uint8Array(randomBytes(LARGE_BYTES)));
    // The store is busy with other things too, as with the journal.
    const givenUp = async () =>
      proxy.abandoned.find(({ method, path }) => method === 'GET' && path.includes(file.id));
    const url = `${system.stack.url}/v1/files/${file.id}/content`;
    await new Promise<void>((resolve, reject) => {
      const download = get(url, { headers: authorization(), agent: false }, (incoming) => {
        incoming.on('error', () => undefined);
        incoming.on('close', resolve);
        incoming.once('data', () => download.destroy());
      });
      download.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNRESET') reject(error);
      });
    });
    const transfer = await until(givenUp, Boolean, {
      withinMs: 20_000,
      what: 'the transfer from the store to be given up',
    });
    const passedOn = transfer?.bytesSent ?? LARGE_BYTES;
    await sleep(500);
    expect(transfer?.bytesSent).toBe(passedOn);
    expect(passedOn).toBeLessThan(LARGE_BYTES / 2);
  });
});
