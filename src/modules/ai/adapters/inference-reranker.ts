import { rankingResponseSchema } from '../../../contracts/sidecar.ts';
import { DependencyError } from '../../../core/resilience/dependency.ts';
import { ModelUnavailableError } from '../ports/inference.ts';
import type { Reranker } from '../ports/search.ts';
import type { Provider, Providers } from './providers.ts';

export interface RerankerOptions {
  /** They take `{query, texts}` as text-embeddings-inference's `/rerank` does. */
  readonly providers: Providers;
  readonly timeoutMs: number;
}

/** A ranking model is a luxury: where there is none, or it is slow, the order stays as it is. */
export function createInferenceReranker({ providers, timeoutMs }: RerankerOptions): Reranker {
  return {
    async rank(query, texts, model) {
      try {
        const { value, provider } = await providers.ask(
          'text-ranking',
          model,
          (asked, timeLeftMs) => rankBy(asked, model, { query, texts }, timeLeftMs),
          { withinMs: timeoutMs, attempts: 1, shareTime: true },
        );
        return { scores: value, provider };
      } catch {
        return undefined;
      }
    },
  };
}

async function rankBy(
  { guardOf, endpointOf, token, dependency }: Provider,
  model: string | undefined,
  body: { readonly query: string; readonly texts: readonly string[] },
  timeoutMs: number,
): Promise<number[]> {
  const accessToken = await token();
  const headers = {
    ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
    'content-type': 'application/json',
    'x-priority': 'interactive',
  };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await guardOf(model).fetch(endpointOf(model), init, { timeoutMs, wholeAnswer: true });
  if (response.status === 503 || response.status === 404)
    throw new ModelUnavailableError(`text ranking answered ${response.status}`);
  if (!response.ok) throw new DependencyError(dependency, `text ranking answered ${response.status}`);
  const scores = new Array<number>(body.texts.length).fill(Number.NEGATIVE_INFINITY);
  for (const { index, score } of rankingResponseSchema.parse(await response.json()))
    if (index < scores.length) scores[index] = score;
  return scores;
}
