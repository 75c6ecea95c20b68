import { createWriteStream, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { Log, LogLevel, Miniflare, type WorkerOptions } from 'miniflare';
import type { Bundle, FunctionName } from './bundles.ts';
import { createEdgeGuard, type EdgeGuard } from './edge-guard/edge-guard.ts';

export type Composition = 'split' | 'monolith';

export interface WorkersOptions {
  readonly composition: Composition;
  readonly bundles: readonly Bundle[];
  readonly host: string;
  readonly port: number;
  /** Variables and secrets of all modules; the local Workers all get the same set. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface Workers {
  readonly url: URL;
  /** Runs the cron triggers of all Workers once. */
  runCron(): Promise<void>;
  close(): Promise<void>;
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const CRON = 'cron';
const CRON_TIMEOUT_MS = 15 * 60_000;
const QUEUE = 'acs-events';
/** As in functions/ai/wrangler.toml, but a wake-up need not wait for company here. */
const CONSUMER = { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 };
/** As in every wrangler.toml. */
const COMPATIBILITY = { compatibilityDate: '2026-07-30', compatibilityFlags: ['nodejs_compat'] };

export function functionsOf(composition: Composition): readonly FunctionName[] {
  return composition === 'monolith' ? ['monolith'] : ['gateway', 'auth', 'storage', 'ai'];
}

/**
 * workerd through miniflare: the bundles that would be deployed, with service bindings, queue and cron. Of the split
 * composition auth has a workerd of its own. In production every function has machines of its own; here all Workers of
 * one workerd share a thread, and while auth derives a password, which takes a quarter of a second, nobody else would
 * get an answer.
 */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const logFile = createWriteStream(options.logFile, { flags: 'a' });
  const runtimes: Miniflare[] = [];
  const guard = process.env.ACS_EDGE_GUARD === '1' ? createEdgeGuard() : undefined;
  const close = async () => {
    await guard?.drain();
    for (const runtime of runtimes.toReversed()) await runtime.dispose();
    logFile.end();
    if (guard) console.log(await guard.finish());
  };
  const start = async (port: number, planned: WorkerOptions[]) => {
    const workers = guard ? await Promise.all(planned.map((worker) => guarded(guard, worker))) : planned;
    const runtime = await startRuntime({ host: options.host, port, workers }, logFile, guard);
    runtimes.push(runtime);
    return runtime;
  };
  try {
    if (options.composition === 'monolith') {
      const monolith = await start(options.port, [monolithOf(options), cronWorker('monolith')]);
      return { url: await monolith.ready, runCron: await cronOf(monolith), close };
    }
    const auth = await start(0, [authOf(options), cronWorker('auth')]);
    const address = await auth.unsafeGetDirectURL('auth');
    const others = await start(options.port, [
      ...othersOf(options, address.host),
      cronWorker('ai', 'storage'),
    ]);
    const crons = [await cronOf(auth), await cronOf(others)];
    return {
      url: await others.ready,
      runCron: async () => void (await Promise.all(crons.map((runCron) => runCron()))),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startRuntime(
  { host, port, workers }: { host: string; port: number; workers: WorkerOptions[] },
  logFile: WriteStream,
  guard: EdgeGuard | undefined,
): Promise<Miniflare> {
  const ownListeners = new Set(SIGNALS.flatMap((signal) => process.listeners(signal)));
  const runtime = new Miniflare({
    host,
    port,
    log: new Log(LogLevel.NONE),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      for (const stream of [stdout, stderr]) {
        stream.pipe(logFile, { end: false });
        guard?.listen(stream);
      }
    },
    ...(guard && { inspectorPort: 0 }),
    workers,
  });
  await runtime.ready;
  await guard?.watch(await runtime.getInspectorURL());
  // Miniflare would end the process on a signal by itself, before the launcher has stopped the services in order.
  for (const signal of SIGNALS) {
    for (const listener of process.listeners(signal))
      if (!ownListeners.has(listener)) process.removeListener(signal, listener);
  }
  return runtime;
}

/** Requests from outside come to the gateway, and to the monolith. */
async function guarded(guard: EdgeGuard, worker: WorkerOptions): Promise<WorkerOptions> {
  if (!('scriptPath' in worker) || worker.scriptPath === undefined) return worker;
  const { scriptPath, modules: _, ...rest } = worker;
  return {
    ...rest,
    ...(await guard.script(scriptPath, worker.name === 'gateway' || worker.name === 'monolith')),
  };
}

async function cronOf(runtime: Miniflare): Promise<() => Promise<void>> {
  const url = await runtime.unsafeGetDirectURL(CRON);
  return async () => {
    const response = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(CRON_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`the cron run answered ${response.status}`);
  };
}

function workerOf({ bundles, bindings }: WorkersOptions, name: FunctionName): WorkerOptions {
  const bundle = bundles.find((candidate) => candidate.name === name);
  if (bundle === undefined) throw new Error(`there is no bundle of ${name}`);
  // Without its own root, a bundle outside of the working directory is refused as an escape.
  const script = { modules: true, scriptPath: bundle.path, modulesRoot: dirname(bundle.path) };
  return { name, ...script, bindings: { ...bindings }, ...COMPATIBILITY };
}

const PRODUCER = { queueProducers: { EVENTS: QUEUE } };
const QUEUE_CONSUMER = { queueConsumers: { [QUEUE]: CONSUMER } };
/** A socket that leads to the Worker itself, past the router of its runtime. */
const DIRECT = { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] };

const monolithOf = (options: WorkersOptions): WorkerOptions => ({
  ...workerOf(options, 'monolith'),
  ...PRODUCER,
  ...QUEUE_CONSUMER,
});

const authOf = (options: WorkersOptions): WorkerOptions => ({ ...workerOf(options, 'auth'), ...DIRECT });

function othersOf(options: WorkersOptions, authAddress: string): WorkerOptions[] {
  const AUTH = { external: { address: authAddress, http: {} } };
  return [
    { ...workerOf(options, 'gateway'), serviceBindings: { AUTH, STORAGE: 'storage', AI: 'ai' } },
    { ...workerOf(options, 'storage'), ...PRODUCER, serviceBindings: { AUTH } },
    {
      ...workerOf(options, 'ai'),
      ...PRODUCER,
      ...QUEUE_CONSUMER,
      serviceBindings: { AUTH, STORAGE: 'storage' },
    },
  ];
}

/**
 * Runs the cron triggers of other Workers when it is called. Miniflare's own way from Node waits synchronously, and
 * while the thread waits nobody reads workerd's log: once that pipe is full, both wait for ever.
 */
function cronWorker(...targets: readonly FunctionName[]): WorkerOptions {
  return {
    name: CRON,
    modules: true,
    script: `export default {
      async fetch(request, env) {
        const run = (target) => target.scheduled({ scheduledTime: new Date(), cron: '* * * * *' });
        const outcomes = (await Promise.all(Object.values(env).map(run))).map(({ outcome }) => outcome);
        return new Response(outcomes.join(), { status: outcomes.every((outcome) => outcome === 'ok') ? 200 : 500 });
      },
    };`,
    serviceBindings: Object.fromEntries(targets.map((target) => [target.toUpperCase(), target])),
    ...DIRECT,
    compatibilityDate: COMPATIBILITY.compatibilityDate,
    compatibilityFlags: ['service_binding_extra_handlers'],
  };
}
