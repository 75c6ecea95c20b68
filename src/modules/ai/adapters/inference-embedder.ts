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
      const until = Date.now() + (interactive ? interactiveTimeoutMs : BATCH_TIMEOUT_MS);
      const { value, provider } = await providers.ask(
        'feature-extraction',
        options.model,
        (asked) => embedBy(asked, texts, options, until - Date.now()),
        { attempts: interactive ? 1 : 2 },
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
  if (timeoutMs <= 0) throw new DependencyError(provider.dependency, 'there was no time left to ask');
  let model: string | null = null;
  const send: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set('x-priority', priority);
    const response = await provider.guard.fetch(String(input), { ...init, headers }, { timeoutMs });
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
  const vectors = vectorsSchema.length(texts.length).parse(answer);
  return { model: model ?? provider.model ?? wanted ?? 'unknown', vectors };
}

/** What waiting mends is no fault of the texts; a model that is not there may be brought. */
async function refusal({ dependency }: Provider, response: Response): Promise<Error> {
  await response.body?.cancel();
  const message = `feature extraction answered ${response.status}`;
  if ([404, 409, 429, 503].includes(response.status)) return new ModelUnavailableError(message);
  if (response.status >= 500) return new DependencyError(dependency, message);
  return new Error(message);
}
