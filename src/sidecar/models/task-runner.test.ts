import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTinyTaskModel } from '../testing/tiny-model.ts';
import { createCores } from './cores.ts';
import { createModelFigures } from './figures.ts';
import type { ModelFolder } from './model-source.ts';
import type { TaskModel } from './registry.ts';
import type { TaskCall } from './task-call.ts';
import { loadTaskRunner } from './task-runner.ts';

let folder: ModelFolder;
let model: TaskModel;
const signal = new AbortController().signal;
const options = { priority: 'batch', signal } as const;
const call: TaskCall = { task: 'text-ranking', input: { query: 'a', texts: ['a', 'b'], raw_scores: false } };

beforeAll(async () => {
  const path = await mkdtemp(join(tmpdir(), 'acs-runner-'));
  folder = { path, source: 'local' };
  model = await createTinyTaskModel(path, 'text-ranking');
});
afterAll(() => rm(folder.path, { recursive: true, force: true }));

async function run(callMilliseconds: number, calls: number) {
  const figures = createModelFigures();
  const cores = createCores(1);
  const limits = {
    turns: { concurrent: 1, waiting: 1 },
    callMilliseconds,
    coldStartMilliseconds: 1,
    failedPauseMilliseconds: 1,
  };
  const runner = await loadTaskRunner(model, folder, { cores, figures, limits });
  const outcomes = await Promise.allSettled(Array.from({ length: calls }, () => runner.run(call, options)));
  await runner.close();
  const released = await new Promise<boolean>((resolve) => cores.request('batch', () => resolve(true)));
  return { outcomes, figures: figures.snapshot(), released };
}

it('ends a call that takes too long, and gives its core back', async () => {
  const { outcomes, figures, released } = await run(0, 1);
  expect(outcomes).toMatchObject([{ status: 'rejected', reason: { code: 'inference_failed' } }]);
  expect(figures).toMatchObject({ requests: 1, failures: 1 });
  expect(released).toBe(true);
});

it('tells calls to come back when too many wait', async () => {
  const { outcomes } = await run(60_000, 3);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  expect(outcomes[2]).toMatchObject({
    reason: { code: 'overloaded', options: { retryAfterSeconds: expect.any(Number) } },
  });
});
