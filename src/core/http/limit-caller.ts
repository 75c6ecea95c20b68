import type { Context } from 'hono';
import type { RateClaim, RateDecision, RateLimiter } from '../cache/rate-limiter.ts';
import { rateLimitHeaders, refuseOverLimit } from '../security/over-limit.ts';
import type { Principal } from '../security/principal.ts';
import { CALLS_PER_KEY, CALLS_PER_USER, routeClassOf } from './route-limits.ts';

/**
 * Counts a call of somebody who is known, under the limits of the user and of the API key, and does it when they allow.
 * A read is done meanwhile, and its answer thrown away when they do not: it has no effect, and need not wait for Redis.
 * @throws AppError `too_many_requests`
 */
export async function limitCaller(
  c: Context,
  limiter: RateLimiter,
  principal: Principal,
  next: () => Promise<void>,
): Promise<void> {
  const counting = limiter.consumeAll(claimsOf(c.req.method, c.req.path, principal));
  const isRead = c.req.method === 'GET' || c.req.method === 'HEAD';
  if (!isRead) refuseOverLimit(...(await counting));
  await next();
  const decisions = await counting;
  if (isRead && decisions.some(({ allowed }) => !allowed)) await c.res.body?.cancel();
  refuseOverLimit(...decisions);
  addRateLimitHeaders(c, decisions);
}

function claimsOf(method: string, path: string, { userId, credential }: Principal): RateClaim[] {
  const kind = routeClassOf(method, path);
  const user = { limit: CALLS_PER_USER[kind], key: userId };
  return credential.kind === 'api-key' ? [user, { limit: CALLS_PER_KEY[kind], key: credential.id }] : [user];
}

/** Behind those of other limits that the same call counts under. */
export function addRateLimitHeaders(c: Context, decisions: readonly RateDecision[]): void {
  for (const [name, value] of Object.entries(rateLimitHeaders(...decisions))) {
    const others = c.res.headers.get(name);
    c.header(name, others === null ? value : `${others}, ${value}`);
  }
}
