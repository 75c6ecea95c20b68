import { Ratelimit } from '@upstash/ratelimit';
import { Redis } from '@upstash/redis';
import { createDependency } from '../resilience/dependency.ts';
import { describeError, type Logger } from '../telemetry/logger.ts';
import { createMemoryRateLimiter, decide } from './memory-rate-limiter.ts';
import type { RateClaim, RateDecision, RateLimit, RateLimiter } from './rate-limiter.ts';
import type { CacheConfig } from './upstash-cache.ts';

const TIMEOUT_MS = 500;

/** Counters of several limits: all are counted, or, when one is full, none. ARGV: limit and window (ms) of each. */
const CONSUME_ALL = `
local counts, full = {}, false
for i, key in ipairs(KEYS) do
  counts[i] = tonumber(redis.call('GET', key) or '0')
  if counts[i] >= tonumber(ARGV[2 * i - 1]) then full = true end
end
for i, key in ipairs(KEYS) do
  counts[i] = counts[i] + 1
  if not full and redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * i]) end
end
return counts`;

/** One call less, where there is one; a counter that is gone stays gone. */
const GIVE_BACK = `
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or '0') > 0 then redis.call('DECR', key) end
end
return 1`;

/**
 * Counts in Redis, one script a call, so that parallel calls never get more than the limit. The isolate counts along:
 * when Redis does not answer, it goes on from what it has seen itself.
 */
export function createUpstashRateLimiter(
  config: CacheConfig,
  logger: Logger,
  now: () => number = () => Date.now(),
): RateLimiter {
  const guard = createDependency('redis', { timeoutMs: TIMEOUT_MS });
  const memory = createMemoryRateLimiter(now);
  const redis = new Redis({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    enableTelemetry: false,
    enableAutoPipelining: false,
    retry: false,
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  const limiters = new Map<string, Ratelimit>();
  const limiterOf = ({ name, limit, seconds }: RateLimit): Ratelimit => {
    const id = `${name}:${limit}:${seconds}`;
    const known = limiters.get(id);
    if (known) return known;
    const made = new Ratelimit({
      redis,
      prefix: `rate:${name}`,
      limiter: Ratelimit.fixedWindow(limit, `${seconds} s`),
      analytics: false,
      ephemeralCache: false,
      timeout: 0,
    });
    limiters.set(id, made);
    return made;
  };

  async function orElse<T>(operation: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      return await guard.call(operation);
    } catch (error) {
      logger.warn('rate limits are counted per isolate', { error: describeError(error) });
      return otherwise;
    }
  }

  async function consumeAll(claims: readonly RateClaim[]) {
    const at = now();
    const counts = await redis.eval<number[], number[]>(
      CONSUME_ALL,
      claims.map(({ limit, key }) => counterKey(limit, key, at)),
      claims.flatMap(({ limit }) => [limit.limit, limit.seconds * 1000]),
    );
    return claims.map(({ limit }, index) => {
      const length = limit.seconds * 1000;
      return decide(limit, counts[index] ?? 0, (Math.floor(at / length) + 1) * length, at);
    });
  }

  return {
    async consume(limit, key) {
      const local = await memory.consume(limit, key);
      return orElse(async () => {
        const { success, remaining, reset } = await limiterOf(limit).limit(key);
        const count = success ? limit.limit - remaining : limit.limit + 1;
        return decide(limit, count, reset, now());
      }, local);
    },
    async consumeAll(claims) {
      const local = await memory.consumeAll(claims);
      const decisions = await orElse(() => consumeAll(claims), local);
      if (areAllowed(local) && !areAllowed(decisions)) await memory.giveBack(claims);
      return decisions;
    },
    async giveBack(claims) {
      await memory.giveBack(claims);
      const keys = claims.map(({ limit, key }) => counterKey(limit, key, now()));
      await orElse(async () => void (await redis.eval(GIVE_BACK, keys, [])), undefined);
    },
    // The library's own reset looks through every key of the database, for a pattern that a client could have a hand in.
    async forget(limit, key) {
      await memory.forget(limit, key);
      await orElse(async () => void (await redis.del(counterKey(limit, key, now()))), undefined);
    },
  };
}

const areAllowed = (decisions: readonly RateDecision[]) => decisions.every(({ allowed }) => allowed);

/** As @upstash/ratelimit names the counter of a fixed window, so that both ways count the same. */
function counterKey({ name, seconds }: RateLimit, key: string, now: number): string {
  return `rate:${name}:${key}:${Math.floor(now / (seconds * 1000))}`;
}
