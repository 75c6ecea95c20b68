import { appendFile } from 'node:fs/promises';
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
const QUEUE = 'acs-events';
/** As in functions/ai/wrangler.toml, but a wake-up need not wait for company here. */
const CONSUMER = { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 10 };
/** As in every wrangler.toml. */
const COMPATIBILITY = { compatibilityDate: '2026-07-30', compatibilityFlags: ['nodejs_compat'] };

export function functionsOf(composition: Composition): readonly FunctionName[] {
  return composition === 'monolith' ? ['monolith'] : ['gateway', 'auth', 'storage', 'ai'];
}

/** workerd through miniflare: the bundles that would be deployed, with service bindings, queue and cron. */
export async function startWorkers(options: WorkersOptions): Promise<Workers> {
  const ownListeners = new Set(SIGNALS.flatMap((signal) => process.listeners(signal)));
  const miniflare = new Miniflare({
    host: options.host,
    port: options.port,
    log: new Log(LogLevel.NONE),
    handleRuntimeStdio: (stdout: Readable, stderr: Readable) => {
      for (const stream of [stdout, stderr])
        stream.on('data', (data: Buffer) => void appendFile(options.logFile, data));
    },
    workers: workersOf(options),
  });
  const url = await miniflare.ready;
  // Miniflare would end the process on a signal by itself, before the launcher has stopped the services in order.
  for (const signal of SIGNALS) {
    for (const listener of process.listeners(signal))
      if (!ownListeners.has(listener)) process.removeListener(signal, listener);
  }
  const consumer = options.composition === 'monolith' ? 'monolith' : 'ai';
  return {
    url,
    async runCron() {
      const worker = await miniflare.getWorker(consumer);
      await worker.scheduled({ cron: '* * * * *' });
    },
    close: () => miniflare.dispose(),
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
