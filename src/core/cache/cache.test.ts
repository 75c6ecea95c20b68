import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMemoryEngine } from '../../local/redis/memory-engine.ts';
import { startUpstashFront } from '../../local/redis/upstash-front.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { Cache } from './cache.ts';
import { createMemoryCache } from './memory-cache.ts';
import { createUpstashCache } from './upstash-cache.ts';

let time = 0;
const now = () => time;
const silent = createLogger('silent', {});
const redis = { cache: undefined as Cache | undefined, close: async () => {} };

beforeAll(async () => {
  const engine = createMemoryEngine({ now, scriptTimeLimitMs: 1_000 });
  const front = await startUpstashFront({ engine, host: '127.0.0.1', port: 0, token: 'secret' });
  const config = {
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${front.port}`,
    UPSTASH_REDIS_REST_TOKEN: 'secret',
  };
  redis.cache = createUpstashCache(config, silent);
  redis.close = () => front.close();
});

afterAll(() => redis.close());

describe.each([
  ['Redis', () => redis.cache ?? createMemoryCache(now)],
  ['its in-memory twin', () => createMemoryCache(now)],
])('a cache: %s', (_, create) => {
  test('gives back what was set, until its lifetime is over', async () => {
    const cache = create();
    await cache.set('a', 'value', 10);
    expect(await cache.get('a')).toBe('value');
    time += 10_001;
    expect(await cache.get('a')).toBeUndefined();
  });

  test('keeps text as it is: numbers, JSON and any Unicode stay text', async () => {
    const cache = create();
    for (const value of ['7', '{"a":1}', 'null', '', 'ä🎉\n"']) {
      await cache.set('b', value, 10);
      expect(await cache.get('b')).toBe(value);
    }
  });

  test('the last value set counts, and what was deleted is gone', async () => {
    const cache = create();
    await cache.set('c', '1', 10);
    await cache.set('c', '2', 10);
    expect(await cache.get('c')).toBe('2');
    await cache.delete('c');
    expect(await cache.get('c')).toBeUndefined();
  });

  test('a key that was never set is a miss, and deleting it is nothing', async () => {
    const cache = create();
    await cache.delete('never');
    expect(await cache.get('never')).toBeUndefined();
  });
});

test('a Redis that is away is a miss on reading and nothing on writing', async () => {
  const config = { UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1', UPSTASH_REDIS_REST_TOKEN: 'x' };
  const cache = createUpstashCache(config, silent);
  await cache.set('a', 'value', 10);
  await cache.delete('a');
  expect(await cache.get('a')).toBeUndefined();
});
