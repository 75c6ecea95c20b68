import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { type Account, newAccount } from './harness/accounts.ts';
import { createClient, refusal, textOf } from './harness/client.ts';
import { download, list } from './harness/files.ts';

const MIB = 1024 * 1024;
const api = createClient(inject('installation').url);

async function call(
  { api: mine }: Account,
  method: string,
  path: string,
  json?: unknown,
): Promise<Record<string, unknown>> {
  const answer = await mine.call(method, path, json === undefined ? {} : { json });
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status} ${textOf(answer)}`);
  return JSON.parse(textOf(answer) || '{}');
}

interface PartUrl {
  number: number;
  size: number;
  url: string;
}

const urlsOf = async (account: Account, id: unknown, wanted: object) => {
  const { items } = await call(account, 'POST', `/v1/uploads/${id}/parts`, wanted);
  return items as PartUrl[];
};

const put = async (url: string, body: Uint8Array<ArrayBuffer>) => {
  const answer = await fetch(url, { method: 'PUT', body });
  await answer.arrayBuffer();
  return answer.status;
};

describe('an upload in parts', () => {
  it('goes straight to the store, in any order, and again where a part failed', async () => {
    const account = await newAccount(api);
    const content = new Uint8Array(randomBytes(17 * MIB + 9));
    const size = content.byteLength;
    const begun = await call(account, 'POST', '/v1/uploads', { name: 'large.bin', size, partBytes: 5 * MIB });
    expect(begun).toMatchObject({ partCount: 4, state: 'active' });
    const urls = await urlsOf(account, begun.id, { first: 1, count: 4 });
    const slice = ({ number, size: bytes }: PartUrl) =>
      content.slice((number - 1) * 5 * MIB, (number - 1) * 5 * MIB + bytes);
    const sent = await Promise.all(
      urls
        .toReversed()
        .slice(0, 3)
        .map((part) => put(part.url, slice(part))),
    );
    expect(sent).toEqual([200, 200, 200]);
    const early = await account.api.call('POST', `/v1/uploads/${begun.id}/complete`, { json: {} });
    expect(refusal(early)).toBe('409 part_missing');
    const status = await call(account, 'GET', `/v1/uploads/${begun.id}`);
    expect(status.received).toMatchObject({ parts: [[2, 4]] });
    for (const part of await urlsOf(account, begun.id, { numbers: [1] })) {
      expect(await put(part.url, slice(part).slice(1))).toBe(403);
      expect(await put(part.url, slice(part))).toBe(200);
    }
    const sha256 = createHash('sha256').update(content).digest('hex');
    const file = await call(account, 'POST', `/v1/uploads/${begun.id}/complete`, { sha256 });
    expect(file).toMatchObject({ name: 'large.bin', size, sha256 });
    expect(Buffer.from(await download(account.api, String(file.id))).equals(content)).toBe(true);
  });

  it('completed by several at once, it is one file', async () => {
    const account = await newAccount(api);
    const begun = await call(account, 'POST', '/v1/uploads', { name: 'a', size: 5 });
    for (const { url } of await urlsOf(account, begun.id, { numbers: [1] }))
      await put(url, new TextEncoder().encode('hello'));
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => account.api.call('POST', `/v1/uploads/${begun.id}/complete`, { json: {} })),
    );
    expect(answers.map(({ status }) => status).filter((status) => status !== 201 && status !== 503)).toEqual(
      [],
    );
    expect((await list(account.api)).items).toHaveLength(1);
  });
});
