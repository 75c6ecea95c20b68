import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, createClient, textOf } from '../harness/client.ts';
import { type CrashingStack, startCrashingStack } from '../harness/crashing-stack.ts';
import { download, list, makeFolder, post, sha256, upload } from '../harness/files.ts';
import { seeded, seedOfRun } from '../harness/seeded.ts';
import { sendSlowly } from '../harness/slow-sender.ts';
import {
  bucketOf,
  drivesOffTruth,
  fsck,
  keysInBucket,
  keysInDatabase,
  letTimePass,
} from '../harness/storage-truth.ts';
import { until } from '../harness/until.ts';
import { fileSchema } from '../harness/wire.ts';

const MIB = 1024 * 1024;
const VERSION = { 'tus-resumable': '1.0.0' };
const CHUNK = { ...VERSION, 'content-type': 'application/offset+octet-stream' };
const PART_BYTES = 5 * MIB;
const FILES_IN_FOLDER = 6;
const BINS = 12;
const READERS = 8;

const SEED = seedOfRun();
const bytes = (count: number) => new Uint8Array(randomBytes(count));
const uploadIdSchema = z.object({ id: z.string() });
const partUrlsSchema = z.object({ items: z.array(z.object({ number: z.int(), url: z.url() })) });
const receivedSchema = z.object({
  state: z.string(),
  received: z.object({ parts: z.array(z.tuple([z.int(), z.int()])) }),
});

let system: CrashingStack;
/** SHA-256 of every file that somebody was told is there. */
const kept = new Map<string, { account: Account; sha256: string }>();
const purged: { account: Account; id: string }[] = [];

beforeAll(async () => {
  system = await startCrashingStack({ composition: 'split', bindings: { RATE_LIMIT_SCALE: '1000' } });
});
afterAll(() => system?.dispose());

/** What fetch says of a connection that broke before the head of the answer, and in the middle of its body. */
const BROKEN = ['fetch failed', 'terminated'];

/** Again and again, until the connection breaks; whatever else goes wrong is an error. */
async function untilCrash(work: (round: number) => Promise<void>): Promise<number> {
  for (let round = 0; ; round += 1)
    try {
      await work(round);
    } catch (error) {
      if (error instanceof TypeError && BROKEN.includes(error.message)) return round;
      throw error;
    }
}

/** Work in three steps: it is prepared, it begins, and after the crash it says what holds. */
type Work = (account: Account) => Promise<() => () => Promise<unknown>>;

/** TUS: a piece that was acknowledged, and one on its way. */
const tusUpload: Work = async (account) => {
  const content = bytes(18 * MIB);
  const begun = await account.api.call('POST', '/v1/tus', {
    headers: {
      ...VERSION,
      'upload-length': String(content.byteLength),
      'upload-metadata': `filename ${Buffer.from('tus.bin').toString('base64')}`,
    },
  });
  expect(begun.status).toBe(201);
  const path = begun.headers.get('location') ?? '';
  const first = await account.api.call('PATCH', path, {
    headers: { ...CHUNK, 'upload-offset': '0' },
    body: content.slice(0, 6 * MIB),
  });
  expect(first.status).toBe(204);
  return () => {
    const sender = sendSlowly(
      account.api.url,
      {
        ...{ method: 'PATCH', path, body: content.subarray(6 * MIB) },
        headers: {
          ...CHUNK,
          authorization: `Bearer ${account.tokens.accessToken}`,
          'upload-offset': String(6 * MIB),
        },
      },
      20,
    );

    return async () => {
      expect(await sender.ended).toBeUndefined();
      const head = await account.api.call('HEAD', path, { headers: VERSION });
      const offset = Number(head.headers.get('upload-offset'));
      expect(offset).toBeGreaterThanOrEqual(6 * MIB);
      expect(offset).toBeLessThanOrEqual(6 * MIB + sender.sent());
      const send = (body: Uint8Array<ArrayBuffer>) =>
        account.api.call('PATCH', path, { headers: { ...CHUNK, 'upload-offset': String(offset) }, body });
      // Nothing at first: of a body that is refused the connection may break.
      await until(
        () => send(new Uint8Array()),
        ({ status }) => status !== 423,
        { withinMs: 20_000, everyMs: 500, what: 'the lease of the writer that died' },
      );
      const last = await send(content.slice(offset));
      expect([last.status, textOf(last)]).toEqual([204, '']);
      const fileId = last.headers.get('content-location')?.split('/').at(-1) ?? '';
      kept.set(fileId, { account, sha256: sha256(content) });
    };
  };
};

/** In parts: two that the store has, one on its way; or, `completing`, all of them and the completion on its way. */
const multipartUpload =
  (name: string, completing: boolean): Work =>
  async (account) => {
    const content = bytes(3 * PART_BYTES + 11);
    const json = { name, size: content.byteLength, partBytes: PART_BYTES };
    const { id } = bodyOf(await account.api.call('POST', '/v1/uploads', { json }), 201, uploadIdSchema);
    const path = `/v1/uploads/${id}`;
    const send = async (numbers: number[]) => {
      const urls = await account.api.call('POST', `${path}/parts`, { json: { numbers } });
      for (const { number, url } of bodyOf(urls, 200, partUrlsSchema).items) {
        const body = content.slice((number - 1) * PART_BYTES, number * PART_BYTES);
        expect((await fetch(url, { method: 'PUT', body })).status).toBe(200);
      }
    };
    const complete = () => account.api.call('POST', `${path}/complete`, { json: {} });
    await send(completing ? [1, 2, 3, 4] : [2, 4]);
    return () => {
      const rest = (completing ? complete() : untilCrash(() => send([1]))).catch(() => undefined);

      return async () => {
        await rest;
        const status = bodyOf(await account.api.call('GET', path), 200, receivedSchema);
        if (status.state === 'active') {
          const has = (number: number) =>
            status.received.parts.some(([from, to]) => from <= number && number <= to);
          expect(has(2) && has(4)).toBe(true);
          const missing = [1, 3].filter((number) => !has(number));
          if (missing.length > 0) await send(missing);
        }
        const file = bodyOf(await complete(), 201, fileSchema);
        kept.set(file.id, { account, sha256: sha256(content) });
        const { items } = await list(account.api, { limit: '200' });
        expect(items.filter((item) => item.name === name).map((item) => item.id)).toEqual([file.id]);
      };
    };
  };

/** Through the edge: small files, each acknowledged or not, and a large one that cannot come to its end. */
const edgeUploads: Work = async (account) => () => {
  const large = sendSlowly(
    account.api.url,
    {
      ...{ method: 'POST', path: '/v1/files?name=large.bin', body: bytes(60 * MIB) },
      headers: { authorization: `Bearer ${account.tokens.accessToken}` },
    },
    20,
  );
  const contents: Uint8Array<ArrayBuffer>[] = [];
  const small = untilCrash(async (round) => {
    const content = bytes(20_000);
    contents.push(content);
    const file = await upload(account.api, `small-${round}`, content);
    kept.set(file.id, { account, sha256: sha256(content) });
  });

  return async () => {
    expect(await large.ended).toBeUndefined();
    const rounds = await small;
    const { items } = await list(account.api, { limit: '200' });
    expect(items.map(({ name }) => name)).not.toContain('large.bin');
    // Of the one that nobody heard of: all of it or nothing.
    const last = items.find(({ name }) => name === `small-${rounds}`);
    if (last) expect(last.sha256).toBe(sha256(contents[rounds] ?? ''));
    return rounds;
  };
};

const copies: Work = async (account) => {
  const source = await makeFolder(account.api, 'source');
  const digests = new Map<string, string>();
  for (let at = 0; at < FILES_IN_FOLDER; at += 1) {
    const content = bytes(1_000 + at);
    digests.set(`file-${at}`, sha256(content));
    const file = await upload(account.api, `file-${at}`, content, source.id);
    kept.set(file.id, { account, sha256: sha256(content) });
  }
  return () => {
    const done: string[] = [];
    const copying = untilCrash(async (round) => {
      const json = { name: `copy-${round}` };
      const answer = await account.api.call('POST', `/v1/files/${source.id}/copy`, { json });
      done.push(bodyOf(answer, 201, fileSchema).id);
      await sleep(50);
    });

    return async () => {
      await copying;
      const { items } = await list(account.api, { kind: 'folder', limit: '200' });
      const found = items.filter(({ name }) => name.startsWith('copy-'));
      expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(done));
      // One more may be there that nobody heard of: whole.
      for (const folder of found) {
        const inside = await list(account.api, { parentId: folder.id, limit: '200' });
        expect(new Map(inside.items.map((file) => [file.name, file.sha256]))).toEqual(digests);
      }
      for (const { id, name } of (await list(account.api, { parentId: done.at(-1) ?? source.id })).items)
        kept.set(id, { account, sha256: digests.get(name) ?? '' });
      return done.length;
    };
  };
};

/** Deleting for good; each bin shares an object with a file that stays. */
const purges: Work = async (account) => {
  const stays = await upload(account.api, 'stays.bin', 'the bytes that stay');
  kept.set(stays.id, { account, sha256: sha256('the bytes that stay') });
  const bins: string[] = [];
  for (let at = 0; at < BINS; at += 1) {
    const bin = await makeFolder(account.api, `bin-${at}`);
    await post(account.api, 'own', `own bytes ${at}`, { parentId: bin.id });
    const json = { parentId: bin.id };
    bodyOf(await account.api.call('POST', `/v1/files/${stays.id}/copy`, { json }), 201, fileSchema);
    expect((await account.api.call('DELETE', `/v1/files/${bin.id}`)).status).toBe(204);
    bins.push(bin.id);
  }
  return () => {
    const purging = untilCrash(async (round) => {
      const id = bins[round];
      // Nothing is left to purge: only asking shows that the power is gone.
      if (id === undefined) return void (await list(account.api));
      expect((await account.api.call('DELETE', `/v1/trash/${id}`)).status).toBe(204);
      purged.push({ account, id });
    });
    return () => purging;
  };
};

const WORKS: readonly Work[] = [
  copies,
  tusUpload,
  multipartUpload('parts.bin', false),
  multipartUpload('completed.bin', true),
  edgeUploads,
  purges,
];

async function expectAllKept(): Promise<void> {
  const left = [...kept];
  const read = async () => {
    for (let next = left.pop(); next; next = left.pop()) {
      const [id, { account, sha256: digest }] = next;
      expect([id, sha256(new Uint8Array(await download(account.api, id)))]).toEqual([id, digest]);
    }
  };
  await Promise.all(Array.from({ length: READERS }, read));
  for (const { account, id } of purged) {
    expect((await account.api.call('GET', `/v1/files/${id}`)).status).toBe(404);
    expect((await account.api.call('POST', `/v1/trash/${id}/restore`, { json: {} })).status).toBe(404);
  }
}

describe('a power cut', () => {
  const random = seeded(SEED);
  const moments = [0, 1].map((at) => 150 + at * 700 + Math.floor(random() * 600));

  it.each(moments)(
    `%i ms into everything at once loses nothing that was acknowledged (SEED=${SEED})`,
    async (afterMs) => {
      const account = await newAccount(createClient(system.stack.url));
      const prepared: Awaited<ReturnType<Work>>[] = [];
      for (const work of WORKS) prepared.push(await work(account));
      const started = prepared.map((begin) => begin());
      await sleep(afterMs);
      await system.crash();
      for (const check of started) await check();
      await expectAllKept();
    },
  );

  it('leaves what time puts in order: the quota is the truth, fsck finds no loss, only orphans go', async () => {
    await letTimePass(system.stack);
    expect(await drivesOffTruth(system.stack)).toEqual([]);
    expect(await fsck(system.dataDir, '--deep')).toEqual({ findings: [], code: 0 });

    const orphans = ['objects/file_0/ver_0', 'tails/upl_0/obj_0', 'elsewhere'];
    const store = bucketOf(system.stack);
    for (const key of orphans)
      await store.put(key, bytes(10), { size: 10, contentType: 'text/plain', metadata: {} });
    const found = await fsck(system.dataDir, '--repair', '--grace', '0');
    expect(found.findings.every(({ kind }) => kind === 'orphan')).toBe(true);
    expect(found.findings.map(({ key }) => key)).toEqual(expect.arrayContaining(orphans));
    await fsck(system.dataDir, '--repair', '--grace', '0');
    await letTimePass(system.stack);
    expect(await keysInBucket(system.stack)).toEqual(await keysInDatabase(system.stack));
    expect(await fsck(system.dataDir, '--deep', '--repair', '--grace', '0')).toEqual({
      findings: [],
      code: 0,
    });
    await expectAllKept();
  });
});
