import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { EdgeContext, EdgeModule } from '../../core/http/edge-module.ts';
import { telemetryOf } from '../../core/http/telemetry-out.ts';
import { parseTraceparent } from '../../core/telemetry/trace-context.ts';
import { withRootSpan } from '../../core/telemetry/tracer.ts';
import type { AiDependencies } from './dependencies.ts';

/** A queue consumer may run for 15 minutes; the rest is left to the next wake-up. */
const BUDGET_MS = 10 * 60_000;
/** Together with the sidecar's own batching this keeps two cores busy. */
const JOBS_AT_ONCE = 2;
const MAX_DELAY_SECONDS = 60;

const messageSchema = z.looseObject({ traceparent: z.string().optional().catch(undefined) });

/** Queue messages and cron only wake it up; what there is to do stands in the outbox and the job table. */
export function createConsumer(
  dependencies: (env: object) => AiDependencies,
): Required<Pick<EdgeModule, 'queue' | 'scheduled'>> {
  async function run(env: object, ctx: EdgeContext, message: unknown): Promise<number | undefined> {
    const telemetry = telemetryOf(env);
    const trace = {
      service: 'acs-ai',
      name: message === undefined ? 'cron' : 'process acs-events',
      kind: 'consumer',
      parent: parseTraceparent(messageSchema.parse(message ?? {}).traceparent),
      ratio: telemetry?.ratio,
    } as const;
    const send = () => telemetry?.send((promise) => ctx.waitUntil(promise));
    return withRootSpan(trace, () => work(env, send)).finally(send);
  }

  async function work(env: object, send: () => void): Promise<number | undefined> {
    const { analysis, batches, models, rules } = dependencies(env).background(uuidv7());
    const until = Date.now() + BUDGET_MS;
    // Between jobs: nobody waits for the end of all of them to see the first.
    const mayContinue = () => {
      send();
      return Date.now() < until;
    };
    for (;;) {
      await analysis.takeOverEvents();
      // In this order: what is through makes room, and what is asked for is worked off with whatever came in meanwhile.
      const moved = (await batches()) + (await models());
      const dueInSeconds = await analysis.workOff(mayContinue, JOBS_AT_ONCE);
      await rules.workOff(mayContinue);
      // What was worked off may have been the last that a model waited for.
      if ((moved === 0 && (await models()) === 0) || !mayContinue()) return dueInSeconds;
    }
  }

  return {
    async queue(batch, env, ctx) {
      const dueInSeconds = await run(env, ctx, batch.messages[0]?.body ?? {});
      // Something waits for a dependency: come back for it sooner than cron would.
      if (dueInSeconds === undefined) batch.ackAll();
      else
        batch.retryAll({ delaySeconds: Math.min(MAX_DELAY_SECONDS, Math.max(1, Math.ceil(dueInSeconds))) });
    },
    async scheduled(_controller, env, ctx) {
      await run(env, ctx, undefined);
    },
  };
}
