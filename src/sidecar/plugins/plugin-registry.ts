import { type PluginInfo, type PluginManifest, pluginManifestSchema } from '../../contracts/sidecar.ts';
import type { Logger } from '../../core/telemetry/logger.ts';
import {
  builtInCandidates,
  type Candidate,
  folderCandidates,
  folderState,
  packageCandidates,
} from './candidates.ts';
import { explain, fetchManifest, type HttpPlugin, runHttpPlugin } from './http-plugin.ts';
import type { PluginInput } from './plugin.ts';
import type { ThreadLimits } from './plugin-thread.ts';
import type { Calls, Settled } from './protocol.ts';
import { createThreadPool, type ThreadPool } from './thread-pool.ts';

export interface PluginSources {
  /** Folder of folders. */
  readonly folder?: string | undefined;
  readonly packages: readonly string[];
  readonly http: readonly HttpPlugin[];
  /** Looks at the folder before every use; for development. */
  readonly reload: boolean;
}

/** A plugin that can run, or of which is known why it cannot. */
export interface InstalledPlugin {
  readonly info: PluginInfo;
  /** On a thread of this process, which is scarce. */
  readonly onThread: boolean;
  /** @throws the signal's reason */
  run?(input: PluginInput, calls: Calls, signal: AbortSignal): Promise<Settled>;
}

export interface PluginRegistry {
  /** Every plugin; the built-in ones first, then as they are configured. */
  list(): Promise<readonly InstalledPlugin[]>;
  close(): Promise<void>;
}

export interface PluginRegistryOptions {
  readonly sources: PluginSources;
  readonly threads: { readonly builtIn: ThreadLimits; readonly added: ThreadLimits };
  readonly logger: Logger;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

const LOAD_MS = 20_000;
/** A process that did not answer when it was asked for its manifest is asked again after so long. */
const HTTP_RETRY_MS = 15_000;

type Alone = InstalledPlugin & { pool: ThreadPool };

interface Loading {
  builtIn: Promise<InstalledPlugin[]>;
  packages: Promise<Alone[]>;
  folder: Promise<Alone[]>;
  /** Of the folder, where it is watched. */
  state: Promise<string> | undefined;
  http: { plugin: HttpPlugin; askedAt: number; loaded: Promise<InstalledPlugin> }[];
}

/** Finds the plugins when they are first asked for, and keeps them. */
export function createPluginRegistry({
  sources,
  threads,
  logger,
  now,
}: PluginRegistryOptions): PluginRegistry {
  const stopping = new AbortController();
  const builtInPool = createThreadPool(threads.builtIn);
  let loading: Loading | undefined;

  function load(): Loading {
    loading ??= {
      builtIn: oneByOne(builtInCandidates, (candidate) => describe(candidate, builtInPool)),
      packages: oneByOne(packageCandidates(sources.packages), describeAlone),
      folder: loadFolder(sources.folder),
      state: sources.folder !== undefined && sources.reload ? folderState(sources.folder) : undefined,
      http: sources.http.map((plugin) => ({ plugin, askedAt: now(), loaded: describeHttp(plugin) })),
    };
    return loading;
  }

  async function describe(candidate: Candidate, pool: ThreadPool): Promise<InstalledPlugin> {
    const { module, source, title } = candidate;
    if (module === undefined) return faulty(title, source, 'The package was not found.');
    const bounds = { milliseconds: LOAD_MS, signal: stopping.signal };
    const settled = await pool.run({ kind: 'describe', module }, {}, bounds).catch(() => undefined);
    if (settled?.kind !== 'described') {
      const reason = settled?.kind === 'failed' ? settled.reason : 'It could not be loaded.';
      logger.warn('plugin cannot run', { plugin: title, reason });
      return faulty(title, source, reason);
    }
    const manifest = pluginManifestSchema.safeParse(settled.manifest);
    if (!manifest.success)
      return faulty(title, source, `Its manifest is not valid: ${firstFault(manifest.error)}`);
    return {
      info: { ...manifest.data, source, enabledByDefault: source === 'built-in' },
      onThread: true,
      run: (input, calls, signal) => runOnThread(pool, module, manifest.data, input, calls, signal),
    };
  }

  /** A plugin that is not ours has threads of its own. */
  async function describeAlone(candidate: Candidate): Promise<Alone> {
    const pool = createThreadPool(threads.added);
    return { ...(await describe(candidate, pool)), pool };
  }

  async function loadFolder(path: string | undefined): Promise<Alone[]> {
    if (path === undefined) return [];
    const candidates = await folderCandidates(path).catch(() => undefined);
    if (candidates === undefined) logger.warn('folder of plugins cannot be listed', { folder: path });
    return oneByOne(candidates ?? [], describeAlone);
  }

  async function describeHttp(plugin: HttpPlugin): Promise<InstalledPlugin> {
    try {
      const manifest = await fetchManifest(plugin, stopping.signal);
      return {
        info: { ...manifest, source: 'http', enabledByDefault: false },
        onThread: false,
        run: (input, _, signal) => runHttpPlugin(plugin, manifest, input, signal),
      };
    } catch (error) {
      const reason = error instanceof Error && error.name === 'Error' ? error.message : explain(error);
      return faulty(new URL(plugin.url).hostname, 'http', reason);
    }
  }

  /** The folder as it is now, read anew if a file in it has changed. */
  async function reload(loaded: Loading): Promise<void> {
    if (sources.folder === undefined || loaded.state === undefined) return;
    const next = await folderState(sources.folder);
    if (next === (await loaded.state)) return;
    loaded.state = Promise.resolve(next);
    const old = loaded.folder;
    loaded.folder = loadFolder(sources.folder);
    for (const { pool } of await old) await pool.close();
  }

  async function askAgain(loaded: Loading): Promise<void> {
    for (const entry of loaded.http) {
      const { info } = await entry.loaded;
      if (info.fault === undefined || now() - entry.askedAt < HTTP_RETRY_MS) continue;
      entry.askedAt = now();
      entry.loaded = describeHttp(entry.plugin);
    }
  }

  return {
    async list() {
      const loaded = load();
      await Promise.all([reload(loaded), askAgain(loaded)]);
      const { folder, packages, http } = loaded;
      const added = await Promise.all([folder, packages, Promise.all(http.map((entry) => entry.loaded))]);
      return withoutDoubles([...(await loaded.builtIn), ...added.flat()]);
    },
    async close() {
      stopping.abort();
      const added = await Promise.all([loading?.packages ?? [], loading?.folder ?? []]);
      const pools = added.flat().map(({ pool }) => pool);
      await Promise.all([builtInPool, ...pools].map((pool) => pool.close()));
    },
  };
}

function runOnThread(
  pool: ThreadPool,
  module: string,
  { limits, inputs }: PluginManifest,
  input: PluginInput,
  calls: Calls,
  signal: AbortSignal,
): Promise<Settled> {
  const may = {
    embed: inputs.includes('embedding') && calls.embed !== undefined,
    summarise: calls.summarise !== undefined,
  };
  const bounds = { milliseconds: limits.milliseconds, signal };
  return pool.run({ kind: 'run', module, input, limits, may }, calls, bounds);
}

/** A thread at a time is started, not one for every plugin. */
async function oneByOne<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

/** The first of a name keeps it: built-in ones come first. */
function withoutDoubles(plugins: readonly InstalledPlugin[]): InstalledPlugin[] {
  const owners = new Map<string, string>();
  return plugins.map((plugin) => {
    const { name, source, fault } = plugin.info;
    const owner = owners.get(name);
    if (owner === undefined) {
      if (fault === undefined) owners.set(name, source);
      return plugin;
    }
    const taken =
      fault ??
      `The name is taken by a plugin that is ${owner === 'built-in' ? 'built in' : `from: ${owner}`}.`;
    return { info: { ...plugin.info, fault: taken }, onThread: plugin.onThread };
  });
}

/** What cannot say what it is, is listed under what it was found as. */
function faulty(title: string, source: PluginInfo['source'], fault: string): InstalledPlugin {
  const name = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 50);
  const info: PluginInfo = {
    name: name === '' ? 'unnamed' : name,
    version: '0.0.0',
    description: '',
    inputs: ['text'],
    outputs: ['none'],
    mediaTypes: ['*'],
    limits: { milliseconds: 1, characters: 1, outputBytes: 1 },
    source,
    enabledByDefault: false,
    fault,
  };
  return { info, onThread: false };
}

function firstFault(error: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  const issue = error.issues[0];
  return issue === undefined ? 'unknown' : `${issue.path.join('.') || 'manifest'}: ${issue.message}`;
}
