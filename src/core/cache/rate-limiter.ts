/** At most `limit` calls per `seconds` and key, counted in fixed windows. */
export interface RateLimit {
  /** In the key, the headers and the metrics. */
  readonly name: string;
  readonly limit: number;
  readonly seconds: number;
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
  /** Takes back what was counted in this window, after a success. */
  forget(limit: RateLimit, key: string): Promise<void>;
}
