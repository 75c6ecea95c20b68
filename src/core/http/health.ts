import type { OpenAPIHono } from '@hono/zod-openapi';
import { describeError } from '../telemetry/logger.ts';
import type { CoreVariables } from './app.ts';

/** `GET /readyz` of a module: 200 when its dependencies answer, 503 with `Retry-After` when not. */
export function mountReadiness<Variables extends CoreVariables>(
  app: OpenAPIHono<{ Bindings: object; Variables: Variables }>,
  check: (env: object) => Promise<void>,
): void {
  app.get('/readyz', async (c) => {
    try {
      await check(c.env);
      return c.json({ status: 'ready' }, 200);
    } catch (error) {
      c.get('logger').warn('not ready', { error: describeError(error) });
      return c.json({ status: 'unavailable' }, 503, { 'retry-after': '5' });
    }
  });
}
