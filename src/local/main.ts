import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { createAdminAccount, createDemoAccount, howToUse, writeDemoCredentials } from './demo.ts';
import { lockDataDir } from './postgres/data-dir-lock.ts';
import { type Stack, startStack } from './stack.ts';

// `npm start`: everything on this machine, until a signal comes.

const MODEL_WAIT_MS = 300_000;
const faultsSchema = z.object({ faults: z.record(z.string(), z.array(z.string())) });
const ROOT = join(import.meta.dirname, '../..');

const { values } = parseArgs({ options: { monolith: { type: 'boolean', default: false } } });
const composition = values.monolith ? 'monolith' : 'split';
const port = Number(process.env.PORT ?? 8787);
const dataDir = resolve(ROOT, process.env.ACS_DATA_DIR ?? '.data');
const log = (line: string) => console.log(line);

let stopping = false;
let stack: Stack | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void stop(0));
// The end of bootstrap.mjs, however it came.
process.on('disconnect', () => void stop(0));

try {
  await start();
} catch (error) {
  console.error(`\nCould not start: ${error instanceof Error ? error.message : String(error)}`);
  console.error(`The logs of all parts are in ${join(dataDir, 'logs')}.`);
  await stop(1);
}

async function start(): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`PORT must be a number from 1 to 65535, not ${process.env.PORT}`);
  const lock = await lockDataDir(dataDir);
  process.on('exit', () => void lock.release());
  if (!(await isFree(port)))
    throw new Error(`port ${port} is taken. Stop what listens there, or choose another: PORT=8788 npm start`);
  log(`Starting AI Cloud Storage (${composition}), data in ${dataDir}`);
  stack = await startStack({
    composition,
    dataDir,
    modelCacheDir: process.env.MODEL_CACHE_DIR ?? join(dataDir, 'models'),
    bundleDir: join(dataDir, 'bundles'),
    port,
    log: (line) => log(`  ${line}`),
  });
  if (stopping) return stop(0);
  await refuseFaultyConfiguration(stack.url);
  await waitForModel(stack);
  await waitUntilReady(stack.url);
  const isNew = await createDemoAccount(stack.url, stack.secrets.demoPassword);
  await writeDemoCredentials(dataDir, stack.secrets.demoPassword);
  await createAdminAccount(stack, dataDir);
  log(howToUse(stack, dataDir, isNew));
  log(`ready ${stack.url}`);
}

async function waitForModel(running: Stack): Promise<void> {
  const until = Date.now() + MODEL_WAIT_MS;
  log('  embedding model: looking for it; the first time it is downloaded…');
  while (Date.now() < until && !stopping) {
    const model = await running.embeddingModel().catch(() => undefined);
    if (model?.state === 'ready') return log(`  embedding model: ${model.id} (${model.source ?? 'cached'})`);
    if (model?.state === 'missing') {
      log(`  no embedding model: ${model.reason ?? 'no source answered'}`);
      return log('  Files are stored, search works by keyword; analysis catches up when a model appears.');
    }
    await sleep(200);
  }
}

/** @throws Error that lists everything that is wrong with the environment of any part */
async function refuseFaultyConfiguration(url: string): Promise<void> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(10_000) });
  const parsed = faultsSchema.safeParse(await response.json());
  if (!parsed.success) return;
  const faults = new Map<string, string[]>();
  for (const [part, texts] of Object.entries(parsed.data.faults))
    for (const text of texts) faults.set(text, [...(faults.get(text) ?? []), part]);
  const lines = [...faults].map(([text, parts]) => `  - ${text} (${parts.join(', ')})`);
  throw new Error(`the environment has ${lines.length === 1 ? 'a fault' : 'faults'}:\n${lines.join('\n')}`);
}

async function waitUntilReady(url: string): Promise<void> {
  for (let attempt = 0; attempt < 50 && !stopping; attempt += 1) {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(10_000) }).catch(
      () => undefined,
    );
    if (response?.ok) return;
    await sleep(200);
  }
  if (!stopping) throw new Error('a part does not answer; see /readyz and the logs');
}

async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  if (stack) log('Stopping…');
  await stack?.stop();
  // A stop in the middle of the start: the services end with this process.
  process.exit(code);
}

function isFree(candidate: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.once('error', () => done(false));
    probe.listen(candidate, '127.0.0.1', () => probe.close(() => done(true)));
  });
}
