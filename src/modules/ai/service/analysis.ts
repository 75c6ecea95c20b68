import type { StorageClient } from '../../../contracts/storage.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { describeError, type Logger } from '../../../core/telemetry/logger.ts';
import { type DocumentReader, type Embedder, ModelUnavailableError } from '../ports/inference.ts';
import type { Job, JobRepository, Outcome } from '../ports/jobs.ts';

export interface AnalysisDependencies {
  readonly jobs: JobRepository;
  readonly storage: StorageClient;
  readonly reader: DocumentReader;
  readonly embedder: Embedder;
  readonly newToken: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly logger: Logger;
}

const EVENTS_AT_ONCE = 200;
/** Longer than any one step: reading a document may take 180 s, embedding a slice 120 s. */
const LEASE_SECONDS = 240;
/** Chunks that are saved, and chunks that are embedded, in one step. */
const CHUNKS_SAVED_AT_ONCE = 256;
const CHUNKS_EMBEDDED_AT_ONCE = 64;
/** That failed for reasons of our own, or took their worker with them. */
const MAX_ATTEMPTS = 5;

export interface AnalysisService {
  /** Takes over what storage has recorded since the last call. */
  takeOverEvents(): Promise<void>;
  /** Works until no job is due or `mayContinue` says stop; answers when the next one is due, in seconds. */
  workOff(mayContinue: () => boolean, atOnce: number): Promise<number | undefined>;
}

export function createAnalysisService(dependencies: AnalysisDependencies): AnalysisService {
  const { jobs, storage, newToken } = dependencies;

  async function worker(mayContinue: () => boolean): Promise<void> {
    while (mayContinue()) {
      const job = await jobs.claim(newToken(), LEASE_SECONDS);
      if (job === undefined) return;
      await runJob(dependencies, job);
    }
  }

  return {
    async takeOverEvents() {
      for (;;) {
        const events = await storage.events(await jobs.cursor(), EVENTS_AT_ONCE);
        if (events.length === 0) return;
        await jobs.recordEvents(events);
        if (events.length < EVENTS_AT_ONCE) return;
      }
    },

    async workOff(mayContinue, atOnce) {
      await Promise.all(Array.from({ length: atOnce }, () => worker(mayContinue)));
      return jobs.secondsUntilDue();
    },
  };
}

async function runJob(dependencies: AnalysisDependencies, job: Job): Promise<void> {
  const { jobs, logger, now } = dependencies;
  const startedAt = now();
  // Attempts that ended without an error took their worker with them; that must not go on for ever.
  if (job.attempts > MAX_ATTEMPTS) return giveUp(jobs, job, MAX_ATTEMPTS);
  try {
    const outcome = await analyse(dependencies, job);
    if (outcome === 'lease_lost') return;
    await jobs.finish(job, outcome);
    logger.info('analysis finished', {
      versionId: job.versionId,
      status: outcome.status,
      durationMs: now() - startedAt,
    });
  } catch (error) {
    logger.warn('analysis interrupted', {
      versionId: job.versionId,
      attempts: job.attempts,
      error: describeError(error),
    });
    await putBack(jobs, job, error);
  }
}

/** Text first, so that keyword search finds the document even while no model can be had. */
async function analyse(dependencies: AnalysisDependencies, job: Job): Promise<Outcome | 'lease_lost'> {
  const ended = job.hasText ? undefined : await saveText(dependencies, job);
  return ended ?? saveVectors(dependencies, job);
}

/** Answers what ends the analysis here; undefined when there is text to go on with. */
async function saveText(
  { jobs, storage, reader }: AnalysisDependencies,
  job: Job,
): Promise<Outcome | 'lease_lost' | undefined> {
  const source = await storage.versionSource(job.versionId);
  if (source === undefined) return { status: 'skipped', reason: 'The file was deleted before it was read.' };
  const { url, size, name, contentType, decryption } = source;
  const document = await reader.read({
    url,
    size,
    name,
    contentType,
    ...(decryption ? { decryption } : {}),
  });
  if (document.status !== 'read') return document;
  await jobs.clearText(job);
  const { chunks, ...properties } = document;
  for (let first = 0; first < chunks.length; first += CHUNKS_SAVED_AT_ONCE) {
    if (!(await jobs.renew(job, LEASE_SECONDS))) return 'lease_lost';
    await jobs.saveChunks(job, chunks.slice(first, first + CHUNKS_SAVED_AT_ONCE));
  }
  await jobs.completeText(job, properties);
  return undefined;
}

/** Carries on where an earlier attempt stopped. */
async function saveVectors(
  { jobs, embedder }: AnalysisDependencies,
  job: Job,
): Promise<Outcome | 'lease_lost'> {
  while (await jobs.renew(job, LEASE_SECONDS)) {
    const chunks = await jobs.unembedded(job, CHUNKS_EMBEDDED_AT_ONCE);
    if (chunks.length === 0) return { status: 'ready' };
    const texts = chunks.map(({ text }) => text);
    const { model, vectors } = await embedder.embed(texts, 'batch');
    await jobs.saveVectors(
      job,
      model,
      chunks.map(({ index }, at) => ({ index, values: vectors[at] ?? [] })),
    );
  }
  return 'lease_lost';
}

async function putBack(jobs: JobRepository, job: Job, error: unknown): Promise<void> {
  const reason = reasonFor(error);
  // What is away comes back some day; nothing is given up for it.
  if (error instanceof DependencyError || error instanceof ModelUnavailableError)
    return jobs.postpone(job, reason);
  if (job.attempts >= MAX_ATTEMPTS) return giveUp(jobs, job, job.attempts);
  await jobs.release(job, reason, 2 ** job.attempts);
}

function giveUp(jobs: JobRepository, job: Job, attempts: number): Promise<void> {
  return jobs.finish(job, {
    status: 'failed',
    reason: `The analysis was given up after ${attempts} attempts.`,
  });
}

function reasonFor(error: unknown): string {
  if (error instanceof ModelUnavailableError) return 'Waiting for the embedding model.';
  if (error instanceof DependencyError) return 'Waiting for a part of the service that is unavailable.';
  return 'The last attempt failed; it will be tried again.';
}
