import { Redis } from '@upstash/redis';
import type { Increments } from '../telemetry/metrics.ts';
import type { CacheConfig } from './upstash-cache.ts';

const TIMEOUT_MS = 2_000;
const TOTALS_KEY = 'metrics:v1';
const TOTALS_SECONDS = 30 * 24 * 3600;
const BATCH_SECONDS = 600;

/** Adds a batch once, however often it is sent: of a batch whose answer was lost nobody knows whether it was added. */
const ADD = `
if redis.call('SET', KEYS[2], '1', 'NX', 'EX', ${BATCH_SECONDS}) then
  for i = 1, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
  redis.call('EXPIRE', KEYS[1], ${TOTALS_SECONDS})
end
return 1`;

/** The sums of what all isolates counted. */
export interface Totals {
  /** @throws Error when the store does not answer; the same batch may be sent again. */
  add(batchId: string, increments: Increments): Promise<void>;
  /** @throws Error when the store does not answer. */
  read(): Promise<Increments>;
}

/** Kept in one hash of Redis. Without a guard of its own: it is called once a second at most, and never waited for. */
export function createUpstashTotals(config: CacheConfig): Totals {
  const redis = new Redis({
    url: config.UPSTASH_REDIS_REST_URL,
    token: config.UPSTASH_REDIS_REST_TOKEN,
    enableTelemetry: false,
    enableAutoPipelining: false,
    retry: false,
    signal: () => AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    async add(batchId, increments) {
      await redis.eval(ADD, [TOTALS_KEY, `metrics:batch:${batchId}`], [...increments].flat().map(String));
    },
    async read() {
      const fields = (await redis.hgetall<Record<string, unknown>>(TOTALS_KEY)) ?? {};
      return new Map(Object.entries(fields).map(([series, value]) => [series, Number(value)]));
    },
  };
}
