import { readFile, rm } from 'node:fs/promises';
import { type Stack, startStack } from '../../../src/local/stack.ts';
import { findFreePort } from '../../../src/local/testing/free-port.ts';
import { descendantsOf, endAll } from './launcher.ts';
import { BUNDLE_DIR, MODEL_CACHE_DIR, makeTemporaryFolder, type TestStackOptions } from './local-stack.ts';

/** The real system in a data folder that outlives it, at an address that stays. */
export interface CrashingStack {
  /** The one that runs now. */
  readonly stack: Stack;
  readonly dataDir: string;
  /** As a power cut: Workers, database and object store are gone at once, with all they had in memory. Then a new start. */
  crash(): Promise<void>;
  dispose(): Promise<void>;
}

export async function startCrashingStack(options: TestStackOptions): Promise<CrashingStack> {
  const dataDir = await makeTemporaryFolder('crash');
  const port = await findFreePort();
  const start = () =>
    startStack({
      modelCacheDir: MODEL_CACHE_DIR,
      bundleDir: BUNDLE_DIR,
      ...options,
      dataDir,
      port,
      log: () => {},
    });
  let stack = await start();
  return {
    get stack() {
      return stack;
    },
    dataDir,
    async crash() {
      const { postgres, s3 } = stack.services;
      const lost = [postgres?.pid(), s3?.pid()];
      const family = await descendantsOf(process.pid);
      const names = await Promise.all(
        family.map(({ pid }) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')),
      );
      const doomed = family.filter(({ pid }, at) => names[at]?.trim() === 'workerd' || lost.includes(pid));
      if (doomed.length < 3) throw new Error(`only ${doomed.length} processes to kill`);
      await endAll(doomed);
      await stack.stop();
      stack = await start();
    },
    async dispose() {
      await stack.stop();
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
