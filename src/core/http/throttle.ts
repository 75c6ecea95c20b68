import type { RateDecision } from '../cache/rate-limiter.ts';
import { coreError } from './app-error.ts';

/** `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers). */
export function rateLimitHeaders({ limit, remaining, resetSeconds }: RateDecision): Record<string, string> {
  return {
    'ratelimit-policy': `"${limit.name}";q=${limit.limit};w=${limit.seconds}`,
    ratelimit: `"${limit.name}";r=${remaining};t=${resetSeconds}`,
  };
}

/** @throws AppError `too_many_requests` (RFC 6585) when the decision is no. */
export function refuseOverLimit(decision: RateDecision): void {
  if (decision.allowed) return;
  throw coreError('too_many_requests', {
    detail: `Try again in ${decision.resetSeconds} seconds.`,
    retryAfterSeconds: decision.resetSeconds,
    headers: rateLimitHeaders(decision),
  });
}
