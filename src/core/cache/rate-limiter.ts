/** At most `limit` calls per `seconds` and key, counted in fixed windows. */
export interface RateLimit {
  /** In the key, the headers and the metrics. */
  readonly name: string;
  readonly limit: number;
  readonly seconds: number;
}

/** One call that wants to count under a limit. */
export interface RateClaim {
  readonly limit: RateLimit;
  readonly key: string;
}

export interface RateDecision {
  readonly allowed: boolean;
  readonly limit: RateLimit;
  /** Calls left in this window. */
  readonly remaining: number;
  /** Seconds until the window ends, at least 1. */
  readonly resetSeconds: number;
}

/**
 * Counts calls. With Redis down each isolate counts for itself: the limits still hold against a client that meets the
 * same isolate, and nobody is let in or shut out because of an outage.
 */
export interface RateLimiter {
  /** Counts one call and decides about it, in one step. */
  consume(limit: RateLimit, key: string): Promise<RateDecision>;
  /**
   * Counts one call under several limits in one step, or, when any of them says no, under none: who is refused by one
   * limit does not use up the others.
   * @returns a decision for each claim, in their order
   */
  consumeAll(claims: readonly RateClaim[]): Promise<readonly RateDecision[]>;
  /** Takes back one call under each limit: it turned out not to be of the kind that is limited. */
  giveBack(claims: readonly RateClaim[]): Promise<void>;
  /** Takes back what was counted in this window, after a success. */
  forget(limit: RateLimit, key: string): Promise<void>;
}

/** The same limits, all of them `scale` times as wide, but never shut. */
export function scaleLimits(limiter: RateLimiter, scale: number): RateLimiter {
  const scaled = (limit: RateLimit): RateLimit => ({
    ...limit,
    limit: Math.max(1, Math.round(limit.limit * scale)),
  });
  const all = (claims: readonly RateClaim[]) =>
    claims.map(({ limit, key }) => ({ limit: scaled(limit), key }));
  return {
    consume: (limit, key) => limiter.consume(scaled(limit), key),
    consumeAll: (claims) => limiter.consumeAll(all(claims)),
    giveBack: (claims) => limiter.giveBack(all(claims)),
    forget: (limit, key) => limiter.forget(scaled(limit), key),
  };
}
