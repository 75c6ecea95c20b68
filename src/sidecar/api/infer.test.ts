import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceClient } from '@huggingface/inference';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelInfoSchema, modelRegistrySchema, rankingResponseSchema } from '../../contracts/sidecar.ts';
import type { ModelManager } from '../models/manager.ts';
import { mergeEntries, readRegistryFile } from '../models/model-registry-file.ts';
import { type ModelEntry, type OtherTask, taskModels } from '../models/registry.ts';
import { createTestModels } from '../testing/model.ts';
import { startTestSidecar, type TestSidecar } from '../testing/sidecar.ts';
import { createTinyModel, createTinyTaskModel } from '../testing/tiny-model.ts';

const example = fileURLToPath(new URL('../testing/model-registry.example.json', import.meta.url));
const tasks: OtherTask[] = [
  'text-ranking',
  'zero-shot-classification',
  'summarization',
  'token-classification',
  'text-classification',
];

let folder: string;
let models: ModelManager;
let sidecar: TestSidecar;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-tasks-'));
  await createTinyModel(join(folder, 'tiny-64'), { dimensions: 64 });
  const own: ModelEntry[] = readRegistryFile(example);
  for (const task of tasks) own.push(await createTinyTaskModel(join(folder, `tiny-${task}`), task));
  models = createTestModels({ entries: mergeEntries(own, taskModels), modelsDir: folder });
  sidecar = await startTestSidecar({ models });
});
afterAll(async () => {
  await sidecar.close();
  await models.close();
  await rm(folder, { recursive: true, force: true });
});

async function clientOf(task: string): Promise<InferenceClient> {
  return new InferenceClient(await sidecar.token(), { endpointUrl: `${sidecar.url}/v1/models/${task}` });
}

describe('the unmodified client', () => {
  it('embeds with a model of the operator’s registry by its id', async () => {
    const client = await clientOf('feature-extraction/tiny-64');
    expect(await client.featureExtraction({ inputs: 'a harbour' })).toHaveLength(64);
  });

  it('classifies by labels that it brings', async () => {
    const client = await clientOf('zero-shot-classification');
    const inputs = 'a treaty about the harbour';
    const parameters = { candidate_labels: ['violins', 'harbour treaty'] };
    const answer = await client.zeroShotClassification({ inputs, parameters });
    expect(answer.map(({ label }) => label)).toEqual(['harbour treaty', 'violins']);
    expect(answer.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
  });

  it('summarises', async () => {
    const client = await clientOf('summarization');
    const answer = await client.summarization({
      inputs: 'word '.repeat(500),
      parameters: { generate_parameters: {}, max_new_tokens: 5 },
    });
    expect(answer).toEqual({ summary_text: expect.any(String) });
  });

  it('finds entities, each where it stands in the text', async () => {
    const client = await clientOf('token-classification');
    const inputs = 'Émile Zola met Anna in Łódź 2026';
    const answer = await client.tokenClassification({ inputs });
    expect(answer.length).toBeGreaterThan(0);
    for (const { word, start, end } of answer) expect(inputs.slice(start, end)).toBe(word);
  });

  it('classifies texts', async () => {
    const client = await clientOf('text-classification');
    const answer = await client.textClassification({ inputs: 'a fine day' });
    expect(answer.map(({ label }) => label).sort()).toEqual(['NEGATIVE', 'POSITIVE']);
  });
});

describe('ranking', () => {
  it('puts the text that answers first, for as many texts as are given', async () => {
    const texts = [...Array(20).fill('seventeen violins'), 'the harbour treaty of spring'];
    const response = await sidecar.post('/v1/models/text-ranking', { query: 'harbour treaty', texts });
    const ranking = rankingResponseSchema.parse(await response.json());
    expect(response.headers.get('x-model')).toBe('tiny-text-ranking');
    expect(ranking).toHaveLength(21);
    expect(ranking[0]?.index).toBe(20);
    expect(ranking[0]?.score).toBeGreaterThan(ranking[1]?.score ?? 1);
  });

  it.each([
    {},
    { query: 7, texts: ['x'] },
    { query: 'x', texts: [] },
    { query: 'x', texts: Array(257).fill('x') },
  ])('refuses what is not a call', async (body) => {
    const response = await sidecar.post('/v1/models/text-ranking', body);
    expect(await response.json()).toMatchObject({ code: 'invalid_request', status: 400 });
  });

  it('takes hostile strings', async () => {
    const texts = ['', '\u0000\uD800', '👩‍👩‍👧‍👦', '漢'.repeat(20_000), '[SEP] [CLS]'];
    const response = await sidecar.post('/v1/models/text-ranking', { query: '\uDFFF', texts });
    expect(rankingResponseSchema.parse(await response.json())).toHaveLength(5);
  });
});

describe('what is not there', () => {
  it('says that a model has no weights here', async () => {
    const response = await sidecar.post('/v1/models/text-ranking/ms-marco-MiniLM-L-6-v2', {
      query: 'a',
      texts: ['b'],
    });
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({
      code: 'model_unavailable',
      detail: expect.stringContaining('not on this machine'),
    });
  });

  it.each([
    '/v1/models/astrology',
    '/v1/models/__proto__',
    '/v1/models/text-ranking/tiny-64',
    '/v1/registry/nothing/pull',
    '/v1/registry/tiny-64/explode',
  ])('answers 404 to %s', async (path) => {
    const response = await sidecar.post(path, { query: 'a', texts: ['b'] });
    expect(await response.json()).toMatchObject({ code: 'not_found', status: 404 });
  });
});

describe('the registry over HTTP', () => {
  it('lists every model with its licence and what it has done', async () => {
    const response = await sidecar.call('GET', '/v1/registry');
    const { models: list } = modelRegistrySchema.parse(await response.json());
    expect(list.find(({ id }) => id === 'tiny-64')).toMatchObject({ dimensions: 64, licence: 'none' });
    expect(list.find(({ id }) => id === 'bert-base-NER')).toMatchObject({
      state: 'available',
      isDefault: false,
    });
    expect(list.find(({ id }) => id === 'tiny-text-ranking')).toMatchObject({ isDefault: true });
  });

  it('warms, pins, unpins and unloads', async () => {
    expect((await sidecar.post('/v1/registry/tiny-64/warm', {})).status).toBe(202);
    await models.withEmbedder('tiny-64', new AbortController().signal, async () => undefined);
    const pinned = modelInfoSchema.parse(await (await sidecar.post('/v1/registry/tiny-64/pin', {})).json());
    expect(pinned).toMatchObject({ state: 'ready', pinned: true });
    const refused = await sidecar.call('DELETE', '/v1/registry/tiny-64');
    expect(await refused.json()).toMatchObject({ code: 'model_pinned', status: 409 });
    await sidecar.post('/v1/registry/tiny-64/unpin', {});
    expect(await (await sidecar.post('/v1/registry/tiny-64/unload', {})).json()).toMatchObject({
      state: 'pulled',
    });
  });
});
