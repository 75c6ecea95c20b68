import { describeError, type Logger } from '../../core/telemetry/logger.ts';

/** Something that has to be done again and again; it does a bounded part of it each time. */
export interface MaintenanceTask {
  readonly name: string;
  /** Also right after something was written, not only by cron. */
  readonly afterWrites?: boolean;
  readonly run: () => Promise<void>;
}

/** Every task has its turn, whatever became of the others. */
export async function runMaintenance(tasks: readonly MaintenanceTask[], logger: Logger): Promise<void> {
  for (const { name, run } of tasks) {
    await run().catch((error: unknown) =>
      logger.error('maintenance failed', { task: name, error: describeError(error) }),
    );
  }
}
