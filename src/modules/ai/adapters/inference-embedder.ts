import { featureExtraction } from '@huggingface/inference';
import { z } from 'zod';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { type Embedder, type EmbedOptions, ModelUnavailableError } from '../ports/inference.ts';
import type { Provider, Providers } from './providers.ts';

export interface InferenceOptions {
  readonly providers: Providers;
  readonly interactiveTimeoutMs: number;
}

const BATCH_TIMEOUT_MS = 120_000;
const vectorsSchema = z.array(z.array(z.number()).min(1));

/**
 * Vectors by the first provider that answers. A query waits for nobody twice: its time-out is for all of them together,
 * and search goes by keyword without it.
 */
export function createInferenceEmbedder({ providers, interactiveTimeoutMs }: InferenceOptions): Embedder {
  return {
    async embed(texts, options) {
      const interactive = options.priority === 'interactive';
      const { value, provider } = await providers.ask(
        'feature-extraction',
        options.model,
        (asked, timeoutMs) => embedBy(asked, texts, options, timeoutMs),
        interactive
          ? { withinMs: interactiveTimeoutMs, attempts: 1, shareTime: true }
          : { withinMs: BATCH_TIMEOUT_MS },
      );
      return { ...value, provider };
    },
  };
}

/** The one inference client. It must not retry by itself: by default it repeats a 503 without end. */
async function embedBy(
  provider: Provider,
  texts: readonly string[],
  { priority, model: wanted, role = priority === 'interactive' ? 'query' : 'document' }: EmbedOptions,
  timeoutMs: number,
): Promise<{ model: string; vectors: number[][] }> {
  let model: string | null = null;
  const send: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('x-priority', priority);
    const guarded = { timeoutMs, wholeAnswer: true };
    const response = await provider.guardOf(wanted).fetch(String(input), { ...init, headers }, guarded);
    if (!response.ok) throw await refusal(provider, response);
    model = response.headers.get('x-model');
    return response;
  };
  const accessToken = await provider.token();
  const answer = await featureExtraction(
    {
      endpointUrl: provider.endpointOf(wanted),
      ...(accessToken === undefined ? {} : { accessToken }),
      inputs: [...texts],
      // Some models want queries to carry an instruction; the model's server knows which.
      prompt_name: role,
    },
    { retry_on_error: false, fetch: send },
  );
  const made = model ?? provider.model ?? wanted ?? 'unknown';
  if (wanted !== undefined && made !== wanted)
    throw new ModelUnavailableError(`asked for vectors of ${wanted}, got those of another model`);
  return { model: made, vectors: toVectors(provider, answer, texts.length) };
}

/** One of length 1 for each text, as long as the others. @throws DependencyError for what is none of that */
function toVectors({ dependency }: Provider, answer: unknown, count: number): number[][] {
  const { success, data = [] } = vectorsSchema.length(count).safeParse(answer);
  const lengths = data.map((values) => Math.hypot(...values));
  const isWhole = data.every((values) => values.length === data[0]?.length);
  if (!success || !isWhole || lengths.some((length) => !Number.isFinite(length)))
    throw new DependencyError(dependency, 'feature extraction answered no vectors of the texts');
  return data.map((values, at) => {
    const length = lengths[at] ?? 1;
    return length === 0 || Math.abs(length - 1) < 1e-4 ? values : values.map((value) => value / length);
  });
}

/** What waiting mends is no fault of the texts; a model that is not there may be brought. */
async function refusal({ dependency }: Provider, response: Response): Promise<Error> {
  await response.body?.cancel();
  const message = `feature extraction answered ${response.status}`;
  if ([404, 409, 429, 503].includes(response.status)) return new ModelUnavailableError(message);
  if (response.status >= 500) return new DependencyError(dependency, message);
  return new Error(message);
}
