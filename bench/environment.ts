import { mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { Log, LogLevel, Miniflare } from 'miniflare';
import { z } from 'zod';
import { type Stack, startStack } from '../src/local/stack.ts';
import { findFreePort } from '../src/local/testing/free-port.ts';
import type { Composition } from '../src/local/workers.ts';

const ROOT = join(import.meta.dirname, '..');
const READY_MS = 120_000;
const CALL_MS = 30_000;
/** As the product's own Workers. */
const COMPATIBILITY = { compatibilityDate: '2026-07-30', compatibilityFlags: ['nodejs_compat'] };

export interface Environment {
  readonly stack: Stack;
  /** The runtime under the product's Workers. */
  readonly workerdPid: number;
  readonly accessToken: string;
}

/**
 * The whole product on a data folder of its own, with one account; gone when `use` is done, however it ends.
 * @param bindings variables of the Workers
 */
export async function withEnvironment<T>(
  composition: Composition,
  use: (environment: Environment) => Promise<T>,
  bindings: Readonly<Record<string, string>> = {},
): Promise<T> {
  const dataDir = await mkdtemp(join(await temporaryFolder(), 'acs-bench-'));
  const others = await workerdPids();
  try {
    const stack = await startStack({
      composition,
      dataDir,
      modelCacheDir: join(ROOT, '.data/models'),
      bundleDir: join(ROOT, 'dist/bench-bundles'),
      port: await findFreePort(),
      log: () => undefined,
      bindings: { RATE_LIMIT_SCALE: '10000', ...bindings },
    });
    try {
      const workerdPid = (await workerdPids()).find((pid) => !others.includes(pid));
      if (workerdPid === undefined) throw new Error('no workerd was found among the child processes');
      await waitUntilReady(stack);
      return await use({ stack, workerdPid, accessToken: await register(stack.url) });
    } finally {
      await stack.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** A Worker of a few lines (a file in `workers/`) in a Miniflare of its own, reached the same way as the product. */
export async function withBareWorker<T>(
  script: string,
  bindings: Readonly<Record<string, string>>,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const built = await build({
    entryPoints: [join(import.meta.dirname, 'workers', script)],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['node:*'],
  });
  const miniflare = new Miniflare({
    modules: true,
    script: built.outputFiles[0]?.text ?? '',
    bindings: { ...bindings },
    host: '127.0.0.1',
    port: 0,
    log: new Log(LogLevel.NONE),
    ...COMPATIBILITY,
  });
  try {
    return await use((await miniflare.ready).origin);
  } finally {
    await miniflare.dispose();
  }
}

async function waitUntilReady(stack: Stack): Promise<void> {
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    const model = await stack.embeddingModel().catch(() => undefined);
    if (model?.state === 'missing')
      throw new Error(`no embedding model: ${model.reason ?? 'no source answered'}`);
    const ready = await fetch(`${stack.url}/readyz`, { signal: AbortSignal.timeout(CALL_MS) });
    await ready.body?.cancel();
    if (ready.ok && model?.state === 'ready') return;
    await sleep(100);
  }
  throw new Error('the system did not get ready');
}

async function register(url: string): Promise<string> {
  const response = await fetch(`${url}/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'bench@example.com', password: crypto.randomUUID() }),
    signal: AbortSignal.timeout(CALL_MS),
  });
  return z.object({ accessToken: z.string() }).parse(await response.json()).accessToken;
}

/** In memory where there is such a place: not the disk under the S3 stand-in is to be measured. */
async function temporaryFolder(): Promise<string> {
  const inMemory = await statfs('/dev/shm').catch(() => undefined);
  const isLarge = inMemory !== undefined && inMemory.bavail * inMemory.bsize > 8e9;
  return isLarge ? '/dev/shm' : tmpdir();
}

/** Linux only, as are the figures about memory. */
async function workerdPids(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const own = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      return stat.startsWith(`${pid} (workerd) `) && stat.split(' ')[3] === String(process.pid);
    }),
  );
  return pids.filter((_, index) => own[index]);
}

/** Highest resident size, in bytes, until `stop` is called. */
export function watchMemory(pid: number): { peak(): number; current(): Promise<number>; stop(): void } {
  let peak = 0;
  const current = async () => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
  };
  const timer = setInterval(async () => {
    peak = Math.max(peak, await current().catch(() => 0));
  }, 25);
  return { peak: () => peak, current, stop: () => clearInterval(timer) };
}
