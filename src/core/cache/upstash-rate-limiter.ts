import { Ratelimit } from '@upstash/ratelimit';
import { Redis } from '@upstash/redis';
import { createDependency } from '../resilience/dependency.ts';
import { describeError, type Logger } from '../telemetry/logger.ts';
import { createMemoryRateLimiter, decide } from './memory-rate-limiter.ts';
import type { RateLimit, RateLimiter } from './rate-limiter.ts';
import type { CacheConfig } from './upstash-cache.ts';

const TIMEOUT_MS = 500;

/** Counts in Redis, one script a call, so that parallel calls never get more than the limit. */
export function createUpstashRateLimiter(
  config: CacheConfig,
  logger: Logger,
  now: () => number = Date.now,
): RateLimiter {
  const guard = createDependency('redis', { timeoutMs: TIMEOUT_MS });
  const fallback = createMemoryRateLimiter(now);
  const redis = new Redis({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    enableTelemetry: false,
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

  async function orElse<T>(operation: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
    try {
      return await guard.call(operation);
    } catch (error) {
      logger.warn('rate limits are counted per isolate', { error: describeError(error) });
      return otherwise();
    }
  }

  return {
    consume: (limit, key) =>
      orElse(
        async () => {
          const { success, remaining, reset } = await limiterOf(limit).limit(key);
          const count = success ? limit.limit - remaining : limit.limit + 1;
          return decide(limit, count, reset, now());
        },
        () => fallback.consume(limit, key),
      ),
    forget: (limit, key) =>
      orElse(
        () => limiterOf(limit).resetUsedTokens(key),
        () => fallback.forget(limit, key),
      ),
  };
}
