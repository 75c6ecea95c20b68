import { v7 as uuidv7 } from 'uuid';
import type { EdgeModule } from '../../core/http/edge-module.ts';
import type { AiDependencies } from './dependencies.ts';

/** A queue consumer may run for 15 minutes; the rest is left to the next wake-up. */
const BUDGET_MS = 10 * 60_000;
/** Together with the sidecar's own batching this keeps two cores busy. */
const JOBS_AT_ONCE = 2;
const MAX_DELAY_SECONDS = 60;

/** Queue messages and cron only wake it up; what there is to do stands in the outbox and the job table. */
export function createConsumer(
  dependencies: (env: object) => AiDependencies,
): Required<Pick<EdgeModule, 'queue' | 'scheduled'>> {
  async function run(env: object): Promise<number | undefined> {
    const { analysis, batches, models, rules } = dependencies(env).background(uuidv7());
    const until = Date.now() + BUDGET_MS;
    const mayContinue = () => Date.now() < until;
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
    async queue(batch, env) {
      const dueInSeconds = await run(env);
      // Something waits for a dependency: come back for it sooner than cron would.
      if (dueInSeconds === undefined) batch.ackAll();
      else
        batch.retryAll({ delaySeconds: Math.min(MAX_DELAY_SECONDS, Math.max(1, Math.ceil(dueInSeconds))) });
    },
    async scheduled(_controller, env) {
      await run(env);
    },
  };
}
