import type { Job } from '../ports/jobs.ts';
import { type AnalysisDependencies, LEASE_SECONDS } from './analysis-dependencies.ts';

const CHUNKS_EMBEDDED_AT_ONCE = 64;

type Interruption = 'lost' | 'paused';

/**
 * Vectors of the model in use and of the one that is to come. Carries on where an earlier attempt stopped; undefined
 * when all are there.
 */
export async function embedChunks(
  dependencies: AnalysisDependencies,
  job: Job,
  mayContinue: () => boolean,
): Promise<Interruption | undefined> {
  const { jobs } = dependencies;
  let chosen = await jobs.embeddingModels(job);
  if (chosen.current === null) {
    await chooseModel(dependencies, job);
    chosen = await jobs.embeddingModels(job);
  }
  const { current, next } = chosen;
  let provider: string | undefined;
  for (const model of new Set([current, next])) {
    if (model === null) continue;
    const made = await embedWith(dependencies, job, model, mayContinue);
    if (made === 'lost' || made === 'paused') return made;
    if (model === current) provider = made.provider;
  }
  await jobs.completeVectors(job, current, provider);
  return undefined;
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
