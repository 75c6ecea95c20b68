import type { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { ConfigError } from '../config/config.ts';
import type { DependencyName } from '../resilience/dependency.ts';
import { describeError, type Logger } from '../telemetry/logger.ts';
import { type CoreVariables, logFaultsOnce, logLevelOf } from './app.ts';

/** How to find out whether something that a module stands on is there. */
export interface DependencyCheck {
  /** Without it the module is not ready; without any other it is degraded, and goes on. */
  readonly isRequired: boolean;
  /** @throws Error when it is not there */
  readonly ask: () => Promise<unknown>;
}
export type DependencyChecks = Partial<Record<DependencyName, DependencyCheck>>;

const foundSchema = z.object({
  state: z.enum(['up', 'down']),
  required: z.boolean(),
  /** Milliseconds until it answered, or did not. */
  latencyMs: z.number().nonnegative(),
});
/** What a module says of itself at `/readyz`, to the gateway. */
export const moduleReadinessSchema = z.object({
  status: z.enum(['ready', 'degraded', 'unavailable', 'misconfigured']),
  dependencies: z.record(z.string(), foundSchema).default({}),
  /** What is wrong with its environment. */
  faults: z.array(z.string()).default([]),
});
export type ModuleReadiness = z.output<typeof moduleReadinessSchema>;

/** Anybody may ask, and each question is one to every dependency: within this time the last answer is given again. */
const REMEMBERED_MS = 1_000;
const CHECK_TIMEOUT_MS = 3_000;

/**
 * `GET /readyz` of a module: 200 when what it needs answers, `degraded` without what it can do without; 503 with
 * `Retry-After` when not. Reached by siblings only, and the gateway keeps the faults to itself.
 */
export function mountReadiness<Variables extends CoreVariables>(
  app: OpenAPIHono<{ Bindings: object; Variables: Variables }>,
  checksOf: (env: object) => DependencyChecks,
): void {
  const remembered = new WeakMap<object, { readonly at: number; readonly readiness: ModuleReadiness }>();
  app.get('/readyz', async (c) => {
    const known = remembered.get(c.env);
    const isFresh = known !== undefined && Date.now() - known.at < REMEMBERED_MS;
    const readiness = isFresh ? known.readiness : await checkModule(c.env, checksOf, c.get('logger'));
    if (!isFresh) remembered.set(c.env, { at: Date.now(), readiness });
    const { status } = readiness;
    if (status === 'ready' || status === 'degraded') return c.json(readiness, 200);
    return c.json(readiness, 503, { 'retry-after': status === 'misconfigured' ? '60' : '5' });
  });
}

async function checkModule(
  env: object,
  checksOf: (env: object) => DependencyChecks,
  logger: Logger,
): Promise<ModuleReadiness> {
  try {
    const found = await Promise.all(
      Object.entries(checksOf(env)).map(
        async ([name, check]) => [name, await checkOne(name, check, logger)] as const,
      ),
    );
    const missing = found.filter(([, { state }]) => state === 'down');
    const status = missing.some(([, { required }]) => required)
      ? 'unavailable'
      : missing.length > 0
        ? 'degraded'
        : 'ready';
    return { status, dependencies: Object.fromEntries(found), faults: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    logFaultsOnce(error, logLevelOf(env), error.component);
    return { status: 'misconfigured', dependencies: {}, faults: [...error.faults] };
  }
}

/** @throws ConfigError: that waits for a person, not for the dependency */
async function checkOne(
  name: string,
  { isRequired, ask }: DependencyCheck,
  logger: Logger,
): Promise<z.output<typeof foundSchema>> {
  const startedAt = Date.now();
  const found = (state: 'up' | 'down') =>
    ({ state, required: isRequired, latencyMs: Date.now() - startedAt }) as const;
  let giveUp = () => {};
  const tooLate = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`));
  });
  const timer = setTimeout(() => giveUp(), CHECK_TIMEOUT_MS);
  try {
    await Promise.race([ask(), tooLate]);
    return found('up');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    logger.warn('a dependency is away', { dependency: name, error: describeError(error) });
    return found('down');
  } finally {
    clearTimeout(timer);
  }
}
