import { featureExtraction } from '@huggingface/inference';
import { z } from 'zod';
import type { Dependency } from '../../../core/resilience/dependency.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { type Embedder, ModelUnavailableError } from '../ports/inference.ts';

export interface InferenceOptions {
  /** Takes Hugging Face's feature-extraction format: the sidecar, an Inference Endpoint, a hosted provider. */
  readonly endpointUrl: string;
  readonly accessToken: () => Promise<string>;
  readonly guard: Dependency;
  readonly interactiveTimeoutMs: number;
}

const BATCH_TIMEOUT_MS = 120_000;
const vectorsSchema = z.array(z.array(z.number()).min(1));

/** The one inference client. It must not retry by itself: by default it repeats a 503 without end. */
export function createInferenceEmbedder(options: InferenceOptions): Embedder {
  return {
    async embed(texts, priority) {
      let model: string | null = null;
      // Some models want queries to carry an instruction; the model's server knows which.
      const role = priority === 'interactive' ? 'query' : 'document';
      const timeoutMs = priority === 'interactive' ? options.interactiveTimeoutMs : BATCH_TIMEOUT_MS;
      const send: typeof fetch = async (input, init) => {
        const headers = new Headers(init?.headers);
        headers.set('x-priority', priority);
        const response = await options.guard.fetch(String(input), { ...init, headers }, { timeoutMs });
        if (response.status === 503 || response.status === 429) throw await unavailable(response);
        if (!response.ok)
          throw new DependencyError('sidecar', `feature extraction answered ${response.status}`);
        model = response.headers.get('x-model');
        return response;
      };
      const answer = await featureExtraction(
        {
          endpointUrl: options.endpointUrl,
          accessToken: await options.accessToken(),
          inputs: [...texts],
          prompt_name: role,
        },
        { retry_on_error: false, fetch: send },
      );
      const vectors = vectorsSchema.length(texts.length).parse(answer);
      return { model: model ?? 'unknown', vectors };
    },
  };
}

async function unavailable(response: Response): Promise<ModelUnavailableError> {
  await response.body?.cancel();
  return new ModelUnavailableError(`feature extraction answered ${response.status}`);
}
