import { Redis } from '@upstash/redis';
import type { CacheConfig } from './upstash-cache.ts';

const TIMEOUT_MS = 2_000;

/** @throws Error when Redis does not answer */
export async function pingRedis(config: CacheConfig): Promise<void> {
  const redis = new Redis({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    enableTelemetry: false,
    enableAutoPipelining: false,
    retry: false,
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  await redis.ping();
}
