import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Stack, type StackOptions, startStack } from '../../../src/local/stack.ts';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { until } from './until.ts';

export const ROOT = join(import.meta.dirname, '../../..');
/** Weights and bundles are shared with `npm start`: neither depends on the data of an installation. */
export const MODEL_CACHE_DIR = process.env.MODEL_CACHE_DIR ?? join(ROOT, '.data/models');
export const BUNDLE_DIR = join(ROOT, '.data/bundles');
/** A first run may have to download the weights. */
const MODEL_WAIT_MS = 300_000;

export interface TestStack {
  readonly stack: Stack;
  /** What the Workers wrote to their log. */
  readonly logFile: string;
  /** Stops every part and removes its data. */
  dispose(): Promise<void>;
}

export type TestStackOptions = Pick<StackOptions, 'composition'> &
  Partial<Pick<StackOptions, 'bindings' | 'sidecarEnv' | 'modelCacheDir'>>;

/** The real system in a data folder of its own, on a port of its own. */
export async function startTestStack(options: TestStackOptions): Promise<TestStack> {
  const dataDir = await makeTemporaryFolder('stack');
  try {
    const stack = await startStack({
      modelCacheDir: MODEL_CACHE_DIR,
      bundleDir: BUNDLE_DIR,
      ...options,
      dataDir,
      port: await findFreePort(),
      log: () => {},
    });
    return {
      stack,
      logFile: join(dataDir, 'logs', 'workers.log'),
      async dispose() {
        await stack.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/**
 * True when the model is loaded. A missing model fails the run, unless ALLOW_NO_MODEL=1 says that there may be
 * none: then it is false.
 */
export async function waitForModel(stack: Stack): Promise<boolean> {
  const model = await until(
    () => stack.embeddingModel().catch(() => undefined),
    (state) => state?.state === 'ready' || state?.state === 'missing',
    { withinMs: MODEL_WAIT_MS, what: 'the embedding model to load' },
  );
  if (model?.state === 'ready') return true;
  if (process.env.ALLOW_NO_MODEL === '1') return false;
  throw new Error(
    `There is no embedding model: ${model?.reason}\nSet ALLOW_NO_MODEL=1 to run without the tests that need one.`,
  );
}

export function makeTemporaryFolder(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `acs-e2e-${name}-`));
}
