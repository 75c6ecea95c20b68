import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { Log, LogLevel, Miniflare, type WorkerOptions } from 'miniflare';
import type { Bundle, FunctionName } from './bundles.ts';

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

/** Those with a cron trigger in their wrangler.toml. */
function scheduledOf(composition: Composition): readonly FunctionName[] {
  return composition === 'monolith' ? ['monolith'] : ['auth', 'ai'];
}

/** workerd through miniflare: the bundles that would be deployed, with service bindings, queue and cron. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const ownListeners = new Set(SIGNALS.flatMap((signal) => process.listeners(signal)));
  const logFile = createWriteStream(options.logFile, { flags: 'a' });
  const miniflare = new Miniflare({
    host: options.host,
    port: options.port,
    log: new Log(LogLevel.NONE),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      for (const stream of [stdout, stderr]) stream.pipe(logFile, { end: false });
    },
    workers: [...workersOf(options), cronWorker(scheduledOf(options.composition))],
  });
  const url = await miniflare.ready;
  // Miniflare would end the process on a signal by itself, before the launcher has stopped the services in order.
  for (const signal of SIGNALS) {
    for (const listener of process.listeners(signal))
      if (!ownListeners.has(listener)) process.removeListener(signal, listener);
  }
  const cronUrl = await miniflare.unsafeGetDirectURL(CRON);
  return {
    url,
    async runCron() {
      const response = await fetch(cronUrl, { method: 'POST', signal: AbortSignal.timeout(CRON_TIMEOUT_MS) });
      if (!response.ok) throw new Error(`the cron run answered ${response.status}`);
    },
    async close() {
      await miniflare.dispose();
      logFile.end();
    },
  };
}

function workersOf({ composition, bundles, bindings }: WorkersOptions): WorkerOptions[] {
  const worker = (name: FunctionName): WorkerOptions => {
    const bundle = bundles.find((candidate) => candidate.name === name);
    if (bundle === undefined) throw new Error(`there is no bundle of ${name}`);
    // Without its own root, a bundle outside of the working directory is refused as an escape.
    const script = { modules: true, scriptPath: bundle.path, modulesRoot: dirname(bundle.path) };
    return { name, ...script, bindings: { ...bindings }, ...COMPATIBILITY };
  };
  const producer = { queueProducers: { EVENTS: QUEUE } };
  const consumer = { queueConsumers: { [QUEUE]: CONSUMER } };
  if (composition === 'monolith') return [{ ...worker('monolith'), ...producer, ...consumer }];
  return [
    { ...worker('gateway'), serviceBindings: { AUTH: 'auth', STORAGE: 'storage', AI: 'ai' } },
    worker('auth'),
    { ...worker('storage'), ...producer, serviceBindings: { AUTH: 'auth' } },
    { ...worker('ai'), ...consumer, serviceBindings: { AUTH: 'auth', STORAGE: 'storage' } },
  ];
}

/**
 * Runs the cron triggers of other Workers when it is called. Miniflare's own way from Node waits synchronously, and
 * while the thread waits nobody reads workerd's log: once that pipe is full, both wait for ever.
 */
function cronWorker(targets: readonly FunctionName[]): WorkerOptions {
  return {
    name: CRON,
    modules: true,
    script: `export default {
      async fetch(request, env) {
        const runs = Object.values(env).map((target) =>
          target.scheduled({ scheduledTime: new Date(), cron: '* * * * *' }));
        const outcomes = (await Promise.all(runs)).map(({ outcome }) => outcome);
        return Response.json(outcomes, { status: outcomes.every((outcome) => outcome === 'ok') ? 200 : 500 });
      },
    };`,
    serviceBindings: Object.fromEntries(targets.map((name) => [name, name])),
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    compatibilityDate: COMPATIBILITY.compatibilityDate,
    compatibilityFlags: ['service_binding_extra_handlers'],
  };
}
