import type { RateClaim, RateDecision, RateLimit, RateLimiter } from './rate-limiter.ts';

const MAX_KEYS = 10_000;

interface Window {
  count: number;
  readonly endsAt: number;
}

/** The in-memory twin, and what an isolate falls back to while Redis is away. */
export function createMemoryRateLimiter(now: () => number): RateLimiter {
  const windows = new Map<string, Window>();

  function windowOf({ limit, key }: RateClaim): Window {
    const name = nameOf(limit, key);
    const known = windows.get(name);
    if (known && known.endsAt > now()) return known;
    const fresh = { count: 0, endsAt: endOfWindow(now(), limit.seconds) };
    windows.delete(name);
    if (windows.size >= MAX_KEYS) {
      const oldest = windows.keys().next();
      if (!oldest.done) windows.delete(oldest.value);
    }
    windows.set(name, fresh);
    return fresh;
  }

  return {
    async consume(limit, key) {
      const window = windowOf({ limit, key });
      window.count += 1;
      return decide(limit, window.count, window.endsAt, now());
    },
    async consumeAll(claims) {
      const found = claims.map((claim) => ({ limit: claim.limit, window: windowOf(claim) }));
      const allowed = found.every(({ limit, window }) => window.count < limit.limit);
      if (allowed) for (const { window } of found) window.count += 1;
      return found.map(({ limit, window }) =>
        // What counts in vain has not been counted: the decision is about the call that was to be.
        decide(limit, allowed ? window.count : window.count + 1, window.endsAt, now()),
      );
    },
    async giveBack(claims) {
      for (const claim of claims) {
        const window = windows.get(nameOf(claim.limit, claim.key));
        if (window && window.endsAt > now() && window.count > 0) window.count -= 1;
      }
    },
    async forget(limit, key) {
      windows.delete(nameOf(limit, key));
    },
  };
}

const nameOf = ({ name }: RateLimit, key: string): string => `${name}:${key}`;

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
