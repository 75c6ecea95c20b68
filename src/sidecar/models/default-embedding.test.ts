import { expect, it, vi } from 'vitest';
import { createLogger } from '../../core/telemetry/logger.ts';
import { startDefaultEmbedding } from './default-embedding.ts';
import type { Embedder } from './embedder.ts';
import type { ModelResolver } from './model-resolver.ts';
import { ModelMissingError } from './model-store.ts';
import { miniLm } from './registry.ts';

const logger = createLogger('silent', {});
const loaded: Embedder = {
  model: miniLm,
  source: 'local',
  embed: async () => [],
  close: async () => undefined,
};

/** Has the model from the given attempt on. */
function resolverFrom(attempt: number): ModelResolver {
  let attempts = 0;
  return {
    async resolve() {
      if (++attempts < attempt) throw new ModelMissingError('No source has it.');
      return { model: miniLm, folder: { path: '/models', source: 'local', sizeBytes: 1 } };
    },
    remember: async () => undefined,
  };
}

it('reports a missing model, pauses longer each time up to a minute, and catches up when one appears', async () => {
  const pauses: number[] = [];
  const states: string[] = [];
  const handle = startDefaultEmbedding({
    resolver: resolverFrom(10),
    wanted: 'auto',
    logger,
    adopt: async () => undefined,
    embedder: () => loaded,
    pause: async (milliseconds) => {
      pauses.push(milliseconds);
      states.push(handle.state().state);
    },
  });
  await vi.waitFor(() => expect(handle.current()).toBe(loaded));
  expect(handle.state()).toEqual({ id: miniLm.id, state: 'ready', dimensions: 384, source: 'local' });
  expect(new Set(states)).toEqual(new Set(['missing']));
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  await handle.close();
});

it('stops looking when it is closed', async () => {
  const handle = startDefaultEmbedding({
    resolver: resolverFrom(Number.POSITIVE_INFINITY),
    wanted: 'auto',
    logger,
    adopt: async () => undefined,
    embedder: () => undefined,
    pause: (_, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', reject)),
  });
  await vi.waitFor(() => expect(handle.state().state).toBe('missing'));
  await handle.close();
  expect(handle.current()).toBeUndefined();
});
