import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelTask } from '../../contracts/sidecar.ts';
import type { EmbeddingModel, TaskModel } from '../models/registry.ts';
import { encodeOnnx, type OnnxGraph, type OnnxNode, type OnnxTensor, type OnnxValue } from './onnx.ts';

/**
 * Models for tests, small and without any training: every piece of a word (two letters) has a random vector, always the
 * same one. Texts that share words are near each other therefore, which is enough to search, rank and classify by.
 */

const PIECE_CHARACTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const MAX_TOKENS = 128;

const singles = [...PIECE_CHARACTERS];
const pieces = [...singles, ...singles.flatMap((first) => singles.map((second) => first + second))];
const VOCABULARY = [...SPECIAL, ...pieces, ...pieces.map((piece) => `##${piece}`), ...'.,;:!?-\'"()'];

const LABELS: Partial<Record<ModelTask, string[]>> = {
  'text-ranking': ['relevance'],
  'zero-shot-classification': ['contradiction', 'neutral', 'entailment'],
  'text-classification': ['NEGATIVE', 'POSITIVE'],
  'token-classification': ['O', 'B-PER', 'I-PER'],
};

/**
 * Writes an embedding model in transformers.js layout.
 * @returns its entry for a registry, whose id is the last part of the folder's path
 */
export async function createTinyModel(
  folder: string,
  { dimensions }: { dimensions: number },
): Promise<EmbeddingModel> {
  await write(
    folder,
    'feature-extraction',
    { 'onnx/model.onnx': encodeOnnx(embeddingGraph(dimensions)) },
    dimensions,
  );
  return { ...entryOf(folder), task: 'feature-extraction', dimensions, pooling: 'mean', queryPrefix: '' };
}

/** Writes a model of another task: cross-encoders judge by shared words, the others by nothing that means anything. */
export async function createTinyTaskModel(folder: string, task: TaskModel['task']): Promise<TaskModel> {
  await write(folder, task, filesOf(task), DIMENSIONS);
  return { ...entryOf(folder), task };
}

const DIMENSIONS = 32;

const entryOf = (folder: string) => ({
  id: folder.slice(folder.lastIndexOf('/') + 1),
  repo: `tiny/${folder.slice(folder.lastIndexOf('/') + 1)}`,
  revision: 'test',
  dtype: 'fp32' as const,
  maxTokens: MAX_TOKENS,
  licence: 'none',
});

function filesOf(task: TaskModel['task']): Record<string, Buffer> {
  if (task !== 'summarization') return { 'onnx/model.onnx': encodeOnnx(headGraph(task)) };
  return {
    'onnx/encoder_model.onnx': encodeOnnx(embeddingGraph(DIMENSIONS)),
    'onnx/decoder_model_merged.onnx': encodeOnnx(decoderGraph()),
  };
}

async function write(
  folder: string,
  task: ModelTask,
  graphs: Record<string, Buffer>,
  dimensions: number,
): Promise<void> {
  const json = {
    'config.json': configOf(task, dimensions),
    'tokenizer.json': TOKENIZER,
    'tokenizer_config.json': TOKENIZER_CONFIG,
  };
  const files = {
    ...graphs,
    ...Object.fromEntries(Object.entries(json).map(([name, value]) => [name, JSON.stringify(value)])),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

function configOf(task: ModelTask, dimensions: number): object {
  const labels = LABELS[task] ?? [];
  const shared = {
    vocab_size: VOCABULARY.length,
    hidden_size: dimensions,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    max_position_embeddings: MAX_TOKENS,
    pad_token_id: 0,
    id2label: Object.fromEntries(labels.map((label, index) => [index, label])),
    label2id: Object.fromEntries(labels.map((label, index) => [label, index])),
  };
  if (task !== 'summarization') return { ...shared, model_type: 'bert', architectures: ['BertModel'] };
  return {
    ...shared,
    model_type: 'bart',
    architectures: ['BartForConditionalGeneration'],
    is_encoder_decoder: true,
    d_model: dimensions,
    encoder_layers: 1,
    decoder_layers: 1,
    encoder_attention_heads: 1,
    decoder_attention_heads: 1,
    bos_token_id: 2,
    eos_token_id: 3,
    decoder_start_token_id: 2,
  };
}

const INPUTS: OnnxValue[] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
  name,
  type: 'int64',
  shape: ['rows', 'columns'],
}));

/** Pseudo-random weights between -1 and 1, the same for the same seed (mulberry32). */
function weights(name: string, dims: number[], seed: number): OnnxTensor {
  let state = seed;
  const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2_147_483_648 - 1;
  });
  return { name, dims, data };
}

function pieceVectors(dimensions: number): OnnxTensor {
  const tensor = weights('pieces', [VOCABULARY.length, dimensions], dimensions);
  // Every text has the special tokens: they say nothing.
  tensor.data.fill(0 as never, 0, SPECIAL.length * dimensions);
  return tensor;
}

const gather = (output: string): OnnxNode => ({ op: 'Gather', inputs: ['pieces', 'input_ids'], output });

function embeddingGraph(dimensions: number): OnnxGraph {
  return {
    nodes: [gather('last_hidden_state')],
    inputs: INPUTS,
    outputs: [{ name: 'last_hidden_state', type: 'float', shape: ['rows', 'columns', dimensions] }],
    weights: [pieceVectors(dimensions)],
  };
}

/** Projects what comes of the pieces to one figure for each label. */
function headGraph(task: TaskModel['task']): OnnxGraph {
  const labels = LABELS[task]?.length ?? 1;
  const perToken = task === 'token-classification';
  const pair = task === 'text-ranking' || task === 'zero-shot-classification';
  const nodes: OnnxNode[] = [gather('hidden')];
  const tensors = [pieceVectors(DIMENSIONS), axis(1), axis(2)];
  if (pair) {
    nodes.push(...likeness());
    // Contradiction, neutral, entailment; or relevance alone.
    const data = labels === 1 ? [1] : [-1, 0, 1];
    tensors.push({ name: 'head', dims: [1, labels], data: Float32Array.from(data) });
  } else {
    if (!perToken)
      nodes.push({
        op: 'ReduceSum',
        inputs: ['hidden', 'axis1'],
        output: 'features',
        attributes: { keepdims: 0 },
      });
    tensors.push(weights('head', [DIMENSIONS, labels], 7));
  }
  nodes.push({ op: 'MatMul', inputs: [perToken ? 'hidden' : 'features', 'head'], output: 'logits' });
  const shape = perToken ? ['rows', 'columns', labels] : ['rows', labels];
  return { nodes, inputs: INPUTS, outputs: [{ name: 'logits', type: 'float', shape }], weights: tensors };
}

/** The scalar product of what stands before and after the separator, as `features` of one column. */
function likeness(): OnnxNode[] {
  return [
    { op: 'Cast', inputs: ['token_type_ids'], output: 'second', attributes: { to: 1 } },
    { op: 'Unsqueeze', inputs: ['second', 'axis2'], output: 'of_second' },
    { op: 'Mul', inputs: ['hidden', 'of_second'], output: 'hidden_second' },
    { op: 'Sub', inputs: ['hidden', 'hidden_second'], output: 'hidden_first' },
    { op: 'ReduceSum', inputs: ['hidden_first', 'axis1'], output: 'first_text', attributes: { keepdims: 0 } },
    {
      op: 'ReduceSum',
      inputs: ['hidden_second', 'axis1'],
      output: 'second_text',
      attributes: { keepdims: 0 },
    },
    { op: 'Mul', inputs: ['first_text', 'second_text'], output: 'products' },
    { op: 'ReduceSum', inputs: ['products', 'axis1'], output: 'features', attributes: { keepdims: 1 } },
  ];
}

const axis = (index: number): OnnxTensor => ({
  name: `axis${index}`,
  dims: [1],
  data: BigInt64Array.of(BigInt(index)),
});

/** Says pieces that follow from the last one, for ever. */
function decoderGraph(): OnnxGraph {
  return {
    nodes: [gather('hidden'), { op: 'MatMul', inputs: ['hidden', 'head'], output: 'logits' }],
    inputs: [
      { name: 'input_ids', type: 'int64', shape: ['rows', 'columns'] },
      { name: 'encoder_attention_mask', type: 'int64', shape: ['rows', 'source'] },
      { name: 'encoder_hidden_states', type: 'float', shape: ['rows', 'source', DIMENSIONS] },
    ],
    outputs: [{ name: 'logits', type: 'float', shape: ['rows', 'columns', VOCABULARY.length] }],
    weights: [
      weights('pieces', [VOCABULARY.length, DIMENSIONS], 3),
      weights('head', [DIMENSIONS, VOCABULARY.length], 5),
    ],
  };
}

const special = (id: number) => ({ SpecialToken: { id: SPECIAL[id], type_id: 0 } });
const described = (id: number) => ({ id: SPECIAL[id], ids: [id], tokens: [SPECIAL[id]] });

const TOKENIZER = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: SPECIAL.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: true,
    strip_accents: null,
    lowercase: true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  post_processor: {
    type: 'TemplateProcessing',
    single: [special(2), { Sequence: { id: 'A', type_id: 0 } }, special(3)],
    pair: [
      special(2),
      { Sequence: { id: 'A', type_id: 0 } },
      special(3),
      { Sequence: { id: 'B', type_id: 1 } },
      { SpecialToken: { id: '[SEP]', type_id: 1 } },
    ],
    special_tokens: { '[CLS]': described(2), '[SEP]': described(3) },
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: Object.fromEntries(VOCABULARY.map((piece, id) => [piece, id])),
  },
};

const TOKENIZER_CONFIG = {
  tokenizer_class: 'BertTokenizer',
  do_lower_case: true,
  model_max_length: MAX_TOKENS,
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  mask_token: '[MASK]',
};
