import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createMemoryEngine } from '../../local/redis/memory-engine.ts';
import { startUpstashFront } from '../../local/redis/upstash-front.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMemoryRateLimiter } from './memory-rate-limiter.ts';
import { type RateLimit, type RateLimiter, scaleLimits } from './rate-limiter.ts';
import { createUpstashRateLimiter } from './upstash-rate-limiter.ts';

// @upstash/ratelimit reads the clock itself, so the clock of all is the same one.
const START = Date.UTC(2026, 0, 1);
const now = () => Date.now();
const silent = createLogger('silent', {});
const redis = { url: '', keys: async (): Promise<unknown> => [], close: async () => {} };

beforeAll(async () => {
  const engine = createMemoryEngine({ now, scriptTimeLimitMs: 1_000 });
  const front = await startUpstashFront({ engine, host: '127.0.0.1', port: 0, token: 'secret' });
  redis.url = `http://127.0.0.1:${front.port}`;
  redis.keys = async () => {
    const names = await engine.run(['KEYS', '*']);
    return Promise.all((Array.isArray(names) ? names : []).map((name) => engine.run(['PTTL', String(name)])));
  };
  redis.close = () => front.close();
});
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: START }));
afterEach(() => void vi.useRealTimers());
afterAll(() => redis.close());

const upstash = (url: string): RateLimiter =>
  createUpstashRateLimiter({ UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: 'secret' }, silent, now);
const many = <T>(count: number, call: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, call));

describe.each([
  ['Redis', () => upstash(redis.url)],
  ['its in-memory twin', () => createMemoryRateLimiter(now)],
  ['a Redis that is away', () => upstash('http://127.0.0.1:1')],
])('a rate limiter: %s', (_, create) => {
  const minute = (limit: number): RateLimit => ({ name: crypto.randomUUID(), limit, seconds: 60 });

  test('admits exactly the limit, however many come at once', async () => {
    const limiter = create();
    const limit = minute(7);
    const decisions = await many(60, () => limiter.consume(limit, 'a'));
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(7);
    expect(new Set(decisions.filter(({ allowed }) => allowed).map(({ remaining }) => remaining)).size).toBe(
      7,
    );
    expect((await limiter.consume(limit, 'b')).allowed).toBe(true);
  });

  test('says truly when it admits again', async () => {
    const limiter = create();
    const limit = minute(1);
    vi.setSystemTime(START + 17_000);
    await limiter.consume(limit, 'a');
    expect(await limiter.consume(limit, 'a')).toMatchObject({
      allowed: false,
      remaining: 0,
      resetSeconds: 43,
    });
    vi.setSystemTime(START + 17_000 + 42_000);
    expect((await limiter.consume(limit, 'a')).allowed).toBe(false);
    vi.setSystemTime(START + 17_000 + 43_000);
    expect((await limiter.consume(limit, 'a')).allowed).toBe(true);
  });

  test('counts under several limits at once, or under none', async () => {
    const limiter = create();
    const claims = [
      { limit: minute(3), key: 'a' },
      { limit: { ...minute(5), seconds: 3_600 }, key: 'b' },
    ] as const;
    const all = await many(40, () => limiter.consumeAll(claims));
    expect(all.filter((decisions) => decisions.every(({ allowed }) => allowed))).toHaveLength(3);
    expect(await limiter.consumeAll(claims)).toMatchObject([
      { allowed: false, remaining: 0, resetSeconds: 60 },
      { allowed: true, remaining: 1, resetSeconds: 3_600 },
    ]);
    vi.setSystemTime(START + 60_000);
    const later = await many(40, () => limiter.consumeAll(claims));
    expect(later.filter((decisions) => decisions.every(({ allowed }) => allowed))).toHaveLength(2);
  });

  test('what is given back can be used once more, and nothing more than that', async () => {
    const limiter = create();
    const claim = { limit: minute(2), key: 'a' };
    await limiter.giveBack([claim]);
    await many(2, () => limiter.consumeAll([claim]));
    await limiter.giveBack([claim]);
    const decisions = await many(3, () => limiter.consumeAll([claim]));
    expect(decisions.flat().filter(({ allowed }) => allowed)).toHaveLength(1);
  });

  test('forgets one key of one limit, whatever is in its name', async () => {
    const limiter = create();
    const limit = minute(1);
    for (const key of ['a', 'ab', '*']) await limiter.consume(limit, key);
    await limiter.forget(limit, '*');
    expect((await limiter.consume(limit, 'a')).allowed).toBe(false);
    expect((await limiter.consume(limit, 'ab')).allowed).toBe(false);
    expect((await limiter.consume(limit, '*')).allowed).toBe(true);
  });

  test('counts the same under both ways of counting', async () => {
    const limiter = create();
    const limit = minute(2);
    await limiter.consume(limit, 'a');
    expect(await limiter.consumeAll([{ limit, key: 'a' }])).toMatchObject([{ allowed: true, remaining: 0 }]);
    expect((await limiter.consume(limit, 'a')).allowed).toBe(false);
  });
});

test('what several isolates count in Redis is one count', async () => {
  const limit = { name: 'shared', limit: 4, seconds: 60 };
  const isolates = [upstash(redis.url), upstash(redis.url), upstash(redis.url), upstash(redis.url)];
  const decisions = await Promise.all(isolates.map((each) => many(5, () => each.consume(limit, 'a'))));
  expect(decisions.flat().filter(({ allowed }) => allowed)).toHaveLength(4);
});

test('an isolate that loses Redis goes on from what it has seen', async () => {
  const engine = createMemoryEngine({ now, scriptTimeLimitMs: 1_000 });
  const front = await startUpstashFront({ engine, host: '127.0.0.1', port: 0, token: 'secret' });
  const limiter = upstash(`http://127.0.0.1:${front.port}`);
  const limit = { name: 'lost', limit: 3, seconds: 60 };
  await many(2, () => limiter.consumeAll([{ limit, key: 'a' }]));
  await many(2, () => limiter.consume(limit, 'b'));
  await front.close();
  const decisions = await many(5, () => limiter.consumeAll([{ limit, key: 'a' }]));
  expect(decisions.flat().filter(({ allowed }) => allowed)).toHaveLength(1);
  const single = await many(5, () => limiter.consume(limit, 'b'));
  expect(single.filter(({ allowed }) => allowed)).toHaveLength(1);
});

test('every counter in Redis has a lifetime', async () => {
  const lifetimes = await redis.keys();
  expect(lifetimes).not.toHaveLength(0);
  expect(lifetimes).not.toContain(-1);
});

test('a limit that is scaled is wider, says so, and is never shut', async () => {
  const limit = { name: 'scaled', limit: 2, seconds: 60 };
  const wide = scaleLimits(createMemoryRateLimiter(now), 10);
  expect(await wide.consume(limit, 'a')).toMatchObject({ remaining: 19, limit: { limit: 20 } });
  const narrow = scaleLimits(createMemoryRateLimiter(now), 0.1);
  expect((await narrow.consume(limit, 'a')).allowed).toBe(true);
});
