import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createIoredisEngine } from './ioredis-engine.ts';
import { createMemoryEngine } from './memory-engine.ts';
import { type RedisEngine, RedisError, type Reply } from './redis-engine.ts';

const subjects: Record<string, () => Promise<RedisEngine>> = {
  memory: async () => createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 }),
};
const redisUrl = process.env.TEST_REDIS_URL;
if (redisUrl) subjects.Redis = () => createIoredisEngine(redisUrl);

/** Each line: a command, then its reply; `!` is an error that starts so. A status counts as its text. */
const transcripts: Record<string, [string, unknown][]> = {
  'strings and counters': [
    ['SET a 1 EX 100', 'OK'],
    ['SET a 2 NX', null],
    ['SET a 2 XX KEEPTTL', 'OK'],
    ['TTL a', 100],
    ['INCR a', 3],
    ['TTL a', 100],
    ['SET a x GET', '3'],
    ['TTL a', -1],
    ['INCR a', '!ERR value is not an integer'],
    ['SET a 1 EX 0', '!ERR invalid expire time'],
    ['SET a 1 EX soon', '!ERR value is not an integer'],
    ['SET a 1 SOON', '!ERR syntax error'],
    ['INCRBYFLOAT f 1.5', '1.5'],
    ['INCR f', '!ERR value is not an integer'],
    ['MSET k1 v1 k2 v2', 'OK'],
    ['HSET h f v', 1],
    ['MGET k1 none h k2', ['v1', null, null, 'v2']],
    ['GET h', '!WRONGTYPE'],
    ['GETDEL k1', 'v1'],
    ['EXISTS k1 k2 k2', 2],
    ['GETRANGE k2 0 0', 'v'],
    ['APPEND k2 é', 4],
    ['STRLEN k2', 4],
    ['GET', '!ERR wrong number of arguments'],
    ['NOSUCH x', '!ERR unknown command'],
  ],
  'keys and expiry': [
    ['SET k v', 'OK'],
    ['EXPIRE k 100', 1],
    ['EXPIRE k 50 NX', 0],
    ['EXPIRE k 200 GT', 1],
    ['TTL k', 200],
    ['PERSIST k', 1],
    ['PERSIST k', 0],
    ['TTL none', -2],
    ['RENAME k l', 'OK'],
    ['RENAME k l', '!ERR no such key'],
    ['TYPE l', 'string'],
    ['TYPE k', 'none'],
    ['EXPIRE l -1', 1],
    ['GET l', null],
    ['MSET a:1 x a:2 x b:1 x', 'OK'],
    ['DEL a:1 none', 1],
    ['KEYS a:[2-9]', ['a:2']],
    ['DBSIZE', 2],
  ],
  hashes: [
    ['HSET h a 1 b 2', 2],
    ['HSET h a 3', 0],
    ['HGETALL h', ['a', '3', 'b', '2']],
    ['HGETALL none', []],
    ['HMGET h a none', ['3', null]],
    ['HINCRBY h a 4', 7],
    ['HINCRBY h none -1', -1],
    ['HSETNX h a 9', 0],
    ['HDEL h a b none x', 3],
    ['EXISTS h', 0],
    ['HSET h a', '!ERR wrong number of arguments'],
  ],
  lists: [
    ['RPUSH l a b c d', 4],
    ['LPUSH l z', 5],
    ['LRANGE l 0 -1', ['z', 'a', 'b', 'c', 'd']],
    ['LRANGE l -2 99', ['c', 'd']],
    ['LRANGE l 3 1', []],
    ['RPOP l 2', ['d', 'c']],
    ['LPOP l', 'z'],
    ['LMOVE l m LEFT RIGHT', 'a'],
    ['LINDEX m -1', 'a'],
    ['LREM l 0 b', 1],
    ['EXISTS l', 0],
    ['LPOP none', null],
    ['RPUSH t 1 2 3 4', 4],
    ['LTRIM t 1 2', 'OK'],
    ['LRANGE t 0 -1', ['2', '3']],
    ['LSET t 5 x', '!ERR index out of range'],
  ],
  sets: [
    ['SADD s a b a', 2],
    ['SISMEMBER s a', 1],
    ['SMISMEMBER s a z', [1, 0]],
    ['SADD t b c', 2],
    ['SINTER s t', ['b']],
    ['SDIFF s t', ['a']],
    ['SREM s a b', 2],
    ['EXISTS s', 0],
    ['SCARD t', 2],
  ],
  'sorted sets': [
    ['ZADD z 1 a 2 b 3 c', 3],
    ['ZADD z CH 5 a 9 d', 2],
    ['ZADD z NX 7 a', 0],
    ['ZADD z GT 4 a', 0],
    ['ZADD z INCR 0.5 b', '2.5'],
    ['ZRANGE z 0 -1 WITHSCORES', ['b', '2.5', 'c', '3', 'a', '5', 'd', '9']],
    ['ZRANGE z 0 0 REV', ['d']],
    ['ZRANGE z (3 +inf BYSCORE LIMIT 0 1', ['a']],
    ['ZREVRANGEBYSCORE z +inf 5', ['d', 'a']],
    ['ZRANK z c', 1],
    ['ZREVRANK z none', null],
    ['ZSCORE z b', '2.5'],
    ['ZCOUNT z -inf (5', 2],
    ['ZREMRANGEBYSCORE z -inf 3', 2],
    ['ZCARD z', 2],
    ['ZPOPMIN z', ['a', '5']],
    ['ZADD z one x', '!ERR value is not a valid float'],
    ['ZREM z d', 1],
    ['EXISTS z', 0],
  ],
};

describe.each(Object.entries(subjects))('a Redis engine on %s', (_name, create) => {
  let engine: RedisEngine;
  const plain = (reply: Reply): unknown => {
    if (Array.isArray(reply)) return reply.map(plain);
    return typeof reply === 'object' && reply !== null ? reply.ok : reply;
  };
  const run = (...command: string[]): Promise<unknown> =>
    engine.run(command).then(plain, (error: unknown) => {
      if (error instanceof RedisError) return `!${error.message}`;
      throw error;
    });

  beforeAll(async () => {
    engine = await create();
  });
  beforeEach(() => run('FLUSHALL'));
  afterAll(() => engine.close());

  test.each(Object.entries(transcripts))('%s answer as Redis does', async (_topic, transcript) => {
    for (const [command, expected] of transcript) {
      const reply = await run(...command.split(' '));
      const isError = typeof expected === 'string' && expected.startsWith('!');
      const got = isError && typeof reply === 'string' ? reply.slice(0, expected.length) : reply;
      expect({ command, reply: got }).toEqual({ command, reply: expected });
    }
  });

  test('a key is gone when its time has come', async () => {
    await run('SET', 'short', 'x', 'PX', '15');
    await expect.poll(() => run('GET', 'short'), { interval: 5, timeout: 2_000 }).toBeNull();
    expect(await run('EXISTS', 'short')).toBe(0);
  });

  test('a script converts values as Redis does', async () => {
    const script = `local n = redis.call('INCR', KEYS[1])
      return {n, tostring(n), 'n' .. n, 1.9, false, true, redis.call('GET', 'none'), ARGV[1] * 3, #ARGV}`;
    const expected = [1, '1', 'n1', 1, null, 1, null, 6, 2];
    expect(await run('EVAL', script, '1', 'counter', '2', 'é')).toEqual(expected);
    expect(await run('EVAL', "return redis.call('SET', KEYS[1], ARGV[1])", '1', 'u', '日本 🗂')).toBe('OK');
    expect(await run('GET', 'u')).toBe('日本 🗂');
    const times = "return tostring(tonumber(ARGV[1]) + 60000 * 1000) .. '|' .. math.floor(7 / 2)";
    expect(await run('EVAL', times, '0', '1764000000000')).toBe('1764060000000|3');
  });

  test('a script sees errors with pcall and fails with call', async () => {
    await run('SET', 's', 'x');
    expect(await run('EVAL', "return redis.pcall('HGET', 's', 'f').err", '0')).toMatch(/^WRONGTYPE/);
    expect(await run('EVAL', "return redis.call('HGET', 's', 'f')", '0')).toMatch(/^!.*WRONGTYPE/);
    expect(await run('EVAL', "return redis.error_reply('MINE it is')", '0')).toMatch(/^!MINE it is/);
    expect(await run('EVAL', 'this is no Lua', '0')).toMatch(/^!ERR Error compiling script/);
    expect(await run('EVAL', 'leak = 1', '0')).toMatch(/^!.*global variable/);
    expect(await run('EVAL', 'return 1', '5', 'k')).toMatch(/^!ERR Number of keys/);
  });

  test.each(['no-writes', 'allow-key-locking'])('a script may say in its first line: %s', async (flag) => {
    expect(await run('EVAL', `#!lua flags=${flag}\nreturn 1`, '0')).toBe(1);
  });

  test('a script is found by its SHA-1 once it was loaded', async () => {
    await run('SCRIPT', 'FLUSH');
    const sha = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db';
    expect(await run('EVALSHA', sha, '0')).toMatch(/^!NOSCRIPT/);
    expect(await run('SCRIPT', 'LOAD', 'return 1')).toBe(sha);
    expect(await run('SCRIPT', 'EXISTS', sha, 'ffff')).toEqual([1, 0]);
    expect(await run('EVALSHA', sha, '0')).toBe(1);
  });

  test('a transaction goes on after a command that fails, and runs nothing if one is malformed', async () => {
    const outcomes = await engine.transaction([
      ['SET', 't', 'x'],
      ['INCR', 't'],
      ['APPEND', 't', 'y'],
    ]);
    expect(outcomes.map((outcome) => ('error' in outcome ? 'error' : plain(outcome.reply)))).toEqual([
      'OK',
      'error',
      2,
    ]);
    const malformed = engine.transaction([['SET', 't', 'z'], ['NOSUCH']]);
    await expect(malformed).rejects.toThrow(/EXECABORT/);
    expect(await run('GET', 't')).toBe('xy');
  });
});

test('a script that does not end is ended', async () => {
  const engine = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 20 });
  await expect(engine.run(['EVAL', 'while true do end', '0'])).rejects.toThrow(/ran too long/);
  expect(await engine.run(['PING'])).toEqual({ ok: 'PONG' });
  await engine.close();
});

test('a script reaches neither the file system nor JavaScript', async () => {
  const engine = createMemoryEngine({ now: Date.now, scriptTimeLimitMs: 5_000 });
  const names = ['os', 'io', 'js', 'package', 'require', 'dofile', 'loadfile', 'load', 'debug'];
  const reply = await engine.run([
    'EVAL',
    `return {${names.map((name) => `tostring(${name})`).join(',')}}`,
    '0',
  ]);
  expect(reply).toEqual(names.map(() => 'nil'));
  await engine.close();
});

test('expiry follows the clock that was handed in', async () => {
  let now = 1_000_000;
  const engine = createMemoryEngine({ now: () => now, scriptTimeLimitMs: 5_000 });
  await engine.run(['SET', 'k', 'v', 'EX', '10']);
  now += 9_999;
  expect(await engine.run(['GET', 'k'])).toBe('v');
  now += 1;
  expect(await engine.run(['GET', 'k'])).toBeNull();
  await engine.close();
});
