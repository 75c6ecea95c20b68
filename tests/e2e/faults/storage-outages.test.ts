import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type FaultProxy, startFaultProxy } from '../../../src/local/s3/test-fault-proxy.ts';
import { type Account, newAccount } from '../harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from '../harness/client.ts';
import { download, getFile, list, makeFolder, namesIn, post, sha256, upload } from '../harness/files.ts';
import { startTestStack, type TestStack } from '../harness/local-stack.ts';
import { sendRaw } from '../harness/raw-http.ts';
import { pick, seeded, seedOfRun } from '../harness/seeded.ts';
import { whileAway, whileHanging } from '../harness/services.ts';
import { sendSlowly } from '../harness/slow-sender.ts';
import { drivesOffTruth, keysInBucket, keysInDatabase, letTimePass } from '../harness/storage-truth.ts';
import { until } from '../harness/until.ts';
import { roomInWindow } from '../harness/windows.ts';
import { fileSchema } from '../harness/wire.ts';

const SEED = seedOfRun();
/** Five seconds from the moment that a dependency answers again, and one for asking. */
const RECOVERY_MS = 6_000;
const UNAVAILABLE = '503 dependency_unavailable';
const random = (bytes: number) => new Uint8Array(randomBytes(bytes));

let system: TestStack;
let proxy: FaultProxy;
let api: Client;
let account: Account;

beforeAll(async () => {
  proxy = await startFaultProxy(() => system.stack.services.s3?.port ?? 0);
  system = await startTestStack({ composition: 'split', bindings: { S3_ENDPOINT: proxy.endpoint } });
  api = createClient(system.stack.url);
  account = await newAccount(api);
});
afterAll(async () => {
  await system?.dispose();
  await proxy?.close();
});

/** Resolves once all answer well, within the promised time. */
async function recovered(...calls: readonly (() => Promise<number>)[]): Promise<void> {
  await until(
    () => Promise.all(calls.map((call) => call())),
    (statuses) => statuses.every((status) => status < 300),
    { withinMs: RECOVERY_MS, everyMs: 100, what: 'all to work again' },
  );
}

async function expectTruth(): Promise<void> {
  await letTimePass(system.stack);
  expect(await drivesOffTruth(system.stack)).toEqual([]);
  expect(await keysInBucket(system.stack)).toEqual(await keysInDatabase(system.stack));
}

describe('the object store', () => {
  const content = (at: number) => `content ${at} ${'x'.repeat(at)}`;

  it(`that fails a third of all calls: what is acknowledged is there once, what is refused is not (SEED=${SEED})`, async () => {
    const next = seeded(SEED);
    const earlier = await upload(account.api, 'earlier', content(0));
    proxy.fault = () => {
      if (next() > 0.3) return undefined;
      return pick(next, [
        { kind: 'status', status: 503, code: 'SlowDown' },
        { kind: 'status', status: 500, code: 'InternalError' },
        { kind: 'lost' },
      ]);
    };
    const taken = new Set<string>();
    const answers: string[] = [];
    const writer = async (first: number) => {
      for (let at = first; at < first + 10; at += 1) {
        const answer = refusal(await post(account.api, `burst-${at}`, content(at)));
        answers.push(answer);
        if (answer === '201') taken.add(`burst-${at}`);
        const read = await account.api.call('GET', `/v1/files/${earlier.id}/content`);
        if (read.status === 200) expect(sha256(new Uint8Array(read.bytes))).toBe(earlier.sha256);
        else expect(refusal(read)).toBe(UNAVAILABLE);
      }
    };
    await Promise.all([1, 11, 21, 31].map(writer));
    proxy.fault = () => undefined;
    expect(answers.filter((answer) => answer !== '201' && answer !== UNAVAILABLE)).toEqual([]);
    await recovered(async () => (await account.api.call('GET', `/v1/files/${earlier.id}/content`)).status);
    expect(new Set((await namesIn(account.api)).filter((name) => name.startsWith('burst')))).toEqual(taken);
    for (const { id, name } of (await list(account.api, { limit: '200' })).items)
      if (name.startsWith('burst'))
        expect(new TextDecoder().decode(await download(account.api, id))).toBe(
          content(Number(name.slice(6))),
        );
    await expectTruth();
  });

  it('that hangs: an upload waits for it, a download says 503, all else goes on as ever', async () => {
    const kept = await upload(account.api, 'before the silence', 'x');
    const other = await newAccount(api);
    const folder = await makeFolder(other.api, 'folder');
    const body = random(2 * 1024 * 1024);
    const headers = { authorization: `Bearer ${account.tokens.accessToken}` };
    const path = '/v1/files?name=through-the-silence';
    let waiting: ReturnType<typeof sendSlowly> | undefined;
    await whileHanging(system.stack, 's3', async () => {
      waiting = sendSlowly(api.url, { method: 'POST', path, headers, body }, 5);
      const reading = account.api.call('GET', `/v1/files/${kept.id}/content`);
      const startedAt = Date.now();
      for (let round = 0; round < 5; round += 1) {
        const { id } = await makeFolder(other.api, `round ${round}`);
        const json = { parentId: folder.id };
        expect((await other.api.call('PATCH', `/v1/files/${id}`, { json })).status).toBe(200);
        expect((await getFile(account.api, kept.id)).id).toBe(kept.id);
      }
      expect(Date.now() - startedAt).toBeLessThan(10_000);
      expect(refusal(await reading)).toBe(UNAVAILABLE);
    });
    expect(await waiting?.ended).toBe(201);
    const { items } = await list(account.api, { limit: '200' });
    expect(items.find(({ name }) => name === 'through-the-silence')?.sha256).toBe(sha256(body));
    await recovered(async () => (await account.api.call('GET', `/v1/files/${kept.id}/content`)).status);
  });

  it('that is killed: 503 until it is back, and what was cut off is not there', async () => {
    const kept = await upload(account.api, 'before the crash', 'x');
    const content = random(20 * 1024 * 1024);
    const headers = { authorization: `Bearer ${account.tokens.accessToken}` };
    const path = '/v1/files?name=cut-off';
    const cut = sendSlowly(api.url, { method: 'POST', path, headers, body: content }, 10);
    await until(
      async () => cut.sent(),
      (bytes) => bytes > 1024 * 1024,
      { withinMs: 10_000, what: 'some bytes' },
    );
    await whileAway(system.stack, 's3', async () => {
      expect(refusal(await account.api.call('GET', `/v1/files/${kept.id}/content`))).toBe(UNAVAILABLE);
      const json = { name: 'renamed without a store' };
      expect((await account.api.call('PATCH', `/v1/files/${kept.id}`, { json })).status).toBe(200);
    });
    await recovered(
      async () => (await account.api.call('GET', `/v1/files/${kept.id}/content`)).status,
      async () => (await post(account.api, `taken again ${Date.now()}`, 'x')).status,
    );
    cut.hangUp();
    expect(await cut.ended).not.toBe(201);
    expect(await namesIn(account.api)).not.toContain('cut-off');
    await expectTruth();
  });
});

describe('the database', () => {
  it('that is killed during uploads and moves: 503, nothing half-done, and nothing acknowledged is lost', async () => {
    const [left, right] = [await makeFolder(account.api, 'left'), await makeFolder(account.api, 'right')];
    const moving = await Promise.all(
      [0, 1, 2].map((at) => upload(account.api, `moving ${at}`, 'x', left.id)),
    );
    const uploaded = new Map<string, string>();
    const places = new Map<string, (string | null)[]>();
    const answers = new Set<string>();
    let isOver = false;
    // Each over a connection of its own: one that was kept may be closed just when the next request sets out.
    const alone = (method: string, path: string, body: Uint8Array) =>
      sendRaw(api.url, {
        ...{ method, path, body },
        headers: {
          authorization: `Bearer ${account.tokens.accessToken}`,
          'content-type': method === 'PATCH' ? 'application/json' : 'text/plain',
          'content-length': String(body.byteLength),
        },
      });
    const loop = async (work: (round: number) => Promise<string>) => {
      for (let round = 0; !isOver; round += 1) {
        answers.add(await work(round));
        await sleep(20);
      }
    };
    const loops = [
      loop(async (round) => {
        const body = new TextEncoder().encode(`round ${round}`);
        const answer = await alone('POST', `/v1/files?name=during-${round}`, body);
        if (answer.status === 201) uploaded.set(bodyOf(answer, 201, fileSchema).id, sha256(body));
        return refusal(answer);
      }),
      ...moving.map(({ id }) =>
        loop(async (round) => {
          const parentId = round % 2 === 0 ? right.id : left.id;
          const answer = refusal(
            await alone('PATCH', `/v1/files/${id}`, new TextEncoder().encode(JSON.stringify({ parentId }))),
          );
          // Of a move that nobody heard of, both are possible until the next one is heard of.
          places.set(id, answer === '200' ? [parentId] : [...(places.get(id) ?? [left.id]), parentId]);
          return answer;
        }),
      ),
      loop(async () => refusal(await account.api.call('GET', '/v1/files'))),
    ];
    const ended = Promise.all(loops);
    ended.catch(() => undefined);
    const known = () => answers.has(UNAVAILABLE);
    await sleep(1_000);
    await whileAway(system.stack, 'postgres', async () => {
      await until(async () => known(), Boolean, { withinMs: 20_000, what: 'somebody to hear of it' });
    });
    await recovered(
      async () => (await account.api.call('GET', '/v1/files')).status,
      async () => (await account.api.call('GET', `/v1/files/${moving[0]?.id}/content`)).status,
      async () => (await post(account.api, `back ${Date.now()}`, 'x')).status,
    );
    isOver = true;
    await ended;
    expect([...answers].toSorted()).toEqual(['200', '201', UNAVAILABLE]);
    for (const [id, digest] of uploaded) expect((await getFile(account.api, id)).sha256).toBe(digest);
    for (const { id } of moving) expect(places.get(id)).toContain((await getFile(account.api, id)).parentId);
    expect(uploaded.size).toBeGreaterThan(0);
    await expectTruth();
  });
});

describe('Redis', () => {
  const grantSchema = z.object({ id: z.string() });
  const linkSchema = z.object({ token: z.string() });

  it('that hangs: rights change at once, nothing old is shown, then or when it is back', async () => {
    const reader = await newAccount(api);
    const folder = await makeFolder(account.api, 'shared');
    const file = await upload(account.api, 'secret', 'for some', folder.id);
    const seen = async () => (await reader.api.call('GET', `/v1/files/${file.id}/content`)).status;
    const share = async () => {
      const json = { principal: { kind: 'user', id: reader.tokens.user.id }, role: 'viewer' };
      const answer = await account.api.call('POST', `/v1/files/${folder.id}/grants`, { json });
      return bodyOf(answer, 201, grantSchema).id;
    };
    const unshare = async (grant: string) => {
      const path = `/v1/files/${folder.id}/grants/${grant}`;
      expect((await account.api.call('DELETE', path)).status).toBe(204);
    };
    const inside = async () => (await namesIn(account.api, folder.id)).toSorted();
    const first = await share();
    expect([await seen(), await inside(), await inside()]).toEqual([200, ['secret'], ['secret']]);
    await whileHanging(system.stack, 'redis', async () => {
      await unshare(first);
      expect(await seen()).toBe(404);
      const second = await share();
      expect(await seen()).toBe(200);
      await unshare(second);
      expect(await seen()).toBe(404);
      const json = { name: 'renamed' };
      expect((await account.api.call('PATCH', `/v1/files/${file.id}`, { json })).status).toBe(200);
      await upload(account.api, 'another', 'x', folder.id);
      expect(await inside()).toEqual(['another', 'renamed']);
    });
    for (let round = 0; round < 10; round += 1) {
      expect(await seen()).toBe(404);
      expect(await inside()).toEqual(['another', 'renamed']);
      expect((await getFile(account.api, file.id)).name).toBe('renamed');
      await sleep(100);
    }
  });

  it('that hangs: guesses at the password of a link are still counted', async () => {
    const file = await upload(account.api, 'locked', 'behind a password');
    const json = { mode: 'download', password: 'a good one' };
    const answer = await account.api.call('POST', `/v1/files/${file.id}/links`, { json });
    const { token } = bodyOf(answer, 201, linkSchema);
    const unlock = (password: string) =>
      api.call('POST', `/v1/shared-links/${token}/unlock`, { json: { password } });
    await roomInWindow(900, 60);
    await whileHanging(system.stack, 'redis', async () => {
      expect((await unlock('a good one')).status).toBe(200);
      const guesses: string[] = [];
      for (let at = 0; at < 12; at += 1) guesses.push(refusal(await unlock(`guess ${at}`)));
      expect(guesses).toEqual([
        ...Array(10).fill('403 link_password_wrong'),
        ...Array(2).fill('429 too_many_requests'),
      ]);
    });
  });
});
