import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMemoryEngine } from '../../local/redis/memory-engine.ts';
import { startUpstashFront } from '../../local/redis/upstash-front.ts';
import { createUpstashTotals } from './upstash-totals.ts';

const redis = { url: '', close: async () => {} };

beforeAll(async () => {
  const engine = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 1_000 });
  const front = await startUpstashFront({ engine, host: '127.0.0.1', port: 0, token: 'secret' });
  redis.url = `http://127.0.0.1:${front.port}`;
  redis.close = () => front.close();
});
afterAll(() => redis.close());

const totalsAt = (url: string) =>
  createUpstashTotals({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: 'secret' });

test('batches of several isolates are added up, each once however often it is sent', async () => {
  const totals = totalsAt(redis.url);
  expect([...(await totals.read())]).toEqual([]);
  const series = 'acs_http_requests_total||route="/v1/files/:id"';
  await totals.add('one', new Map([[series, 3]]));
  await Promise.all([
    totals.add('one', new Map([[series, 3]])),
    totals.add(
      'two',
      new Map([
        [series, 4],
        ['other||', 1],
      ]),
    ),
  ]);
  expect(await totals.read()).toEqual(
    new Map([
      [series, 7],
      ['other||', 1],
    ]),
  );
});

test('a store that is away is an error, on adding and on reading', async () => {
  const totals = totalsAt('http://127.0.0.1:1');
  await expect(totals.add('one', new Map([['a||', 1]]))).rejects.toThrow();
  await expect(totals.read()).rejects.toThrow();
});
