import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTestModels } from '../testing/model.ts';
import { createHubSource } from './hub-source.ts';
import type { ModelManager } from './manager.ts';
import { mergeEntries, readRegistryFile } from './model-registry-file.ts';
import { filesOf } from './model-source.ts';
import { miniLm, taskModels } from './registry.ts';

const WEIGHTS = Buffer.alloc(400_000, 'weights ');
const model = { ...miniLm, wheel: undefined, sizeBytes: undefined };

let folder: string;
let server: Server;
let hubUrl: string;
let asked: { file: string; range: string | undefined }[];
let serve: (file: string, request: IncomingMessage, response: ServerResponse) => void;
let models: ModelManager | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'acs-pull-'));
  asked = [];
  serve = deliver;
  server = createServer((request, response) => {
    const file = (request.url ?? '').split(`/resolve/${miniLm.revision}/`)[1] ?? '';
    asked.push({ file, range: request.headers.range });
    serve(file, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  hubUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterEach(async () => {
  await models?.close();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

function deliver(file: string, request: IncomingMessage, response: ServerResponse): void {
  const bytes = file.startsWith('onnx/') ? WEIGHTS : Buffer.from('{}');
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const range = from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(from > 0 ? 206 : 200, { 'content-length': bytes.length - from, ...range });
  response.end(bytes.subarray(from));
}

/** The weights come to a half, and no further. */
function breakOff(file: string, request: IncomingMessage, response: ServerResponse): void {
  if (!file.startsWith('onnx/')) {
    deliver(file, request, response);
    return;
  }
  response.writeHead(200, { 'content-length': WEIGHTS.length });
  response.write(WEIGHTS.subarray(0, 150_000), () => setTimeout(() => response.destroy(), 50));
}

/** A sidecar that has just been started. */
function start(): ModelManager {
  models = createTestModels({ entries: [model], sources: [createHubSource({ cacheDir: folder, hubUrl })] });
  return models;
}
const info = async (manager: ModelManager) => (await manager.list()).models[0];
const path = join('Xenova', 'all-MiniLM-L6-v2', miniLm.revision);

describe('pulling from a hub', () => {
  it('tells the bytes as they come, and is done once for all who ask', async () => {
    let finish = () => {};
    serve = (file, request, response) => {
      if (!file.startsWith('onnx/')) return deliver(file, request, response);
      response.writeHead(200, { 'content-length': WEIGHTS.length });
      response.write(WEIGHTS.subarray(0, 100_000));
      finish = () => response.end(WEIGHTS.subarray(100_000));
    };
    const manager = start();
    await Promise.all([manager.pull(model.id), manager.pull(model.id), manager.pull(model.id)]);
    await vi.waitFor(async () => expect((await info(manager))?.progress?.receivedBytes).toBe(100_006));
    expect(await info(manager)).toMatchObject({ state: 'pulling', progress: { totalBytes: 400_006 } });
    await expect(manager.remove(model.id)).rejects.toMatchObject({ code: 'model_busy' });
    finish();
    await vi.waitFor(async () =>
      expect(await info(manager)).toMatchObject({ state: 'pulled', sizeBytes: 400_006 }),
    );
    expect(asked.map(({ file }) => file).sort()).toEqual(filesOf(model).sort());
  });

  it('goes on after a failure and a restart where it was broken off, and shows nothing half until then', async () => {
    serve = breakOff;
    const before = start();
    await before.pull(model.id);
    await vi.waitFor(async () => expect((await info(before))?.state).toBe('failed'));
    expect((await info(before))?.reason).toContain('the hub did not deliver');
    await before.close();
    serve = deliver;
    const after = start();
    expect((await info(after))?.state).toBe('available');
    await after.pull(model.id);
    await vi.waitFor(async () => expect((await info(after))?.state).toBe('pulled'));
    expect(asked.at(-1)).toEqual({ file: 'onnx/model_quantized.onnx', range: 'bytes=150000-' });
    expect(asked.filter(({ file }) => file === 'config.json')).toHaveLength(1);
    expect(await readFile(join(folder, path, 'onnx', 'model_quantized.onnx'))).toEqual(WEIGHTS);
  });

  it('begins anew when a hub knows no ranges', async () => {
    serve = breakOff;
    const manager = start();
    await manager.pull(model.id);
    await vi.waitFor(async () => expect((await info(manager))?.state).toBe('failed'));
    serve = (file, request, response) => {
      delete request.headers.range;
      deliver(file, request, response);
    };
    await manager.pull(model.id);
    await vi.waitFor(async () => expect((await info(manager))?.state).toBe('pulled'));
    expect(await readFile(join(folder, path, 'onnx', 'model_quantized.onnx'))).toEqual(WEIGHTS);
  });

  it('removes files, finished or not', async () => {
    const manager = start();
    await manager.pull(model.id);
    await vi.waitFor(async () => expect((await info(manager))?.state).toBe('pulled'));
    await manager.remove(model.id);
    expect((await info(manager))?.state).toBe('available');
    expect(await readdir(join(folder, 'Xenova', 'all-MiniLM-L6-v2'))).toEqual([]);
  });
});

describe('the file of a registry', () => {
  const entry = {
    task: 'text-ranking',
    id: 'mine',
    repo: 'me/mine',
    revision: 'main',
    maxTokens: 512,
    licence: 'MIT',
  };
  const read = async (content: unknown) => {
    const file = join(folder, 'registry.json');
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return readRegistryFile(file);
  };

  it('adds models, and the operator’s is the default of its task', async () => {
    const entries = mergeEntries(await read({ models: [entry] }), taskModels);
    models = createTestModels({ entries });
    expect(models.defaultOf('text-ranking')).toBe('mine');
    expect(entries).toHaveLength(taskModels.length + 1);
  });

  it.each([
    '{',
    { models: [{ ...entry, repo: '../../etc' }] },
    { models: [{ ...entry, revision: '..' }] },
    { models: [{ ...entry, id: 'a/b' }] },
    { models: [{ ...entry, licence: undefined }] },
    { models: [{ ...entry, task: 'feature-extraction' }] },
    { models: [{ ...entry, dimension: 7 }] },
  ])('is refused with its name when it has a fault', async (content) => {
    await expect(read(content)).rejects.toThrow('MODEL_REGISTRY');
  });

  it('is refused when an id is given twice', async () => {
    const own = await read({ models: [entry, entry] });
    expect(() => mergeEntries(own, [])).toThrow('twice');
  });
});
