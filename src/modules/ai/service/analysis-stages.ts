import type { AnalysisRequest, TextChunk } from '../../../contracts/sidecar.ts';
import type { VersionSource } from '../../../contracts/storage.ts';
import type { Job, StepInput } from '../ports/jobs.ts';
import { NOT_HANDED_OUT } from '../ports/jobs.ts';
import type { DriveSteps } from '../ports/steps.ts';
import { type AnalysisDependencies, LEASE_SECONDS } from './analysis-dependencies.ts';
import { embedChunks } from './embed-chunks.ts';

/** Chunks that are saved in one statement; a text of no more is replaced in one transaction. */
const CHUNKS_SAVED_AT_ONCE = 256;
/** Of a long document the steps get the first part. */
export const STEP_LIMITS = { chunks: 2_000, chunkBytes: 6_000_000, requestBytes: 7_500_000 } as const;

/** `lost`: the lease is. `paused`: there is more to do. */
export type End = 'ready' | 'refused' | 'abandoned' | 'lost' | 'paused';

/**
 * Text first, so that keyword search finds the document even while no model can be had; then vectors; then steps,
 * which build on them. Each stage that is through is remembered.
 */
export async function analyse(
  dependencies: AnalysisDependencies,
  job: Job,
  mayContinue: () => boolean,
): Promise<End> {
  const { jobs, storage } = dependencies;
  let source: VersionSource | undefined;
  for (const stage of job.todo) {
    const held = await jobs.renew(job, LEASE_SECONDS);
    if (held === 'lost') return 'lost';
    if (held === 'give_way' || !mayContinue()) return 'paused';
    if (stage === 'vectors') {
      const interruption = await embedChunks(dependencies, job, mayContinue);
      if (interruption !== undefined) return interruption;
      continue;
    }
    // Vectors are made of what was read; what is in the trash meanwhile gets them too.
    source ??= await storage.versionSource(job.versionId);
    if (source === undefined) return endWithoutContent(dependencies, job);
    if (stage === 'steps') return runSteps(dependencies, job, source);
    const end = await readText(dependencies, job, source);
    if (end !== undefined) return end;
  }
  await jobs.finish(job);
  return 'ready';
}

/** What is only in the trash keeps what was found of it; content that was refused does not. */
async function endWithoutContent({ jobs }: AnalysisDependencies, job: Job): Promise<End> {
  const why = await jobs.whyNotHandedOut(job);
  const reason = NOT_HANDED_OUT[why];
  if (why === 'trashed' || why === 'deleted') {
    await jobs.abandon(job, reason, { givenUp: false });
    return 'abandoned';
  }
  await jobs.refuse(job, { status: 'skipped', reason });
  return 'refused';
}

/** Undefined when there is text to go on with. */
async function readText(
  { jobs, reader }: AnalysisDependencies,
  job: Job,
  { url, size, name, contentType, decryption }: VersionSource,
): Promise<End | undefined> {
  const document = await reader.read({ url, size, name, contentType, ...(decryption ? { decryption } : {}) });
  if (document.status !== 'read') {
    await jobs.refuse(job, document);
    return 'refused';
  }
  const { chunks, ...properties } = document;
  let saved = 0;
  for (; chunks.length - saved > CHUNKS_SAVED_AT_ONCE; saved += CHUNKS_SAVED_AT_ONCE) {
    if ((await jobs.renew(job, LEASE_SECONDS)) === 'lost') return 'lost';
    await jobs.saveChunks(job, chunks.slice(saved, saved + CHUNKS_SAVED_AT_ONCE));
  }
  await jobs.completeText(job, properties, { chunks: chunks.slice(saved), count: chunks.length });
  return undefined;
}

async function runSteps(
  { jobs, steps, settings }: AnalysisDependencies,
  job: Job,
  { name, driveId }: VersionSource,
): Promise<End> {
  const input = await jobs.stepInput(job, STEP_LIMITS.chunks);
  if (input === undefined) return 'lost';
  const drive = await settings.settingsOf(driveId, input.vector?.model ?? null);
  const results = drive.steps.length === 0 ? [] : (await steps.run(toRequest(name, input, drive))).results;
  await jobs.finish(job, results);
  return 'ready';
}

function toRequest(name: string, input: StepInput, drive: DriveSteps): AnalysisRequest {
  const { contentType, language, metadata, vector } = input;
  const rest = {
    name,
    contentType,
    language,
    metadata,
    ...(vector === undefined ? {} : { vector }),
    labels: [...drive.labels],
    fields: [...drive.fields],
    steps: [...drive.steps],
  };
  const room = Math.min(STEP_LIMITS.chunkBytes, STEP_LIMITS.requestBytes - bytesOf(rest));
  const chunks = firstOf(input.chunks, room);
  return { ...rest, chunks, complete: chunks.length === input.chunkCount && input.truncated === undefined };
}

function firstOf(chunks: readonly TextChunk[], bytes: number): TextChunk[] {
  let left = bytes;
  const tooMany = chunks.findIndex((chunk) => {
    left -= bytesOf(chunk) + 1;
    return left < 0;
  });
  return chunks.slice(0, tooMany === -1 ? chunks.length : tooMany);
}

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;
