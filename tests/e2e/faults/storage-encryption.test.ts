import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as tus from 'tus-js-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, newAccount } from '../harness/accounts.ts';
import { createClient, refusal, textOf } from '../harness/client.ts';
import { analysed, download, sha256, upload } from '../harness/files.ts';
import { startTestStack, type TestStack, waitForModel } from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';

const CANARY = 'the lighthouse keeper of Cape Sounion paints his boat in ultramarine';

/** Every file below the folder of the object store that holds the text. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const path = join(entry.parentPath, entry.name);
    // What the store has deleted meanwhile holds nothing any more.
    const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    if (content.includes(text)) found.push(path);
  }
  return found;
}

describe('under OBJECT_ENCRYPTION=envelope', () => {
  let system: TestStack;
  let account: Account;
  let bucketFolder: string;

  beforeAll(async () => {
    system = await startTestStack({ composition: 'split', bindings: { OBJECT_ENCRYPTION: 'envelope' } });
    await waitForModel(system.stack);
    account = await newAccount(createClient(system.stack.url));
    bucketFolder = join(dirname(dirname(system.logFile)), 's3');
  });
  afterAll(() => system?.dispose());

  it('a file comes back as it was, whole and in ranges, is found by what it says, and is nowhere in clear', async () => {
    const keeper = await upload(account.api, 'keeper.txt', CANARY);
    expect((await analysed(account.api, keeper.id)).status).toBe('ready');
    expect(namesFound(await search(account.api, 'Sounion', { mode: 'keyword' }))).toContain('keeper.txt');
    // Of four frames, and nothing that would be read.
    const text = `\0${CANARY}${'\0 and the sea is calm. '.repeat(40_000)}`;
    const file = await upload(account.api, 'sea.bin', text);
    expect(file.sha256).toBe(sha256(text));
    expect(new TextDecoder().decode(await download(account.api, file.id))).toBe(text);
    const middle = await account.api.call('GET', `/v1/files/${file.id}/content`, {
      headers: { range: 'bytes=262140-262160' },
    });
    expect([middle.status, textOf(middle)]).toEqual([206, text.slice(262_140, 262_161)]);
    expect(middle.headers.get('content-range')).toBe(`bytes 262140-262160/${text.length}`);
    expect(await filesWith(bucketFolder, CANARY.slice(0, 30))).toEqual([]);
  });

  it('an upload by TUS is kept sealed, what lies between its chunks too', async () => {
    const content = Buffer.from(`${CANARY} ${'x'.repeat(6 * 1024 * 1024)}`);
    const done = new Promise<string>((resolve, reject) => {
      const sending = new tus.Upload(content, {
        endpoint: `${system.stack.url}/v1/tus`,
        headers: { authorization: `Bearer ${account.tokens.accessToken}` },
        metadata: { filename: 'sealed.bin' },
        chunkSize: 1_500_000,
        onError: reject,
        onSuccess: () => resolve('done'),
      });
      sending.start();
    });
    expect(await done).toBe('done');
    const found = await account.api.call('GET', '/v1/files/by-path?path=/sealed.bin');
    const { id, size } = JSON.parse(textOf(found));
    expect(size).toBe(content.length);
    expect(sha256(new Uint8Array(await download(account.api, id)))).toBe(sha256(new Uint8Array(content)));
    expect(await filesWith(bucketFolder, CANARY.slice(0, 30))).toEqual([]);
  });

  it('what could not be encrypted is refused: parts that go straight to the store, and addresses to read there', async () => {
    const json = { name: 'plain.bin', size: 10_000_000 };
    expect(refusal(await account.api.call('POST', '/v1/uploads', { json }))).toBe(
      '409 presigned_unavailable',
    );
    const file = await upload(account.api, 'redirect.txt', 'no way around');
    const answer = await account.api.call('GET', `/v1/files/${file.id}/content?redirect=true`);
    expect([answer.status, textOf(answer)]).toEqual([200, 'no way around']);
  });
});

it('a store that does not encrypt as it has to gets nothing: the upload is refused, and nothing is left', async () => {
  const system = await startTestStack({ composition: 'split', bindings: { OBJECT_ENCRYPTION: 'sse-s3' } });
  try {
    const { api } = await newAccount(createClient(system.stack.url));
    const answer = await api.call('POST', '/v1/files?name=a.txt', { body: CANARY });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect((await api.call('GET', '/v1/files')).status).toBe(200);
    expect(await filesWith(join(dirname(dirname(system.logFile)), 's3'), CANARY.slice(0, 30))).toEqual([]);
  } finally {
    await system.dispose();
  }
});
