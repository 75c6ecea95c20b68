import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from './harness/accounts.ts';
import { bodyOf, type Client, createClient, textOf } from './harness/client.ts';
import { makeFolder, upload } from './harness/files.ts';
import { operationsOf, readContract } from './harness/operations.ts';
import { type SharedCache, startSharedCache } from './harness/shared-cache.ts';

const installation = inject('installation');
const api = createClient(installation.url);

describe('a shared cache in front of the system', () => {
  let cache: SharedCache;
  let through: Client;

  beforeAll(async () => {
    cache = await startSharedCache(installation.url);
    through = createClient(cache.url);
  });
  afterAll(() => cache.close());

  it('keeps what is public, so that it would show what is not', async () => {
    const before = cache.hits();
    for (let times = 0; times < 2; times += 1) await through.call('GET', '/.well-known/jwks.json');
    expect(cache.hits()).toBe(before + 1);
  });

  it('never gives one person what another has fetched', async () => {
    const [one, other] = [await newAccount(api), await newAccount(api)];
    const file = await upload(one.api, 'canary-4711.txt', 'canary-4711');
    const folder = await makeFolder(one.api, 'canary-4711');
    const share = await one.api.call('POST', `/v1/files/${file.id}/links`, {
      json: { mode: 'download', name: 'canary-4711' },
    });
    const { token } = bodyOf(share, 201, z.looseObject({ token: z.string() }));
    const own = { one: through.as(one.tokens.accessToken), other: through.as(other.tokens.accessToken) };
    const at = (path: string) =>
      path
        .replace('{versionId}', file.version?.id ?? '')
        .replace('{driveId}', one.tokens.user.id)
        .replace(/\/files\/\{id\}\/(zip|summary)/, `/files/${folder.id}/$1`)
        .replace('{id}', file.id);
    const reads = operationsOf(await readContract(api)).filter(
      ({ method, path, permission }) =>
        method === 'GET' && permission !== undefined && !path.includes('/admin/'),
    );
    expect(reads.length).toBeGreaterThan(40);
    const before = cache.hits();
    let seen = 0;
    for (const { path } of reads) {
      const query =
        path === '/v1/files/by-path' ? '?path=/canary-4711.txt' : path === '/v1/search' ? '?q=canary' : '';
      const headers = { 'tus-resumable': '1.0.0' };
      const first = await own.one.call('GET', `${at(path)}${query}`, { headers });
      if (textOf(first).includes('canary-4711')) seen += 1;
      const second = await own.other.call('GET', `${at(path)}${query}`, { headers });
      const third = await through.call('GET', `${at(path)}${query}`, { headers });
      for (const answer of [second, third]) expect(textOf(answer), path).not.toContain('canary-4711');
      expect(third.status, path).toBe(401);
    }
    expect(seen).toBeGreaterThan(8);
    expect(cache.hits()).toBe(before);

    // A link that is revoked is not served from memory either.
    const shared = `/v1/shared-links/${token}/files/${file.id}/content`;
    expect(textOf(await through.call('GET', shared))).toBe('canary-4711');
    await one.api.call('DELETE', `/v1/links/${bodyOf(share, 201, z.looseObject({ id: z.string() })).id}`);
    expect((await through.call('GET', shared)).status).toBe(404);
  }, 120_000);
});
