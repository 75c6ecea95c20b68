import type { RateDecision, RateLimit, RateLimiter } from './rate-limiter.ts';

const MAX_KEYS = 10_000;

/** The in-memory twin, and what an isolate falls back to while Redis is away. */
export function createMemoryRateLimiter(now: () => number): RateLimiter {
  const windows = new Map<string, { count: number; endsAt: number }>();

  return {
    async consume(limit, key) {
      const name = `${limit.name}:${key}`;
      const known = windows.get(name);
      const window =
        known && known.endsAt > now() ? known : { count: 0, endsAt: endOfWindow(now(), limit.seconds) };
      window.count += 1;
      if (known === undefined && windows.size >= MAX_KEYS) {
        const oldest = windows.keys().next();
        if (!oldest.done) windows.delete(oldest.value);
      }
      windows.set(name, window);
      return decide(limit, window.count, window.endsAt, now());
    },
    async forget(limit, key) {
      windows.delete(`${limit.name}:${key}`);
    },
  };
}

/** Windows start at multiples of their length, as in Redis. */
function endOfWindow(now: number, seconds: number): number {
  const length = seconds * 1000;
  return (Math.floor(now / length) + 1) * length;
}

export function decide(limit: RateLimit, count: number, endsAt: number, now: number): RateDecision {
  return {
    allowed: count <= limit.limit,
    limit,
    remaining: Math.max(0, limit.limit - count),
    resetSeconds: Math.max(1, Math.ceil((endsAt - now) / 1000)),
  };
}
