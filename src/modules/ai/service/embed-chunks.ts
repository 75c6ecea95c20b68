import { describeError } from '../../../core/telemetry/logger.ts';
import type { EmbeddingModels, Job } from '../ports/jobs.ts';
import { type AnalysisDependencies, LEASE_SECONDS } from './analysis-dependencies.ts';

const CHUNKS_EMBEDDED_AT_ONCE = 64;

type Interruption = 'lost' | 'paused';

/**
 * Vectors of the model in use, and then of the one that is to come. Carries on where an earlier attempt stopped;
 * undefined when all are there. Where more is to be done than that, the next model is not waited for: whoever lacks its
 * vectors is asked for them again (service/models.ts).
 */
export async function embedChunks(
  dependencies: AnalysisDependencies,
  job: Job,
  mayContinue: () => boolean,
): Promise<Interruption | undefined> {
  const { jobs, logger } = dependencies;
  const { current, next } = await chosenModels(dependencies, job);
  const made = current === null ? undefined : await embedWith(dependencies, job, current, mayContinue);
  if (made === 'lost' || made === 'paused') return made;
  const complete = async () => {
    if (await jobs.completeVectors(job, current, made?.provider)) return;
    // It is tried again after a while, so that whatever keeps them incomplete does not keep a worker busy.
    throw new Error('vectors are missing: the model was changed meanwhile, or the text');
  };
  const isForTheNext = job.todo.length === 1;
  if (next === null || !isForTheNext) {
    await complete();
    if (next === null) return undefined;
  }
  try {
    const end = await embedWith(dependencies, job, next, mayContinue);
    if (end === 'lost' || end === 'paused') return end;
  } catch (error) {
    if (isForTheNext) throw error;
    logger.warn('no vectors of the next model yet', { model: next, error: describeError(error) });
  }
  await complete();
  return undefined;
}

async function chosenModels(dependencies: AnalysisDependencies, job: Job): Promise<EmbeddingModels> {
  const chosen = await dependencies.jobs.embeddingModels(job);
  if (chosen.current !== null) return chosen;
  await chooseModel(dependencies, job);
  return dependencies.jobs.embeddingModels(job);
}

/** Nobody has chosen one: whatever answers becomes the deployment's, unless another worker was faster. */
async function chooseModel({ jobs, embedder }: AnalysisDependencies, job: Job): Promise<void> {
  const [sample] = await jobs.unembedded(job, null, 1);
  if (sample === undefined) return;
  const { model } = await embedder.embed([sample.text], { priority: 'batch' });
  await jobs.chooseModel(model);
}

async function embedWith(
  { jobs, embedder }: AnalysisDependencies,
  job: Job,
  model: string,
  mayContinue: () => boolean,
): Promise<Interruption | { readonly provider: string | undefined }> {
  for (let provider: string | undefined; ; ) {
    const chunks = await jobs.unembedded(job, model, CHUNKS_EMBEDDED_AT_ONCE);
    if (chunks.length === 0) return { provider };
    const held = await jobs.renew(job, LEASE_SECONDS);
    if (held === 'lost') return 'lost';
    if (held === 'give_way' || !mayContinue()) return 'paused';
    const texts = chunks.map(({ text }) => text);
    const made = await embedder.embed(texts, { priority: 'batch', model });
    if (made.model !== model) throw new Error(`asked for vectors of ${model}, got those of ${made.model}`);
    if (provider === undefined) await jobs.addSpace(model, made.vectors[0]?.length ?? 0);
    provider = made.provider;
    await jobs.saveVectors(
      job,
      model,
      chunks.map(({ index }, at) => ({ index, values: made.vectors[at] ?? [] })),
    );
  }
}
