import { randomBytes } from 'node:crypto';
import { describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from './harness/accounts.ts';
import { openBucket } from './harness/bucket.ts';
import { bodyOf, type Client, createClient, problemOf, textOf } from './harness/client.ts';
import { query } from './harness/database.ts';
import { upload } from './harness/files.ts';
import { until } from './harness/until.ts';
import { fileSchema } from './harness/wire.ts';

const installation = inject('installation');
const api = createClient(installation.url);
const bucket = openBucket(installation.bucket);
const WITHIN_MS = 70_000;

async function keysOf(fileId: string): Promise<string[]> {
  const rows = await query(
    installation,
    `select o.key from storage.versions v join storage.objects o on o.id = v.object_id where v.file_id = $1::uuid`,
    [fileId.slice(5)],
  );
  return rows.map(({ key }) => String(key));
}

describe('what was purged', () => {
  it('is gone by every id of it, and its bytes are gone from the bucket', async () => {
    const { api: mine } = await newAccount(api);
    const file = await upload(mine, 'gone.txt', 'one');
    const put = await mine.call('PUT', `/v1/files/${file.id}/content`, { body: 'two' });
    const current = bodyOf(put, 200, fileSchema).version?.id ?? '';
    const keys = await keysOf(file.id);
    expect(keys).toHaveLength(2);
    expect(await bucket.keys()).toEqual(expect.arrayContaining(keys));

    expect((await mine.call('DELETE', `/v1/files/${file.id}`)).status).toBe(204);
    expect((await mine.call('GET', `/v1/files/${file.id}/content`)).status).toBe(404);
    expect((await mine.call('GET', `/v1/files/${file.id}/versions/${current}/content`)).status).toBe(404);
    expect((await mine.call('DELETE', `/v1/trash/${file.id}`)).status).toBe(204);

    const nothing = { file: `file_${'0'.repeat(31)}1`, version: `ver_${'0'.repeat(31)}1` };
    const paths = (id: string, version: string) => [
      `/v1/files/${id}`,
      `/v1/files/${id}/content`,
      `/v1/files/${id}/versions`,
      `/v1/files/${id}/versions/${version}`,
      `/v1/files/${id}/versions/${version}/content`,
      `/v1/files/${id}/thumbnail`,
      `/v1/files/${id}/comments`,
      `/v1/files/${id}/access`,
    ];
    const ask = async (path: string) => ({ ...problemOf(await mine.call('GET', path)), requestId: '' });
    const never = await Promise.all(paths(nothing.file, nothing.version).map(ask));
    expect(never.map(({ status }) => status)).toEqual(never.map(() => 404));
    for (const version of [file.version?.id ?? '', current])
      expect(await Promise.all(paths(file.id, version).map(ask))).toEqual(never);

    const left = async () => (await bucket.keys()).filter((key) => keys.some((gone) => key.includes(gone)));
    await until(left, (found) => found.length === 0, { withinMs: WITHIN_MS, what: 'the bytes to be gone' });
  }, 120_000);
});

const partsSchema = z.looseObject({ items: z.array(z.looseObject({ url: z.url(), size: z.int() })) });

async function begin(mine: Client, content: Uint8Array) {
  const json = { name: 'part.bin', size: content.byteLength };
  const { id } = bodyOf(
    await mine.call('POST', '/v1/uploads', { json }),
    201,
    z.looseObject({ id: z.string() }),
  );
  const made = await mine.call('POST', `/v1/uploads/${id}/parts`, { json: { first: 1, count: 1 } });
  return { id, url: new URL(bodyOf(made, 200, partsSchema).items[0]?.url ?? '') };
}

describe('an address for a part', () => {
  it('is good for this method, key, size and part, for 15 minutes at most', async () => {
    const { api: mine } = await newAccount(api);
    const content = new Uint8Array(randomBytes(1_000));
    const { id, url } = await begin(mine, content);
    const other = await begin(mine, content);
    expect(Number(url.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);

    const send = async (method: string, target: URL, body?: Uint8Array<ArrayBuffer>) => {
      const answer = await fetch(target, { method, body: body ?? null });
      await answer.arrayBuffer();
      return answer.status;
    };
    const changed = (change: (copy: URL) => void) => {
      const copy = new URL(url);
      change(copy);
      return copy;
    };
    const query = (name: string, value: string) => changed((copy) => copy.searchParams.set(name, value));
    expect({
      get: await send('GET', url),
      delete: await send('DELETE', url),
      post: await send('POST', url, content),
      key: await send(
        'PUT',
        changed((copy) => {
          copy.pathname = other.url.pathname;
        }),
        content,
      ),
      path: await send(
        'PUT',
        changed((copy) => {
          copy.pathname = `${copy.pathname}/../other`;
        }),
        content,
      ),
      part: await send('PUT', query('partNumber', '2'), content),
      upload: await send('PUT', query('uploadId', other.url.searchParams.get('uploadId') ?? ''), content),
      time: await send('PUT', query('X-Amz-Expires', '86400'), content),
      signature: await send('PUT', query('X-Amz-Signature', '0'.repeat(64)), content),
      shorter: await send('PUT', url, content.slice(1)),
      longer: await send('PUT', url, new Uint8Array([...content, 0])),
    }).toEqual({
      get: 403,
      delete: 403,
      post: 403,
      key: 403,
      path: 403,
      part: 403,
      upload: 403,
      time: 403,
      signature: 403,
      shorter: 403,
      longer: 403,
    });
    expect(await send('PUT', url, content)).toBe(200);
    const done = await mine.call('POST', `/v1/uploads/${id}/complete`, { json: {} });
    const file = bodyOf(done, 201, fileSchema);
    expect(file.size).toBe(1_000);
    const redirect = await mine.call('GET', `/v1/files/${file.id}/content?redirect=true`);
    const direct = new URL(redirect.headers.get('location') ?? '');
    expect(Number(direct.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(900);
    expect([await send('PUT', direct, content), await send('DELETE', direct)]).toEqual([403, 403]);
    direct.searchParams.set('response-content-type', 'text/html');
    expect(await send('GET', direct)).toBe(403);
  });

  it('is given to nobody else', async () => {
    const [{ api: mine }, { api: theirs }] = [await newAccount(api), await newAccount(api)];
    const { id } = await begin(mine, new Uint8Array(10));
    const asked = await theirs.call('POST', `/v1/uploads/${id}/parts`, { json: { first: 1, count: 1 } });
    expect([asked.status, textOf(asked).includes('X-Amz')]).toEqual([404, false]);
  });
});
