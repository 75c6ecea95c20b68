import { createHash } from 'node:crypto';
import { type ServerType, serve } from '@hono/node-server';
import { AutoModel, pipeline, Tensor } from '@huggingface/transformers';
import { signServiceToken } from '../src/core/security/service-token.ts';
import { createLogger } from '../src/core/telemetry/logger.ts';
import { createSidecarApp } from '../src/sidecar/app.ts';
import type { Embedder } from '../src/sidecar/models/embedder.ts';
import type { ResolvedModel } from '../src/sidecar/models/model-resolver.ts';
import { loadTokenizer } from '../src/sidecar/models/tokenizer.ts';
import { createTestModels, loadTestEmbedder, resolveTestModel } from '../src/sidecar/testing/model.ts';
import { type BenchResult, inTurns } from './result.ts';

/**
 * Embedding throughput of the sidecar on texts of mixed length, in process and over HTTP, against onnxruntime-node
 * alone: one session, all cores, fed with batches that were tokenised and sorted by length beforehand, its hidden
 * states thrown away; and against a plain loop of transformers.js, one text after the other. The cache of embeddings is
 * off. All take turns in each round; the figures are medians.
 */

const TEXTS = 192;
const TEXTS_PER_CALL = 32;
const ROUNDS = 7;
const REFERENCE_BATCH_TOKENS = 1_500;
const THREADS = 2;
const SECRET = 'only for the length of this benchmark';

const WORDS =
  'archive version retention laboratory sample supplier contract invoice revenue glacier treaty harbour engine violin museum garden river signal theorem market winter letter bridge copper orbit'.split(
    ' ',
  );

/** Deterministic texts of 5 to 150 words. */
function makeTexts(): string[] {
  return Array.from({ length: TEXTS }, (_, n) => {
    const bytes = createHash('shake256', { outputLength: 152 }).update(`text ${n}`).digest();
    const length = 5 + (bytes.readUInt16LE(0) % 146);
    return Array.from(bytes.subarray(2, 2 + length), (byte) => WORDS[byte % WORDS.length]).join(' ');
  });
}

type Embed = (texts: string[]) => Promise<void>;

async function createReference(
  { folder, model }: ResolvedModel,
  texts: string[],
): Promise<() => Promise<void>> {
  const tokenizer = await loadTokenizer(folder.path, model);
  const sequences = await tokenizer.tokenize(texts, { truncate: true, direction: 'right' });
  const session = await AutoModel.from_pretrained(folder.path, {
    local_files_only: true,
    dtype: model.dtype,
    device: 'cpu',
    session_options: { intraOpNumThreads: THREADS, interOpNumThreads: 1, graphOptimizationLevel: 'all' },
  });
  const batches = pack(sequences.toSorted((a, b) => b.length - a.length)).map(toFeeds);
  return async () => {
    for (const feeds of batches) await session(feeds);
  };
}

/** What a program without this sidecar would do. */
async function createPlainLoop(
  { folder, model }: ResolvedModel,
  texts: string[],
): Promise<() => Promise<void>> {
  const extract = await pipeline('feature-extraction', folder.path, {
    local_files_only: true,
    dtype: model.dtype,
    device: 'cpu',
  });
  return async () => {
    for (const text of texts) await extract(text, { pooling: model.pooling, normalize: true });
  };
}

function pack(sorted: Int32Array[]): Int32Array[][] {
  const batches: Int32Array[][] = [];
  for (const ids of sorted) {
    const batch = batches.at(-1);
    const columns = batch?.[0]?.length ?? 0;
    if (batch !== undefined && (batch.length + 1) * columns <= REFERENCE_BATCH_TOKENS) batch.push(ids);
    else batches.push([ids]);
  }
  return batches;
}

function toFeeds(rows: Int32Array[]) {
  const columns = rows[0]?.length ?? 0;
  const shape = [rows.length, columns];
  const ids = new BigInt64Array(rows.length * columns);
  const mask = new BigInt64Array(rows.length * columns);
  for (const [row, sequence] of rows.entries()) {
    for (const [column, id] of sequence.entries()) ids[row * columns + column] = BigInt(id);
    mask.fill(1n, row * columns, row * columns + sequence.length);
  }
  return {
    input_ids: new Tensor('int64', ids, shape),
    attention_mask: new Tensor('int64', mask, shape),
    token_type_ids: new Tensor('int64', new BigInt64Array(ids.length), shape),
  };
}

const inProcess =
  (embedder: Embedder): Embed =>
  async (texts) => {
    await embedder.embed(texts, {
      truncate: true,
      direction: 'right',
      normalize: true,
      purpose: 'document',
      priority: 'batch',
    });
  };

const refuse = () => Promise.reject(new Error('this benchmark only embeds'));

async function startServer(embedder: Embedder): Promise<{ server: ServerType; embed: Embed }> {
  const model = embedder.model;
  const app = createSidecarApp({
    serviceTokenSecret: SECRET,
    embedding: {
      current: () => embedder,
      state: () => ({ id: model.id, state: 'ready' }),
      close: embedder.close,
    },
    models: createTestModels(),
    reading: { read: refuse },
    previews: { preview: refuse },
    digests: { digest: refuse },
    scans: { scan: refuse },
    analyses: { analyse: refuse, plugins: refuse },
    logger: createLogger('silent', {}),
    now: () => new Date(),
  });
  const server = await new Promise<ServerType>((resolve) => {
    const starting = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(starting));
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1/models/feature-extraction`;
  const embed: Embed = async (inputs) => {
    const token = await signServiceToken(SECRET, 'ai', 'sidecar', new Date());
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(120_000);
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ inputs }), signal });
    if (!response.ok) throw new Error(`the sidecar answered ${response.status}`);
    await response.json();
  };
  return { server, embed };
}

/** All texts in calls that are under way at once, as several documents being indexed would be. */
async function inCalls(texts: string[], embed: Embed): Promise<void> {
  const calls: Promise<void>[] = [];
  for (let at = 0; at < texts.length; at += TEXTS_PER_CALL)
    calls.push(embed(texts.slice(at, at + TEXTS_PER_CALL)));
  await Promise.all(calls);
}

async function textsPerSecond(work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return TEXTS / ((performance.now() - startedAt) / 1_000);
}

/** The aim is for what a caller of the sidecar gets: over HTTP. */
export async function run(): Promise<BenchResult[]> {
  const texts = makeTexts();
  const resolved = await resolveTestModel();
  const reference = await createReference(resolved, texts);
  const plain = await createPlainLoop(resolved, texts);
  const embedder = await loadTestEmbedder(resolved);
  const { server, embed } = await startServer(embedder);
  const runners = [reference, plain, () => inCalls(texts, inProcess(embedder)), () => inCalls(texts, embed)];
  try {
    const speeds = await inTurns(
      ROUNDS,
      runners.map((runner) => () => textsPerSecond(runner)),
    );
    const [raw = Number.NaN, loop = Number.NaN, direct = Number.NaN, http = Number.NaN] = speeds;
    const row = (name: string, ours: number, reference: number) => ({
      name,
      ours,
      reference,
      unit: 'texts/s',
    });
    return [
      {
        ...row('sidecar embedding over HTTP / onnxruntime-node', http, raw),
        aim: { of: 'ratio', atLeast: 0.95 },
      },
      {
        ...row('sidecar embedding over HTTP / plain transformers.js loop', http, loop),
        aim: { of: 'ratio', atLeast: 2 },
      },
      row('  sidecar embedding in process / onnxruntime-node', direct, raw),
    ];
  } finally {
    server.close();
    await embedder.close();
  }
}
