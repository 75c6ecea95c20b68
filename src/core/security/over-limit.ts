import type { RateDecision } from '../cache/rate-limiter.ts';
import { coreError } from '../http/app-error.ts';

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers): a list of policies, and what is left of
 * each (`r`) for so many seconds (`t`).
 */
export function rateLimitHeaders(...decisions: readonly RateDecision[]): Record<string, string> {
  const policies = decisions.map(({ limit }) => `"${limit.name}";q=${limit.limit};w=${limit.seconds}`);
  const left = decisions.map(
    ({ limit, remaining, resetSeconds }) => `"${limit.name}";r=${remaining};t=${resetSeconds}`,
  );
  return { 'ratelimit-policy': policies.join(', '), ratelimit: left.join(', ') };
}

/** @throws AppError `too_many_requests` (RFC 6585) when a decision is no; to be tried again when all could be yes. */
export function refuseOverLimit(...decisions: readonly RateDecision[]): void {
  const refused = decisions.filter(({ allowed }) => !allowed);
  if (refused.length === 0) return;
  const waitSeconds = Math.max(...refused.map(({ resetSeconds }) => resetSeconds));
  throw coreError('too_many_requests', {
    detail: `Try again in ${waitSeconds} seconds.`,
    retryAfterSeconds: waitSeconds,
    headers: rateLimitHeaders(...refused),
  });
}
