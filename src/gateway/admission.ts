import type { MiddlewareHandler } from 'hono';
import { type RateLimiter, scaleLimits } from '../core/cache/rate-limiter.ts';
import { createUpstashRateLimiter } from '../core/cache/upstash-rate-limiter.ts';
import { perEnvironment } from '../core/config/per-environment.ts';
import { coreError } from '../core/http/app-error.ts';
import { addRateLimitHeaders } from '../core/http/limit-caller.ts';
import { CALLS_PER_ADDRESS, routeClassOf } from '../core/http/route-limits.ts';
import { addressKey } from '../core/security/address.ts';
import { refuseOverLimit } from '../core/security/over-limit.ts';
import { createLogger } from '../core/telemetry/logger.ts';
import { clientAddress } from './client-address.ts';
import { gatewayConfig } from './config.ts';
import { createInFlight } from './in-flight.ts';

/** A Worker has 128 MB, and each request that waits holds some of it. */
const IN_FLIGHT = { total: 1_024, perAddress: 256 };
const RETRY_AFTER_SECONDS = 1;

/** Undefined where the gateway has no Redis: then modules count users, and nobody addresses. */
const limiterOf = perEnvironment((env): RateLimiter | null => {
  const config = gatewayConfig(env);
  const { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } = config;
  if (UPSTASH_REDIS_REST_URL === undefined || UPSTASH_REDIS_REST_TOKEN === undefined) return null;
  const logger = createLogger(config.LOG_LEVEL, { module: 'gateway' });
  const redis = { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN };
  return scaleLimits(createUpstashRateLimiter(redis, logger), config.RATE_LIMIT_SCALE);
});

/**
 * What an address may ask for at the same time, and in a minute. Beyond it nothing else is done for the request.
 * Answers: 429 for whoever asks too much, 503 `overloaded` when it is all of them together.
 */
export function admit(): MiddlewareHandler<{ Bindings: object }> {
  const inFlight = createInFlight(IN_FLIGHT);
  return async (c, next) => {
    const address = addressKey(clientAddress(c.req.raw, gatewayConfig(c.env).ENVIRONMENT));
    const entry = inFlight.enter(address);
    if (entry === 'full') throw coreError('overloaded', { retryAfterSeconds: RETRY_AFTER_SECONDS });
    if (entry === 'address_full')
      throw coreError('too_many_requests', {
        detail: `At most ${IN_FLIGHT.perAddress} calls at the same time.`,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    try {
      const limit = CALLS_PER_ADDRESS[routeClassOf(c.req.method, c.req.path)];
      const decisions = (await limiterOf(c.env)?.consumeAll([{ limit, key: address }])) ?? [];
      refuseOverLimit(...decisions);
      await next();
      if (decisions.length > 0) addRateLimitHeaders(c, decisions);
    } finally {
      inFlight.leave(address);
    }
  };
}
