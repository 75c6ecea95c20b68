import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, refusal } from './harness/client.ts';
import { makeFolder, namesIn, upload } from './harness/files.ts';
import { newPrincipal } from './harness/principals.ts';
import { sendRaw } from './harness/raw-http.ts';
import { TUS_CHUNK } from './harness/sensible-bodies.ts';
import { growthDuring } from './harness/server-memory.ts';

const installation = inject('installation');
const { url, maxUploadBytes } = installation;
const api = createClient(url);
const MIB = 1024 * 1024;
/** Of what eight uploads of 80 MiB send, less than half: what may be held of each, and garbage on its way out. */
const MOST_GROWTH_BYTES = 256 * MIB;

/** So many bytes in pieces of 64 KiB, of unknown length to whoever gets them. */
function stream(bytes: number, beforeEach: (sent: number) => Promise<unknown> = async () => {}) {
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      await beforeEach(sent);
      const size = Math.min(64 * 1024, bytes - sent);
      if (size > 0) controller.enqueue(new Uint8Array(size));
      sent += size;
      if (sent >= bytes) controller.close();
    },
  });
}

describe('size', () => {
  it('ten times the limit, in chunks, is refused early and in flat memory', async () => {
    const { api: mine } = await newAccount(api);
    const send = () => {
      let taken = 0;
      const body = stream(10 * maxUploadBytes, async (sent) => {
        taken = sent;
      });
      return mine.call('POST', '/v1/files?name=huge.bin', { body }).then(
        (answer) => ({ answer: refusal(answer), taken }),
        // The connection may be closed while bytes are still being sent.
        () => ({ answer: 'closed', taken }),
      );
    };
    await send();
    const { result, growthBytes } = await growthDuring(url, () =>
      Promise.all(Array.from({ length: 8 }, send)),
    );
    // 411: a body of unknown length is held in memory, and may be as large as that (docs/limits.md).
    for (const { answer } of result)
      expect(['413 file_too_large', '411 length_required', 'closed']).toContain(answer);
    expect(result.filter(({ answer }) => answer === 'closed').length).toBeLessThan(8);
    expect(growthBytes).toBeLessThan(MOST_GROWTH_BYTES);
    expect(await namesIn(mine)).toEqual([]);
  }, 120_000);

  it('is what came, whatever Content-Length said', async () => {
    const account = await newAccount(api);
    const headers = { authorization: `Bearer ${account.tokens.accessToken}`, 'content-length': '10' };
    const body = new Uint8Array(64 * 1024).fill(97);
    await sendRaw(url, { method: 'POST', path: '/v1/files?name=liar.txt', headers, body }).catch(
      () => undefined,
    );
    const answer = await account.api.call('GET', '/v1/files');
    const { items } = bodyOf(
      answer,
      200,
      z.looseObject({ items: z.array(z.looseObject({ size: z.int() })) }),
    );
    expect([[], [10]]).toContainEqual(items.map(({ size }) => size));
  });
});

async function withQuota(quota: { quotaBytes: number | null; quotaEntries: number | null }) {
  const account = await newAccount(api);
  const admin = await newPrincipal(installation, { role: 'admin' });
  const path = `/v1/admin/storage/drives/${account.tokens.user.id}/quota`;
  expect(refusal(await api.as(admin.token).call('PUT', path, { json: quota }))).toBe('200');
  const used = async () => {
    const answer = await account.api.call('GET', `/v1/drives/${account.tokens.user.id}`);
    return bodyOf(
      answer,
      200,
      z.looseObject({ usedBytes: z.int(), reservedBytes: z.int(), entries: z.int() }),
    );
  };
  return { mine: account.api, used };
}
const counted = (answers: readonly { status: number }[]) =>
  answers.filter(({ status }) => status === 201).length;

describe('a quota', () => {
  it('of bytes holds exactly under a hundred uploads at once', async () => {
    const { mine, used } = await withQuota({ quotaBytes: 30_500, quotaEntries: null });
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, at) =>
        mine.call('POST', `/v1/files?name=${at}`, { body: new Uint8Array(1_000) }),
      ),
    );
    expect(new Set(answers.map(refusal))).toEqual(new Set(['201', '507 quota_exceeded']));
    expect(counted(answers)).toBe(30);
    expect(await used()).toMatchObject({ usedBytes: 30_000, reservedBytes: 0, entries: 30 });
  });

  it('of bytes holds over all doors together, held by what has only begun', async () => {
    const { mine, used } = await withQuota({ quotaBytes: 30_500, quotaEntries: null });
    const tus = { 'tus-resumable': '1.0.0', 'upload-length': '1000' };
    const doors = [
      (at: number) => mine.call('POST', `/v1/files?name=${at}`, { body: new Uint8Array(1_000) }),
      (at: number) => mine.call('POST', '/v1/uploads', { json: { name: `${at}`, size: 1_000 } }),
      (at: number) =>
        mine.call('POST', '/v1/tus', { headers: { ...tus, 'upload-metadata': `filename ${btoa(`${at}`)}` } }),
    ];
    const answers = await Promise.all(
      Array.from({ length: 99 }, (_, at) => doors[at % 3]?.(at) ?? api.call('GET', '/')),
    );
    expect(counted(answers)).toBe(30);
    const { usedBytes, reservedBytes } = await used();
    expect(usedBytes + reservedBytes).toBe(30_000);
  });

  it('of entries holds exactly, too', async () => {
    const { mine, used } = await withQuota({ quotaBytes: null, quotaEntries: 20 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, at) =>
        at % 2 === 0
          ? mine.call('POST', `/v1/files?name=${at}`, { body: 'x' })
          : mine.call('POST', '/v1/folders', { json: { name: `${at}` } }),
      ),
    );
    expect([counted(answers), (await used()).entries]).toEqual([20, 20]);
  });
});

/** A folder shared with a guest, and how to end that. */
async function shared(role: string) {
  const { api: mine } = await newAccount(api);
  const guest = await newPrincipal(installation);
  const folder = await makeFolder(mine, 'shared');
  const principal = { kind: 'user', id: guest.userId };
  const made = await mine.call('POST', `/v1/files/${folder.id}/grants`, { json: { principal, role } });
  const { id } = bodyOf(made, 201, z.looseObject({ id: z.string() }));
  const revoke = async () => {
    expect((await mine.call('DELETE', `/v1/files/${folder.id}/grants/${id}`)).status).toBe(204);
  };
  return { mine, folder, guest: api.as(guest.token), token: guest.token, revoke };
}

describe('a right that is taken away', () => {
  it('during a long download ends with the next request', async () => {
    const { mine, folder, guest, token, revoke } = await shared('viewer');
    const file = await upload(mine, 'long.bin', new Uint8Array(maxUploadBytes), folder.id);
    const running = await fetch(`${url}/v1/files/${file.id}/content`, {
      headers: { authorization: `Bearer ${token}`, 'accept-encoding': 'identity' },
    });
    const reader = running.body?.getReader();
    await reader?.read();
    await revoke();
    const range = { range: 'bytes=1000000-2000000' };
    for (const headers of [{}, range]) {
      const answer = await guest.call('GET', `/v1/files/${file.id}/content`, { headers });
      expect(refusal(answer)).toBe('404 file_not_found');
    }
    await reader?.cancel();
  });

  it.each([
    [
      'of a new file',
      (folder: string, _file: string) => ['POST', `/v1/files?name=late.bin&parentId=${folder}`],
    ],
    ['of a new version', (_folder: string, file: string) => ['PUT', `/v1/files/${file}/content`]],
  ] as const)('during a long upload %s leaves nothing of it', async (_, target) => {
    const { mine, folder, guest, revoke } = await shared('editor');
    const file = await upload(mine, 'kept.txt', 'kept', folder.id);
    const [method = '', path = ''] = target(folder.id, file.id);
    let half = () => {};
    const reached = new Promise<void>((resolve) => {
      half = resolve;
    });
    let goOn = () => {};
    const revoked = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const body = stream(2 * MIB, async (sent) => {
      if (sent < MIB) return;
      half();
      await revoked;
    });
    const answering = guest.call(method, path, { body });
    await reached;
    await sleep(200);
    await revoke();
    goOn();
    expect(refusal(await answering)).toMatch(/^(404|403) /);
    expect(await namesIn(mine, folder.id)).toEqual(['kept.txt']);
    const kept = await mine.call('GET', `/v1/files/${file.id}`);
    expect(bodyOf(kept, 200, z.looseObject({ size: z.int() })).size).toBe(4);
  });

  it('between the parts of an upload lets nobody go on or complete it', async () => {
    const { mine, folder, guest, revoke } = await shared('editor');
    const idOf = async (client: Client) => {
      const json = { name: 'parts.bin', size: 5, parentId: folder.id };
      return bodyOf(
        await client.call('POST', '/v1/uploads', { json }),
        201,
        z.looseObject({ id: z.string() }),
      ).id;
    };
    const id = await idOf(guest);
    const pairs = [`filename ${btoa('tus.bin')}`, `parentId ${btoa(folder.id)}`].join(',');
    const begun = await guest.call('POST', '/v1/tus', {
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '2', 'upload-metadata': pairs },
    });
    const tus = new URL(begun.headers.get('location') ?? '', url).pathname;
    await revoke();
    const calls: readonly (readonly [string, string, object])[] = [
      ['POST', `/v1/uploads/${id}/parts`, { json: { first: 1, count: 1 } }],
      ['POST', `/v1/uploads/${id}/complete`, { json: {} }],
      ['PATCH', tus, { headers: TUS_CHUNK, body: 'ab' }],
    ];
    for (const [method, path, options] of calls)
      expect((await guest.call(method, path, options)).status, path).toBeGreaterThanOrEqual(403);
    expect(await namesIn(mine, folder.id)).toEqual([]);
  });
});
