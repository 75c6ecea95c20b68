import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import { v7 as uuidv7 } from 'uuid';
import { createUpstashTotals } from '../cache/upstash-totals.ts';
import { cacheConfigSchema, metricsConfigSchema } from '../config/config.ts';
import { perEnvironment } from '../config/per-environment.ts';
import { metrics } from '../telemetry/metrics.ts';
import { createShipment, type Shipment } from '../telemetry/shipment.ts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

const shippedSchema = cacheConfigSchema.extend(metricsConfigSchema.required().shape);

/** Null where counts go nowhere. What is wrong with the environment is said by the module, not here. */
const shipmentOf = perEnvironment((env): Shipment | null => {
  const config = shippedSchema.safeParse(env);
  if (!config.success) return null;
  return createShipment({
    metrics,
    send: createUpstashTotals(config.data).add,
    newId: uuidv7,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    now: Date.now,
  });
});

/** Counts every request of a module by the template of its route, and has the counts of the isolate sent on. */
export function measureRequests(module: string): MiddlewareHandler<{ Bindings: object }> {
  return async (c, next) => {
    const startedAt = Date.now();
    await next();
    const method = METHODS.has(c.req.method) ? c.req.method : 'other';
    const labels = { module, method, route: routeOf(c) };
    metrics.count('acs_http_requests_total', { ...labels, status: String(c.res.status) });
    metrics.observe('acs_http_request_duration_seconds', labels, Date.now() - startedAt);
    shipmentOf(c.env)?.soon((promise) => c.executionCtx.waitUntil(promise));
  };
}

/** `*` for what only middleware matched: paths that nobody has, and at the gateway whatever it hands on. */
function routeOf(c: Context): string {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path ?? '*';
}
