import { describeError, type Logger } from '../../core/telemetry/logger.ts';

/** Something that has to be done again and again; it does a bounded part of it each time. */
export interface MaintenanceTask {
  readonly name: string;
  /** Also soon after something was written, not only by cron. */
  readonly afterWrites?: boolean;
  readonly run: () => Promise<void>;
}

/** A run that has not come back by then was cut off with its request. */
const LOST_MS = 30_000;

/**
 * What is due after writes, at most once in `everyMs` in an isolate however many there are: the first of them waits for
 * the others. Whatever is lost with a request is found by cron.
 * @returns called after a write; undefined while another write's call will do
 */
export function createAfterWrites(
  tasks: readonly MaintenanceTask[],
  logger: Logger,
  now: () => number,
  everyMs: number,
): () => Promise<void> | undefined {
  const due = tasks.filter(({ afterWrites }) => afterWrites);
  let lastAt = 0;
  let waitingSince: number | undefined;
  return () => {
    if (waitingSince !== undefined && now() < waitingSince + LOST_MS) return undefined;
    waitingSince = now();
    return (async () => {
      const ms = lastAt + everyMs - now();
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
      lastAt = now();
      waitingSince = undefined;
      await runMaintenance(due, logger);
    })();
  };
}

/** Every task has its turn, whatever became of the others. */
export async function runMaintenance(tasks: readonly MaintenanceTask[], logger: Logger): Promise<void> {
  for (const { name, run } of tasks) {
    await run().catch((error: unknown) =>
      logger.error('maintenance failed', { task: name, error: describeError(error) }),
    );
  }
}
