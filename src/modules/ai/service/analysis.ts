import type { StorageEvent } from '../../../contracts/storage.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import { parseTraceparent } from '../../../core/telemetry/trace-context.ts';
import { withRootSpan } from '../../../core/telemetry/tracer.ts';
import { ModelUnavailableError, WorkLostError } from '../ports/inference.ts';
import type { Job, JobRepository } from '../ports/jobs.ts';
import { type AnalysisDependencies, LEASE_SECONDS } from './analysis-dependencies.ts';
import { analyse } from './analysis-stages.ts';

const EVENTS_AT_ONCE = 200;
/** That failed for reasons of our own, or took their worker or the reader with them. */
const MAX_ATTEMPTS = 5;

export interface AnalysisService {
  /** Takes over what storage has recorded since the last call. */
  takeOverEvents(): Promise<void>;
  /** Works until no job is due or `mayContinue` says stop; answers when the next one is due, in seconds. */
  workOff(mayContinue: () => boolean, atOnce: number): Promise<number | undefined>;
}

export function createAnalysisService(dependencies: AnalysisDependencies): AnalysisService {
  const { jobs, storage, newToken, traceRatio, logger } = dependencies;

  async function worker(mayContinue: () => boolean): Promise<void> {
    while (mayContinue()) {
      const job = await jobs.claim(newToken(), LEASE_SECONDS);
      if (job === undefined) return;
      const trace = {
        service: 'acs-ai',
        name: 'analyse version',
        kind: 'consumer',
        parent: parseTraceparent(job.traceparent),
        ratio: traceRatio,
      } as const;
      await withRootSpan(trace, () => runJob(dependencies, job, mayContinue));
    }
  }

  return {
    async takeOverEvents() {
      for (;;) {
        const events = await storage.events(await jobs.cursor(), EVENTS_AT_ONCE);
        if (events.length === 0) return;
        await jobs.recordEvents(events);
        for (const event of events) logEvent(logger, event);
        if (events.length < EVENTS_AT_ONCE) return;
      }
    },

    async workOff(mayContinue, atOnce) {
      // A worker that fails does not leave the others behind alone.
      const ends = await Promise.allSettled(Array.from({ length: atOnce }, () => worker(mayContinue)));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
      return jobs.secondsUntilDue();
    },
  };
}

async function runJob(
  dependencies: AnalysisDependencies,
  job: Job,
  mayContinue: () => boolean,
): Promise<void> {
  const { jobs, logger, now } = dependencies;
  const startedAt = now();
  const { versionId, attempts } = job;
  // Attempts that ended without an error took their worker with them; that must not go on for ever.
  if (attempts > MAX_ATTEMPTS) return giveUp(jobs, job, MAX_ATTEMPTS);
  try {
    const end = await analyse(dependencies, job, mayContinue);
    if (end === 'paused') await jobs.pause(job);
    logger.info('analysis left', { versionId, end, durationMs: now() - startedAt });
  } catch (error) {
    logger.warn('analysis interrupted', { versionId, attempts, error: describeError(error) });
    await putBack(jobs, job, error);
  }
}

/** One line for each thing that happened to somebody's files; readers of the outbox see each once, after its commit. */
function logEvent(logger: Logger, { type, fileId, versionId, traceparent }: StorageEvent): void {
  const traceId = parseTraceparent(traceparent)?.traceId;
  logger.info('event', { event: type, fileId, versionId, ...(traceId ? { traceId } : {}) });
}

async function putBack(jobs: JobRepository, job: Job, error: unknown): Promise<void> {
  if (isAway(error)) return jobs.postpone(job, reasonFor(error));
  if (job.attempts >= MAX_ATTEMPTS) return giveUp(jobs, job, job.attempts);
  await jobs.release(job, reasonFor(error), 2 ** job.attempts);
}

/**
 * What is away comes back some day; nothing is given up for it. The database is not away for whoever can write down
 * that it is: what it did not answer counts as an attempt.
 */
function isAway(error: unknown): boolean {
  if (error instanceof ModelUnavailableError) return true;
  return error instanceof DependencyError && error.dependency !== 'postgres';
}

function giveUp(jobs: JobRepository, job: Job, attempts: number): Promise<void> {
  const reason = job.isRedo
    ? `Doing it again was given up after ${attempts} attempts; this is what was found before.`
    : `The analysis was given up after ${attempts} attempts.`;
  return jobs.abandon(job, reason, { givenUp: true });
}

function reasonFor(error: unknown): string {
  if (error instanceof ModelUnavailableError) return 'Waiting for the embedding model.';
  if (error instanceof WorkLostError)
    return 'The reader was lost while it was at this file; it will be tried again.';
  if (!(error instanceof DependencyError)) return 'The last attempt failed; it will be tried again.';
  switch (error.dependency) {
    case 'sidecar':
      return 'Waiting for the part of the service that reads documents and runs models.';
    case 'storage':
      return 'Waiting for the part of the service that keeps files.';
    case 'postgres':
      return 'The database did not answer; it will be tried again.';
    default:
      return 'Waiting for a part of the service that is unavailable.';
  }
}
