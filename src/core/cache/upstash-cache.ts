import { Redis } from '@upstash/redis';
import { createDependency } from '../resilience/dependency.ts';
import { describeError, type Logger } from '../telemetry/logger.ts';
import type { Cache } from './cache.ts';

export interface CacheConfig {
  readonly UPSTASH_REDIS_REST_URL: string;
  readonly UPSTASH_REDIS_REST_TOKEN: string;
}

const TIMEOUT_MS = 500;

/** Redis over HTTP. A slow or absent Redis costs at most the time-out, and nothing once the breaker is open. */
export function createUpstashCache(config: CacheConfig, logger: Logger): Cache {
  const redis = createDependency('redis', { timeoutMs: TIMEOUT_MS });
  const client = new Redis({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    automaticDeserialization: false,
    enableTelemetry: false,
    // It would put commands of several requests into one promise, which workerd ends as a hang.
    enableAutoPipelining: false,
    retry: false,
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });

  async function orElse<T>(fallback: T, operation: () => Promise<T>): Promise<T> {
    try {
      return await redis.call(operation);
    } catch (error) {
      logger.warn('cache unavailable', { error: describeError(error) });
      return fallback;
    }
  }

  return {
    get: (key) => orElse(undefined, async () => (await client.get<string>(key)) ?? undefined),
    set: (key, value, ttlSeconds) =>
      orElse(undefined, async () => void (await client.set(key, value, { ex: ttlSeconds }))),
    delete: (key) => orElse(undefined, async () => void (await client.del(key))),
  };
}
