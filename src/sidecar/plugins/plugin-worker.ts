import { parentPort } from 'node:worker_threads';
import type { Embedded, Plugin, PluginContext } from './plugin.ts';
import type { FromThread, ToThread } from './protocol.ts';

/** One plugin thread: a hostile text, or a plugin that loops or grows, takes down this thread and nothing else. */

const REASON_CHARACTERS = 300;
const plugins = new Map<string, Promise<Plugin>>();
const calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
let lastCall = 0;

const tell = (message: FromThread) => parentPort?.postMessage(message);

parentPort?.on('message', async (message: ToThread) => {
  if (message.kind === 'answer') return settle(message.call)?.resolve(message.value);
  if (message.kind === 'refuse') return settle(message.call)?.reject(new Error(message.reason));
  try {
    const plugin = await load(message.module);
    tell(
      message.kind === 'describe'
        ? { kind: 'described', manifest: plugin.manifest }
        : await run(plugin, message),
    );
  } catch (error) {
    tell({ kind: 'failed', reason: explain(error) });
  }
});

function settle(call: number) {
  const waiting = calls.get(call);
  calls.delete(call);
  return waiting;
}

function load(module: string): Promise<Plugin> {
  const known = plugins.get(module) ?? import(module).then(toPlugin);
  plugins.set(module, known);
  return known;
}

/** Either the default export or the module itself; CommonJS has its exports as default export. */
function toPlugin(module: Record<string, unknown>): Plugin {
  for (const candidate of [module.default, module]) {
    if (isPlugin(candidate)) return candidate;
  }
  throw new Error('The module exports no plugin: a manifest and a function run.');
}

function isPlugin(value: unknown): value is Plugin {
  return (
    typeof value === 'object' &&
    value !== null &&
    'manifest' in value &&
    'run' in value &&
    typeof value.run === 'function'
  );
}

async function run(plugin: Plugin, job: Extract<ToThread, { kind: 'run' }>): Promise<FromThread> {
  const outcome = await plugin.run(job.input, contextOf(job));
  if ('skipped' in outcome) return { kind: 'skipped', reason: cut(String(outcome.skipped)) };
  const output = JSON.stringify(outcome.output);
  if (typeof output !== 'string') return { kind: 'failed', reason: 'The step gave no output.' };
  if (Buffer.byteLength(output) > job.limits.outputBytes) {
    return { kind: 'failed', reason: `The output is larger than ${job.limits.outputBytes} bytes.` };
  }
  const { remark } = outcome;
  return { kind: 'done', output, ...(remark === undefined ? {} : { remark: cut(remark) }) };
}

function contextOf({ limits, may }: Extract<ToThread, { kind: 'run' }>): PluginContext {
  return {
    signal: AbortSignal.timeout(limits.milliseconds),
    ...(may.embed
      ? { embed: (texts) => ask<Embedded | undefined>((call) => ({ kind: 'embed', call, texts })) }
      : {}),
    ...(may.summarise ? { summarise: (text) => ask((call) => ({ kind: 'summarise', call, text })) } : {}),
  };
}

function ask<T>(message: (call: number) => FromThread): Promise<T> {
  const call = ++lastCall;
  return new Promise<T>((resolve, reject) => {
    calls.set(call, { resolve: (value) => resolve(value as T), reject });
    tell(message(call));
  });
}

function explain(error: unknown): string {
  return (
    cut(error instanceof Error ? error.message : String(error)) || 'It threw an error without a message.'
  );
}

function cut(reason: string): string {
  return reason.slice(0, REASON_CHARACTERS).toWellFormed();
}
