import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { modelRegistrySchema } from '../../contracts/sidecar.ts';
import { createTestModels, type TestModelsOptions } from '../testing/model.ts';
import { createTinyModel } from '../testing/tiny-model.ts';
import type { Embedder } from './embedder.ts';
import { createModelFigures } from './figures.ts';
import type { ModelLoader, ModelManager } from './manager.ts';
import type { ModelSource } from './model-source.ts';
import { type EmbeddingModel, miniLm } from './registry.ts';

const signal = new AbortController().signal;
const MIB = 1_048_576;
const entries = ['one', 'two', 'three'].map((id): EmbeddingModel => ({ ...miniLm, id, repo: `owner/${id}` }));

/** Models that take a gigabyte each and answer when the test says so. */
function createPretendLoader() {
  const open = new Set<string>();
  const opened: string[] = [];
  let hold: Promise<void> = Promise.resolve();
  const embedder: ModelLoader['embedder'] = async (model) => {
    opened.push(model.id);
    await hold;
    open.add(model.id);
    const value: Embedder = {
      model,
      source: 'local',
      embed: async () => [],
      close: async () => {
        open.delete(model.id);
      },
    };
    return value;
  };
  return {
    open,
    opened,
    loader: { embedder, estimate: () => 1_024 * MIB },
    holdUntil: (until: Promise<void>) => {
      hold = until;
    },
  };
}

/** Every model is on this machine. */
const everything: ModelSource = {
  name: 'hub',
  find: async ({ id }) => ({ path: `/models/${id}`, source: 'hub' }),
  remove: async () => undefined,
};

function manage(options: TestModelsOptions): ModelManager {
  const models = createTestModels({ entries, sources: [everything], ...options });
  onTestFinished(() => models.close());
  return models;
}

const use = (models: ModelManager, id: string, work = async () => id) =>
  models.withEmbedder(id, signal, work);
const stateOf = async (models: ModelManager, id: string) =>
  (await models.list()).models.find((model) => model.id === id)?.state;

describe('memory', () => {
  it('never evicts what is pinned or at work, and says what there is no room for', async () => {
    const { loader, open } = createPretendLoader();
    const residentBytes = growing();
    const models = manage({ loader, budgetBytes: 2_048 * MIB, residentBytes });
    await use(models, 'one');
    await models.pin('one', true);
    let finish = () => {};
    const working = use(models, 'two', () => new Promise((resolve) => (finish = () => resolve('two'))));
    await vi.waitFor(() => expect([...open]).toEqual(['one', 'two']));
    await expect(use(models, 'three')).rejects.toMatchObject({
      code: 'model_unavailable',
      options: { detail: expect.stringContaining('1024 MiB'), retryAfterSeconds: expect.any(Number) },
    });
    expect([...open]).toEqual(['one', 'two']);
    finish();
    await working;
    await use(models, 'three');
    expect([...open]).toEqual(['one', 'three']);
    expect((await models.list()).memory.residentBytes).toBe(2_048 * MIB);
  });

  it('evicts the least recently used of several', async () => {
    const { loader, open } = createPretendLoader();
    const models = manage({ loader, budgetBytes: 2_048 * MIB, residentBytes: growing() });
    for (const id of ['one', 'two', 'one']) {
      await use(models, id);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await use(models, 'three');
    expect([...open]).toEqual(['one', 'three']);
  });

  it('loads a model once for all who ask at once', async () => {
    const { loader, opened } = createPretendLoader();
    const models = manage({ loader });
    await Promise.all(Array.from({ length: 20 }, () => use(models, 'one')));
    expect(opened).toEqual(['one']);
  });
});

/** A process that grows by a gigabyte whenever it is looked at. */
function growing(): () => number {
  let bytes = 0;
  return () => {
    bytes += 1_024 * MIB;
    return bytes;
  };
}

describe('a cold start', () => {
  it('keeps a request waiting for a stated time only, and goes on without it', async () => {
    const { loader, holdUntil } = createPretendLoader();
    let loaded = () => {};
    holdUntil(new Promise((resolve) => (loaded = () => resolve())));
    const limits = { coldStartMilliseconds: 40, failedPauseMilliseconds: 0 };
    const models = manage({ loader, limits });
    const startedAt = performance.now();
    await expect(use(models, 'one')).rejects.toMatchObject({
      code: 'model_unavailable',
      options: { retryAfterSeconds: expect.any(Number) },
    });
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await stateOf(models, 'one')).toBe('loading');
    loaded();
    await vi.waitFor(async () => expect(await stateOf(models, 'one')).toBe('ready'));
    expect(await use(models, 'one')).toBe('one');
  });

  it('says why a model could not be loaded, and does not try again at once', async () => {
    const embedder = vi.fn(() => Promise.reject(new Error('the weights are damaged')));
    const models = manage({
      loader: { embedder },
      limits: { coldStartMilliseconds: 500, failedPauseMilliseconds: 60_000 },
    });
    const refusal = { code: 'model_unavailable', options: { detail: expect.stringContaining('damaged') } };
    await expect(use(models, 'one')).rejects.toMatchObject(refusal);
    await expect(use(models, 'one')).rejects.toMatchObject(refusal);
    expect(embedder).toHaveBeenCalledTimes(1);
    expect(await stateOf(models, 'one')).toBe('failed');
    await models.warm('one');
    await vi.waitFor(() => expect(embedder).toHaveBeenCalledTimes(2));
  });
});

describe('management', () => {
  it('refuses to unload or remove what is pinned or at work', async () => {
    const models = manage({ loader: createPretendLoader().loader });
    await use(models, 'one', async () => {
      await expect(models.unload('one')).rejects.toMatchObject({ code: 'model_busy' });
      await expect(models.remove('one')).rejects.toMatchObject({ code: 'model_busy' });
      return 'one';
    });
    expect(await models.pin('one', true)).toMatchObject({ pinned: true, state: 'ready' });
    await expect(models.unload('one')).rejects.toMatchObject({ code: 'model_pinned' });
    await expect(models.remove('one')).rejects.toMatchObject({ code: 'model_pinned' });
    await models.pin('one', false);
    expect(await models.unload('one')).toMatchObject({ state: 'pulled' });
  });

  it('knows no model that is not in the registry, and none of another task', async () => {
    const models = manage({ loader: createPretendLoader().loader });
    await expect(models.pull('../../etc')).rejects.toMatchObject({ code: 'not_found' });
    await expect(models.withRunner('text-ranking', 'one', signal, async () => 1)).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('keeps files that an operator put there', async () => {
    const local: ModelSource = { name: 'local', find: everything.find };
    const models = manage({ sources: [local] });
    await expect(models.remove('one')).rejects.toMatchObject({ code: 'model_kept' });
  });
});

describe('figures', () => {
  it('counts requests, failures and tokens, and measures what is slowest', () => {
    const figures = createModelFigures(() => 1_000);
    for (let n = 0; n < 3; n++) figures.begin()('done', 10);
    figures.begin()('failed', 0);
    figures.begin()('refused', 0);
    expect(figures.snapshot()).toMatchObject({ requests: 4, failures: 1, tokens: 30 });
    expect(figures.snapshot()).toMatchObject({
      lastUsedAt: '1970-01-01T00:00:01.000Z',
      p50Milliseconds: expect.any(Number),
    });
    expect(figures.inFlight).toBe(0);
  });
});

describe('two embedding models through the real engine', () => {
  let folder: string;
  let models: ModelManager;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acs-tiny-'));
    const tiny = [64, 96].map((dimensions) =>
      createTinyModel(join(folder, `tiny-${dimensions}`), { dimensions }),
    );
    models = createTestModels({ entries: await Promise.all(tiny), modelsDir: folder, cacheBytes: MIB });
  });
  afterAll(async () => {
    await models.close();
    await rm(folder, { recursive: true, force: true });
  });

  const options = {
    truncate: true,
    direction: 'right',
    normalize: true,
    purpose: 'document',
    priority: 'batch',
  } as const;
  const embed = (id: string, texts: string[]) =>
    models.withEmbedder(id, signal, (embedder) => embedder.embed(texts, options));
  const cosine = (a?: Float32Array, b?: Float32Array) =>
    a?.reduce((sum, x, d) => sum + x * (b?.[d] ?? 0), 0) ?? 0;

  it('answers with vectors of each one’s dimensions, at the same time', async () => {
    const texts = ['the treaty of the harbour', 'a harbour treaty', 'seventeen violins'];
    const answers = await Promise.all([embed('tiny-64', texts), embed('tiny-96', texts)]);
    for (const [n, dimensions] of [64, 96].entries()) {
      const [text, near, far] = answers[n] ?? [];
      expect(text).toHaveLength(dimensions);
      expect(cosine(text, near)).toBeGreaterThan(cosine(text, far) + 0.2);
    }
    const { models: list, memory } = modelRegistrySchema.parse(await models.list());
    for (const { state, figures } of list) {
      expect(state).toBe('ready');
      expect(figures).toMatchObject({ requests: 1, failures: 0, loadMilliseconds: expect.any(Number) });
      expect(figures.tokens).toBeGreaterThan(10);
    }
    expect(memory.residentBytes).toBeGreaterThan(0);
  });

  it('computes a text once: in a call, in calls at once, and later', async () => {
    const hits: number[] = [];
    const count = (texts: string[]) =>
      models.withEmbedder('tiny-64', signal, (embedder) =>
        embedder.embed(texts, { ...options, onHits: (known) => hits.push(known) }),
      );
    const [[first, twice] = [], [joined] = []] = await Promise.all([
      count(['again', 'again']),
      count(['again']),
    ]);
    const [later] = await count(['again']);
    expect(hits).toEqual([1, 1, 1]);
    for (const vector of [twice, joined, later]) expect(vector).toEqual(first);
    // Nobody's vector is another's.
    first?.fill(0);
    expect((await count(['again']))[0]).toEqual(later);
  });

  it('computes for itself when the call it joined was given up', async () => {
    const leaving = new AbortController();
    const given = models.withEmbedder('tiny-64', signal, (embedder) =>
      embedder.embed(['abandoned'], { ...options, signal: leaving.signal }),
    );
    const waiting = embed('tiny-64', ['abandoned']);
    leaving.abort();
    await expect(given).rejects.toThrow();
    expect((await waiting)[0]).toHaveLength(64);
  });

  it('names the text of the call that is too long, whatever was known before', async () => {
    await models.withEmbedder('tiny-64', signal, (embedder) =>
      embedder.embed(['known'], { ...options, truncate: false }),
    );
    const texts = ['known', 'known', 'word '.repeat(400)];
    const attempt = models.withEmbedder('tiny-64', signal, (embedder) =>
      embedder.embed(texts, { ...options, truncate: false }),
    );
    await expect(attempt).rejects.toThrow('inputs[2]');
  });
});
