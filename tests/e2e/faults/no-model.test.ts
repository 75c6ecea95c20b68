import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { newAccount } from '../harness/accounts.ts';
import { type Client, createClient } from '../harness/client.ts';
import { analysisOf, download, upload } from '../harness/files.ts';
import {
  MODEL_CACHE_DIR,
  makeTemporaryFolder,
  startTestStack,
  type TestStack,
} from '../harness/local-stack.ts';
import { namesFound, search } from '../harness/search.ts';
import { until } from '../harness/until.ts';

describe('without a model', () => {
  let folder: string;
  let system: TestStack;
  let api: Client;

  beforeAll(async () => {
    folder = await makeTemporaryFolder('models');
    await mkdir(join(folder, 'offered'));
    system = await startTestStack({
      composition: 'split',
      modelCacheDir: join(folder, 'cache'),
      sidecarEnv: { MODEL_SOURCES: 'local', MODELS_DIR: join(folder, 'offered') },
    });
    api = createClient(system.stack.url);
  });

  afterAll(async () => {
    await system?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('the system starts and says what is missing', async () => {
    const model = await until(
      () => system.stack.embeddingModel(),
      (state) => state?.state !== 'loading',
      { withinMs: 30_000, what: 'the search for a model to end' },
    );
    expect(model).toMatchObject({ state: 'missing', reason: expect.stringMatching(/^No source has /) });
    expect((await api.call('GET', '/readyz')).status).toBe(200);
  });

  it('files are stored, found by keyword, and become ready by themselves when a model appears', async () => {
    const { api: mine } = await newAccount(api);
    const text = 'The ferry to the island of Samothrake leaves at dawn.';
    const file = await upload(mine, 'ferry.txt', text);
    expect(new TextDecoder().decode(await download(mine, file.id))).toBe(text);

    await until(
      () => analysisOf(mine, file.id),
      ({ status, reason }) => status === 'pending' && /model/i.test(reason ?? ''),
      { withinMs: 30_000, what: 'the analysis to say that it waits for the model' },
    );
    for (const mode of ['hybrid', 'semantic', 'keyword']) {
      const result = await search(mine, 'Samothrake', { mode });
      expect([result.mode, result.degraded]).toEqual(['keyword', mode !== 'keyword']);
      expect(result.coverage).toMatchObject({ indexed: 0, pending: 1, failed: 0, skipped: 0 });
      expect(namesFound(result)).toEqual(['ferry.txt']);
    }

    await offerModel(join(folder, 'offered'));
    await until(
      () => system.stack.embeddingModel(),
      (model) => model?.state === 'ready',
      { withinMs: 90_000, everyMs: 250, what: 'the sidecar to notice the model' },
    );
    await until(
      async () => {
        await system.stack.runCron();
        return analysisOf(mine, file.id);
      },
      ({ status }) => status === 'ready',
      { withinMs: 60_000, everyMs: 500, what: 'the waiting analysis to catch up' },
    );
    const result = await search(mine, 'when does the boat depart');
    expect([result.degraded, namesFound(result)]).toEqual([false, ['ferry.txt']]);
  });
});

/** Puts the weights that the other tests use where the sidecar looks for them, all at once. */
async function offerModel(target: string): Promise<void> {
  const marker = z.object({ id: z.string() });
  const { id } = marker.parse(
    JSON.parse(await readFile(join(MODEL_CACHE_DIR, 'embedding-model.json'), 'utf8')),
  );
  const entries = await readdir(MODEL_CACHE_DIR, { recursive: true });
  const weights = entries.find((entry) => entry.endsWith(join(id, 'onnx', 'model_quantized.onnx')));
  if (weights === undefined) throw new Error(`there are no weights of ${id} in ${MODEL_CACHE_DIR}`);
  await cp(join(MODEL_CACHE_DIR, dirname(dirname(weights))), join(target, 'copying'), { recursive: true });
  await rename(join(target, 'copying'), join(target, id));
}
