import type { OpenAPIHono } from '@hono/zod-openapi';
import { ConfigError } from '../config/config.ts';
import { describeError } from '../telemetry/logger.ts';
import { type CoreVariables, logFaultsOnce, logLevelOf } from './app.ts';

/**
 * `GET /readyz` of a module: 200 when its dependencies answer, 503 with `Retry-After` when not; what is wrong with its
 * environment, if that is why. Reached by siblings only, and the gateway keeps the faults to itself.
 */
export function mountReadiness<Variables extends CoreVariables>(
  app: OpenAPIHono<{ Bindings: object; Variables: Variables }>,
  check: (env: object) => Promise<void>,
): void {
  app.get('/readyz', async (c) => {
    try {
      await check(c.env);
      return c.json({ status: 'ready' }, 200);
    } catch (error) {
      if (error instanceof ConfigError) {
        logFaultsOnce(error, logLevelOf(c.env), error.component);
        return c.json({ status: 'misconfigured', faults: error.faults }, 503, { 'retry-after': '60' });
      }
      c.get('logger').warn('not ready', { error: describeError(error) });
      return c.json({ status: 'unavailable' }, 503, { 'retry-after': '5' });
    }
  });
}
