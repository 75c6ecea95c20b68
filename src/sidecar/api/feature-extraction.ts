import { z } from 'zod';
import { requestLimits } from '../limits.ts';
import { QueueFullError } from '../models/batcher.ts';
import type { Priority } from '../models/cores.ts';
import type { Embedder, EmbedderHandle } from '../models/embedder.ts';
import type { ModelManager } from '../models/manager.ts';
import { TextTooLongError } from '../models/tokenizer.ts';
import { sidecarError } from '../problems.ts';
import { parseBody } from './body.ts';
import { statedPriority } from './priority.ts';

const text = z.string().max(requestLimits.charactersPerText);

const parameters = z.object({
  normalize: z.boolean().default(true),
  truncate: z.boolean().default(true),
  truncation_direction: z.enum(['left', 'right', 'Left', 'Right']).default('right'),
  /** As in sentence-transformers: `query` puts the model's search instruction before the text. */
  prompt_name: z.enum(['query', 'document', 'passage']).nullish(),
  dimensions: z.int().positive().nullish(),
});

/** Text Embeddings Inference takes the options at the top, `@huggingface/inference` may put them in `parameters`. */
const bodySchema = z.object({
  inputs: z.union([text, z.array(text).min(1).max(requestLimits.textsPerCall)]),
  parameters: z.record(z.string(), z.unknown()).default({}),
});

/** A single text this short is somebody's query. */
const QUERY_CHARACTERS = 512;

export interface EmbeddingModels {
  /** The default. */
  embedding: EmbedderHandle;
  models: ModelManager;
}

/**
 * `feature-extraction` in the Hugging Face inference format: a vector for a text, a list of vectors for a list. Without
 * `id` by the default model.
 */
export async function extractFeatures(
  request: Request,
  json: unknown,
  { embedding, models }: EmbeddingModels,
  id?: string,
): Promise<Response> {
  const call = parse(json);
  const work = (embedder: Embedder) => answer(request, call, embedder);
  const current = id === undefined ? embedding.current() : undefined;
  if (current !== undefined) return work(current);
  const wanted = id ?? models.defaultOf('feature-extraction');
  if (wanted === undefined) throw modelUnavailable(embedding);
  return models.withEmbedder(wanted, request.signal, work);
}

async function answer(
  request: Request,
  { texts, single, options }: ReturnType<typeof parse>,
  embedder: Embedder,
): Promise<Response> {
  if (options.dimensions != null && options.dimensions !== embedder.model.dimensions) {
    throw sidecarError('invalid_request', {
      detail: `The model has ${embedder.model.dimensions} dimensions.`,
    });
  }
  let known = 0;
  const vectors = await embed(embedder, texts, {
    truncate: options.truncate,
    direction: options.truncation_direction.toLowerCase() === 'left' ? 'left' : 'right',
    normalize: options.normalize,
    purpose: options.prompt_name === 'query' ? 'query' : 'document',
    priority: priorityOf(request, texts),
    signal: request.signal,
    onHits: (hits) => {
      known = hits;
    },
  });
  const rows = vectors.map(toJson);
  return new Response(single ? rows[0] : `[${rows.join(',')}]`, {
    headers: {
      'content-type': 'application/json',
      'x-model': embedder.model.id,
      // Of these texts nothing had to be computed.
      'x-cache-hits': String(known),
    },
  });
}

function parse(json: unknown) {
  const { inputs, parameters: nested } = parseBody(bodySchema, json);
  const options = parseBody(parameters, { ...Object(json), ...nested });
  const single = typeof inputs === 'string';
  return { texts: single ? [inputs] : inputs, single, options };
}

function priorityOf(request: Request, texts: readonly string[]): Priority {
  const wanted = statedPriority(request);
  if (wanted !== undefined) return wanted;
  return texts.length === 1 && (texts[0]?.length ?? 0) <= QUERY_CHARACTERS ? 'interactive' : 'batch';
}

async function embed(
  embedder: Embedder,
  texts: readonly string[],
  options: Parameters<Embedder['embed']>[1],
) {
  try {
    return await embedder.embed(texts, options);
  } catch (error) {
    if (error instanceof QueueFullError) {
      throw sidecarError('overloaded', { detail: 'The inference queue is full.', retryAfterSeconds: 2 });
    }
    if (error instanceof TextTooLongError) throw sidecarError('invalid_request', { detail: error.message });
    throw error;
  }
}

function modelUnavailable(handle: EmbedderHandle) {
  const { id, state } = handle.state();
  const detail =
    state === 'loading' ? `The model ${id} is loading.` : `The model ${id} is missing; see /readyz.`;
  return sidecarError('model_unavailable', { detail, retryAfterSeconds: state === 'loading' ? 2 : 10 });
}

/** Eight decimals hold all that a 32-bit float of a unit vector says, in half the characters of a double. */
function toJson(vector: Float32Array): string {
  let json = '[';
  for (let d = 0; d < vector.length; d++) {
    const rounded = Math.round((vector[d] ?? 0) * 1e8) / 1e8;
    json += d === 0 ? rounded : `,${rounded}`;
  }
  return `${json}]`;
}
