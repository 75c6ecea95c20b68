import { parentPort, workerData } from 'node:worker_threads';
import {
  AutoModelForSequenceClassification,
  AutoTokenizer,
  pipeline,
  Tensor,
} from '@huggingface/transformers';
import { z } from 'zod';
import { modelTaskSchema } from '../../contracts/sidecar.ts';
import { withOffsets } from './entity-offsets.ts';
import type { TaskAnswer, TaskCall } from './task-call.ts';

/** One model of a task as transformers.js runs it, on this thread. */

const settings = z
  .object({
    folder: z.string(),
    task: modelTaskSchema,
    dtype: z.enum(['fp32', 'fp16', 'q8', 'q4']),
    maxTokens: z.number(),
  })
  .parse(workerData);

const options = {
  local_files_only: true,
  dtype: settings.dtype,
  device: 'cpu',
  session_options: {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    enableCpuMemArena: false,
  },
} as const;

/** Pairs that are computed at once: their padding costs more than the calls it saves beyond this. */
const PAIRS_PER_BATCH = 8;

type Answer = (call: TaskCall) => Promise<TaskAnswer>;

async function load(): Promise<Answer> {
  switch (settings.task) {
    case 'text-ranking':
      return loadRanking();
    case 'zero-shot-classification':
      return loadZeroShot();
    case 'summarization':
      return loadSummarization();
    case 'token-classification':
      return loadTokenClassification();
    case 'text-classification':
      return loadTextClassification();
    case 'feature-extraction':
      throw new Error('embedding has threads of its own');
  }
}

async function loadRanking(): Promise<Answer> {
  const tokenizer = await AutoTokenizer.from_pretrained(settings.folder, options);
  const model = await AutoModelForSequenceClassification.from_pretrained(settings.folder, options);
  return async (call) => {
    if (call.task !== 'text-ranking') throw wrongTask(call);
    const { query, texts, raw_scores } = call.input;
    // Of similar length together, so that little is computed on padding.
    const order = texts.map((_, index) => index).sort((a, b) => lengthAt(texts, a) - lengthAt(texts, b));
    const ranking: { index: number; score: number }[] = [];
    let tokens = 0;
    for (let at = 0; at < order.length; at += PAIRS_PER_BATCH) {
      const indexes = order.slice(at, at + PAIRS_PER_BATCH);
      const pairs = tokenizer(
        indexes.map(() => query),
        {
          text_pair: indexes.map((index) => texts[index] ?? ''),
          padding: true,
          truncation: true,
          max_length: settings.maxTokens,
        },
      );
      tokens += sum(pairs.attention_mask);
      const { logits } = await model(pairs);
      const scores = relevance(logits, indexes.length);
      for (const [n, index] of indexes.entries()) {
        const logit = scores[n] ?? 0;
        ranking.push({ index, score: raw_scores ? logit : 1 / (1 + Math.exp(-logit)) });
      }
    }
    return { output: ranking.sort((a, b) => b.score - a.score || a.index - b.index), tokens };
  };
}

async function loadZeroShot(): Promise<Answer> {
  const classify = await pipeline('zero-shot-classification', settings.folder, options);
  limitTokens(classify.tokenizer);
  return async (call) => {
    if (call.task !== 'zero-shot-classification') throw wrongTask(call);
    const { inputs, parameters } = call.input;
    const { candidate_labels, ...rest } = parameters;
    const { labels, scores } = await classify(inputs, candidate_labels, rest);
    const length = Math.min(classify.tokenizer.encode(inputs).length, settings.maxTokens);
    const output = labels.map((label, n) => ({ label, score: scores[n] ?? 0 }));
    return { output, tokens: length * labels.length };
  };
}

async function loadSummarization(): Promise<Answer> {
  const summarise = await pipeline('summarization', settings.folder, options);
  limitTokens(summarise.tokenizer);
  return async (call) => {
    if (call.task !== 'summarization') throw wrongTask(call);
    const { max_new_tokens, min_new_tokens } = call.input.parameters;
    const output = await summarise([call.input.inputs], {
      ...(max_new_tokens === undefined ? {} : { max_new_tokens }),
      ...(min_new_tokens === undefined ? {} : { min_new_tokens }),
    });
    const tokens = Math.min(summarise.tokenizer.encode(call.input.inputs).length, settings.maxTokens);
    return { output, tokens };
  };
}

async function loadTokenClassification(): Promise<Answer> {
  const classify = await pipeline('token-classification', settings.folder, options);
  limitTokens(classify.tokenizer);
  return async (call) => {
    if (call.task !== 'token-classification') throw wrongTask(call);
    const { inputs } = call.input;
    const entities = await classify(inputs, { aggregation_strategy: 'simple' });
    const tokens = Math.min(classify.tokenizer.encode(inputs).length, settings.maxTokens);
    return { output: withOffsets(inputs, z.array(groupSchema).parse(entities)), tokens };
  };
}

const groupSchema = z.object({ entity_group: z.string(), score: z.number(), word: z.string() });

async function loadTextClassification(): Promise<Answer> {
  const classify = await pipeline('text-classification', settings.folder, options);
  limitTokens(classify.tokenizer);
  return async (call) => {
    if (call.task !== 'text-classification') throw wrongTask(call);
    const { inputs, parameters } = call.input;
    const output = await classify([inputs], { top_k: parameters.top_k ?? LABELS_ANSWERED });
    const tokens = Math.min(classify.tokenizer.encode(inputs).length, settings.maxTokens);
    // The format is a list of labels for each text, and here is one text.
    return { output: Array.isArray(output[0]) ? output : [output], tokens };
  };
}

/** Pipelines cut where the tokenizer says, and not every model's files say it. */
function limitTokens(tokenizer: object): void {
  Object.defineProperty(tokenizer, 'model_max_length', { value: settings.maxTokens });
}

/** As Hugging Face's servers do when nobody says. */
const LABELS_ANSWERED = 5;

const lengthAt = (texts: readonly string[], index: number) => texts[index]?.length ?? 0;

function sum(mask: unknown): number {
  if (!(mask instanceof Tensor)) return 0;
  return Array.from(mask.data, Number).reduce((total, value) => total + value, 0);
}

/** The one logit of each row; of several the last, as in models that tell irrelevant from relevant. */
function relevance(logits: unknown, rows: number): number[] {
  if (!(logits instanceof Tensor)) throw new Error('the model did not answer with logits');
  const data = Array.from(logits.data, Number);
  const columns = data.length / rows;
  return Array.from({ length: rows }, (_, row) => data[(row + 1) * columns - 1] ?? 0);
}

const wrongTask = ({ task }: TaskCall) => new Error(`this thread does not do ${task}`);

const answer = await load();
parentPort?.on('message', async (call: TaskCall) => {
  try {
    parentPort?.postMessage(await answer(call));
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
});
parentPort?.postMessage({ loaded: true });
