import { Redis, type RedisConfigNodejs } from '@upstash/redis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { RunningService } from '../process.ts';
import { createMemoryEngine } from './memory-engine.ts';
import { startUpstashFront } from './upstash-front.ts';

const TOKEN = 'correct-horse';
const engine = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 });
let front: RunningService;
let redis: Redis;

const connect = (options: Partial<RedisConfigNodejs> = {}): Redis =>
  new Redis({ url: `http://127.0.0.1:${front.port}`, token: TOKEN, retry: false, ...options });

beforeAll(async () => {
  front = await startUpstashFront({ engine, host: '127.0.0.1', port: 0, token: TOKEN });
  redis = connect();
});
beforeEach(() => redis.flushdb());
afterAll(async () => {
  await front.close();
  await engine.close();
});

test('text of every kind comes back as it went in', async () => {
  const plainText = connect({ automaticDeserialization: false });
  const texts = ['', 'OK', 'T0s=', '日本語 🗂️ é', '\u0000\u0001\u007f\r\n"\\', '{"json":true}', '123', 'null'];
  for (const text of texts) {
    await plainText.set('text', text);
    expect(await plainText.get('text')).toBe(text);
  }
  expect(await plainText.mget('text', 'none')).toEqual(['null', null]);
});

test('without base64 the answers are the same', async () => {
  const unencoded = connect({ responseEncoding: false });
  await unencoded.set('k', 'é🗂');
  expect(await unencoded.get('k')).toBe('é🗂');
  expect(await unencoded.hgetall('none')).toBeNull();
});

test('objects are stored as JSON and numbers stay numbers', async () => {
  await redis.set('doc', { a: [1, 'ü'], b: null });
  expect(await redis.get('doc')).toEqual({ a: [1, 'ü'], b: null });
  expect(await redis.incrby('n', 5)).toBe(5);
  expect(await redis.get('n')).toBe(5);
  expect(await redis.get('none')).toBeNull();
});

test('set takes its options and expiry is told back', async () => {
  expect(await redis.set('lock', 'mine', { nx: true, ex: 60 })).toBe('OK');
  expect(await redis.set('lock', 'yours', { nx: true, px: 100 })).toBeNull();
  expect(await redis.ttl('lock')).toBe(60);
  expect(await redis.expire('lock', 5)).toBe(1);
  await redis.set('short', 'x', { px: 15 });
  await expect.poll(() => redis.get('short'), { interval: 5, timeout: 2_000 }).toBeNull();
});

test('hashes, sorted sets, sets and lists have the shapes of the client', async () => {
  await redis.hset('h', { a: 1, b: 'two' });
  expect(await redis.hgetall('h')).toEqual({ a: 1, b: 'two' });
  await redis.zadd('z', { score: 1.5, member: 'low' }, { score: 2, member: 'high' });
  expect(await redis.zrange('z', 0, -1, { withScores: true })).toEqual(['low', 1.5, 'high', 2]);
  expect(await redis.zrange('z', '(1.5', '+inf', { byScore: true })).toEqual(['high']);
  await redis.sadd('s', 'x', 'y');
  expect(await redis.smembers('s')).toEqual(['x', 'y']);
  await redis.rpush('l', 'a', 'b');
  expect(await redis.lrange('l', 0, -1)).toEqual(['a', 'b']);
});

test('a scan visits every key', async () => {
  await redis.mset({ 'a:1': 1, 'a:2': 2, b: 3 });
  const found: string[] = [];
  let cursor = '0';
  do {
    const [next, keys] = await redis.scan(cursor, { match: 'a:*', count: 10 });
    found.push(...keys);
    cursor = next;
  } while (cursor !== '0');
  expect(found.sort()).toEqual(['a:1', 'a:2']);
});

test('a pipeline answers each command, errors in their place', async () => {
  const results = await redis.pipeline().set('k', 'text').incr('k').get('k').exec({ keepErrors: true });
  expect(results[0]?.result).toBe('OK');
  expect(results[1]?.error).toMatch(/not an integer/);
  expect(results[2]?.result).toBe('text');
});

test('commands that are sent together travel as one pipeline and each gets its own answer', async () => {
  const answers = await Promise.all([redis.set('p', 1), redis.incr('p'), redis.get('p'), redis.get('none')]);
  expect(answers).toEqual(['OK', 2, 2, null]);
});

test('multi runs as one', async () => {
  expect(await redis.multi().set('m', 1).incr('m').hset('h', { f: 'v' }).hgetall('h').exec()).toEqual([
    'OK',
    2,
    1,
    { f: 'v' },
  ]);
});

test('eval, script load and evalsha work, and an unknown script says NOSCRIPT', async () => {
  const script = "return {KEYS[1], ARGV[1], redis.call('INCRBY', KEYS[1], ARGV[1])}";
  expect(await redis.eval(script, ['c'], [3])).toEqual(['c', 3, 3]);
  const sha = await redis.scriptLoad(script);
  expect(await redis.evalsha(sha, ['c'], [4])).toEqual(['c', 4, 7]);
  expect(await redis.createScript<unknown[]>(script).exec(['c'], ['1'])).toEqual(['c', 1, 8]);
  await expect(redis.evalsha('f'.repeat(40), [], [])).rejects.toThrow(/NOSCRIPT/);
});

test('a sliding window as a rate limiter counts it lets no more through than it should', async () => {
  const script = `
    local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
    if redis.call('ZCARD', KEYS[1]) >= limit then return {0, math.ceil(window / 1000)} end
    redis.call('ZADD', KEYS[1], now, ARGV[4])
    redis.call('PEXPIRE', KEYS[1], window)
    return {1, limit - redis.call('ZCARD', KEYS[1])}`;
  const attempt = (index: number): Promise<number[]> =>
    redis.eval(script, ['limit'], [Date.now(), 60_000, 10, `request-${index}`]);
  const answers = await Promise.all(Array.from({ length: 30 }, (_, index) => attempt(index)));
  expect(answers.filter(([allowed]) => allowed === 1)).toHaveLength(10);
});

test('a command error names its code', async () => {
  await redis.set('k', 'x');
  await expect(redis.hget('k', 'f')).rejects.toThrow(/WRONGTYPE/);
});

test('a wrong token is 401 for every path, and health needs none', async () => {
  await expect(connect({ token: 'wrong' }).get('k')).rejects.toThrow(/Unauthorized/);
  for (const path of ['/', '/pipeline', '/multi-exec']) {
    const response = await fetch(`http://127.0.0.1:${front.port}${path}`, {
      method: 'POST',
      body: '["PING"]',
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: 'Unauthorized' });
  }
  expect((await fetch(`http://127.0.0.1:${front.port}/healthz`)).status).toBe(200);
});

test('a body that is no command is 400', async () => {
  for (const body of ['{}', '[]', 'x', '[{"a":1}]']) {
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const response = await fetch(`http://127.0.0.1:${front.port}/`, { method: 'POST', headers, body });
    expect(response.status).toBe(400);
  }
});
