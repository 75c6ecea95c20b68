import { z } from 'zod';
import { requestLimits } from '../limits.ts';
import { type Priority, QueueFullError } from '../models/batcher.ts';
import type { Embedder, EmbedderHandle } from '../models/embedder.ts';
import { TextTooLongError } from '../models/tokenizer.ts';
import { sidecarError } from '../problems.ts';

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

const priorityHeader = z.enum(['interactive', 'batch']).optional();

/** A single text this short is somebody's query. */
const QUERY_CHARACTERS = 512;

/** `feature-extraction` in the Hugging Face inference format: a vector for a text, a list of vectors for a list. */
export async function extractFeatures(
  request: Request,
  json: unknown,
  handle: EmbedderHandle,
): Promise<Response> {
  const { texts, single, options } = parse(json);
  const embedder = handle.current();
  if (embedder === undefined) throw modelUnavailable(handle);
  if (options.dimensions != null && options.dimensions !== embedder.model.dimensions) {
    throw sidecarError('invalid_request', {
      detail: `The model has ${embedder.model.dimensions} dimensions.`,
    });
  }
  const vectors = await embed(embedder, texts, {
    truncate: options.truncate,
    direction: options.truncation_direction.toLowerCase() === 'left' ? 'left' : 'right',
    normalize: options.normalize,
    purpose: options.prompt_name === 'query' ? 'query' : 'document',
    priority: priorityOf(request, texts),
    signal: request.signal,
  });
  const rows = vectors.map(toJson);
  return new Response(single ? rows[0] : `[${rows.join(',')}]`, {
    headers: { 'content-type': 'application/json', 'x-model': embedder.model.id },
  });
}

function parse(json: unknown) {
  const body = bodySchema.safeParse(json);
  if (!body.success) throw invalid(body.error);
  const { inputs } = body.data;
  const options = parameters.safeParse({ ...Object(json), ...body.data.parameters });
  if (!options.success) throw invalid(options.error);
  const single = typeof inputs === 'string';
  return { texts: single ? [inputs] : inputs, single, options: options.data };
}

function priorityOf(request: Request, texts: readonly string[]): Priority {
  const wanted = priorityHeader.safeParse(request.headers.get('x-priority') ?? undefined);
  if (wanted.success && wanted.data !== undefined) return wanted.data;
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

function invalid(error: z.ZodError) {
  const detail = error.issues
    .map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`)
    .join('; ');
  return sidecarError('invalid_request', { detail });
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
