import type { MiddlewareHandler } from 'hono';
import { parseTraceparent } from '../telemetry/trace-context.ts';
import { withRootSpan } from '../telemetry/tracer.ts';
import { routeOf } from './route.ts';

/**
 * Gives a request its place in the trace that it came with, or in a new one. What a client says of its trace is taken
 * at its word: it can ask not to be sampled, not to be sampled more often.
 * @param ratioOf share of the traces that are kept, 0 to 1; undefined where there is no collector
 */
export function traceRequests(
  module: string,
  ratioOf: (env: object) => number | undefined,
): MiddlewareHandler<{ Bindings: object }> {
  return (c, next) =>
    withRootSpan(
      {
        service: `acs-${module}`,
        name: c.req.method,
        kind: 'server',
        parent: parseTraceparent(c.req.header('traceparent')),
        ratio: ratioOf(c.env),
      },
      async (span) => {
        await next();
        const route = routeOf(c);
        const { method } = c.req;
        span.describe(
          `${method} ${route}`,
          { 'http.request.method': method, 'http.route': route, 'http.response.status_code': c.res.status },
          c.res.status >= 500,
        );
      },
    );
}
