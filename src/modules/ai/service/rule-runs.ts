import type { StorageClient } from '../../../contracts/storage.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import type { DueRun, RuleRunRepository } from '../ports/rules.ts';

export interface RuleRunnerDependencies {
  readonly runs: RuleRunRepository;
  readonly storage: Pick<StorageClient, 'applyRule'>;
  readonly logger: Logger;
}

export interface RuleRunner {
  /** Lets rules act until nothing is due or `mayContinue` says stop. What storage does not answer is due again. */
  workOff(mayContinue: () => boolean): Promise<void>;
}

const RUNS_AT_ONCE = 20;
/** Longer than it takes to do them one after the other; also the wait before something is tried again. */
const LEASE_SECONDS = 240;

export function createRuleRunner({ runs, storage, logger }: RuleRunnerDependencies): RuleRunner {
  async function act(run: DueRun): Promise<void> {
    if (!run.holds)
      return runs.settle(run, {
        state: 'refused',
        reason: 'The file does not have the label any more, or the rule is off.',
      });
    const { ruleId, versionId, driveId, actorId, action } = run;
    const outcome = await storage.applyRule(run.fileId, {
      ...{ ruleId, versionId, driveId, actorId },
      action: action.kind === 'tag' ? { addTag: action.tag } : { moveTo: action.folderId },
    });
    await runs.settle(run, {
      state: outcome.outcome,
      reason: outcome.outcome === 'refused' ? outcome.reason : null,
    });
  }

  return {
    async workOff(mayContinue) {
      while (mayContinue()) {
        const due = await runs.claim(RUNS_AT_ONCE, LEASE_SECONDS);
        if (due.length === 0) return;
        for (const run of due) {
          await act(run).catch((error: unknown) =>
            logger.warn('a rule could not act', {
              ruleId: run.ruleId,
              versionId: run.versionId,
              error: describeError(error),
            }),
          );
        }
      }
    },
  };
}
