import type { MiddlewareHandler } from 'hono';
import { metrics } from '../telemetry/metrics.ts';
import { routeOf } from './route.ts';
import { telemetryOf } from './telemetry-out.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Counts every request of a module by the template of its route, and has the counts of the isolate sent on. */
export function measureRequests(module: string): MiddlewareHandler<{ Bindings: object }> {
  return async (c, next) => {
    const startedAt = Date.now();
    await next();
    const method = METHODS.has(c.req.method) ? c.req.method : 'other';
    const labels = { module, method, route: routeOf(c) };
    metrics.count('acs_http_requests_total', { ...labels, status: String(c.res.status) });
    metrics.observe('acs_http_request_duration_seconds', labels, Date.now() - startedAt);
    telemetryOf(c.env)?.send((promise) => c.executionCtx.waitUntil(promise));
  };
}
