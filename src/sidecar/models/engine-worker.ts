import { parentPort, workerData } from 'node:worker_threads';
import { AutoModel, Tensor } from '@huggingface/transformers';
import { z } from 'zod';
import type { TokenBatch } from './engine.ts';
import { pool } from './pooling.ts';

/** One inference lane. onnxruntime-node computes on the thread that calls it, so it gets a thread of its own. */

const settings = z
  .object({
    folder: z.string(),
    dtype: z.enum(['fp32', 'fp16', 'q8', 'q4']),
    dimensions: z.number(),
    pooling: z.enum(['cls', 'mean']),
    threads: z.number(),
  })
  .parse(workerData);

const model = await AutoModel.from_pretrained(settings.folder, {
  local_files_only: true,
  dtype: settings.dtype,
  device: 'cpu',
  session_options: {
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    // The arena keeps the largest batch's memory for good and gains nothing at this size.
    enableCpuMemArena: false,
  },
});

async function embed(batch: TokenBatch): Promise<Float32Array<ArrayBuffer>> {
  const shape = [batch.lengths.length, batch.columns];
  const size = batch.lengths.length * batch.columns;
  const ids = new BigInt64Array(size);
  const mask = new BigInt64Array(size);
  // Ids are small and non-negative: the low word of a little-endian int64 is the int32 itself.
  const idWords = new Int32Array(ids.buffer);
  for (let i = 0; i < size; i++) idWords[2 * i] = batch.ids[i] ?? 0;
  batch.lengths.forEach((length, row) => {
    mask.fill(1n, row * batch.columns, row * batch.columns + length);
  });
  const output: unknown = await model({
    input_ids: new Tensor('int64', ids, shape),
    attention_mask: new Tensor('int64', mask, shape),
    token_type_ids: new Tensor('int64', new BigInt64Array(size), shape),
  });
  const pooled = pool(
    hiddenStates(output),
    batch.lengths,
    batch.columns,
    settings.dimensions,
    settings.pooling,
  );
  return new Float32Array(pooled);
}

function hiddenStates(output: unknown): Float32Array {
  if (typeof output === 'object' && output !== null && 'last_hidden_state' in output) {
    const tensor = output.last_hidden_state;
    if (tensor instanceof Tensor && tensor.data instanceof Float32Array) return tensor.data;
  }
  throw new Error('the model did not answer with hidden states');
}

parentPort?.on('message', async (batch: TokenBatch) => {
  try {
    const vectors = await embed(batch);
    parentPort?.postMessage({ vectors }, [vectors.buffer]);
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
parentPort?.postMessage({ loaded: true });
