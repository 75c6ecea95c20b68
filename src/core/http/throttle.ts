import type { MiddlewareHandler } from 'hono';
import type { RateLimit, RateLimiter } from '../cache/rate-limiter.ts';
import { addressKey } from '../security/address.ts';
import { refuseOverLimit } from '../security/over-limit.ts';
import type { Caller } from '../security/principal.ts';
import { addRateLimitHeaders } from './limit-caller.ts';

export interface ThrottledVariables {
  caller: Caller;
  limiter: RateLimiter;
}

/**
 * Limits the calls of one address to a route (`createRoute({ …, ...open, middleware: throttle(LIMIT) })`), before
 * anything of the request is looked at. Every answer says what is left; what else refused the call stays in front.
 */
export function throttle(
  limit: RateLimit,
): MiddlewareHandler<{ Bindings: object; Variables: ThrottledVariables }> {
  return async (c, next) => {
    const decision = await c.get('limiter').consume(limit, addressKey(c.get('caller').address));
    refuseOverLimit(decision);
    await next();
    addRateLimitHeaders(c, [decision]);
  };
}
