import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { gzip } from 'node:zlib';

export const FUNCTION_NAMES = ['gateway', 'auth', 'storage', 'ai', 'monolith'] as const;
export type FunctionName = (typeof FUNCTION_NAMES)[number];
/** `default` is the top level of a wrangler.toml: what runs locally. */
export type Environment = 'default' | 'dev' | 'staging' | 'production';

export interface Bundle {
  readonly name: FunctionName;
  /** Absolute path of the one module of the Worker. */
  readonly path: string;
  readonly bytes: number;
  readonly gzipBytes: number;
}

export interface BundleOptions {
  readonly names: readonly FunctionName[];
  /** Absolute path; one folder per function and content below it. */
  readonly outDir: string;
  readonly environment?: Environment;
  readonly log: (line: string) => void;
  /** Ends the running builds. */
  readonly signal?: AbortSignal;
}

/** Wrangler refused a function; the message carries what it printed. */
export class BundleError extends Error {
  override name = 'BundleError';
}

const ROOT = join(import.meta.dirname, '../..');
const WRANGLER = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
const WRANGLER_TIMEOUT_MS = 180_000;
/** Each run keeps a core and some 300 MB busy. */
const PARALLEL_RUNS = 2;
/** Everything a bundle is made of. src/local and src/sidecar cannot get in (edge-never-imports-node-side). */
const SOURCES = ['functions', 'src/core', 'src/contracts', 'src/gateway', 'src/modules'];
const SOURCE_FILES = ['package-lock.json', 'tsconfig.json', 'tsconfig.base.json', 'wrangler.toml'];

const run = promisify(execFile);
const compress = promisify(gzip);

/**
 * Builds functions with the very command that deploys them, minus the upload, so that what runs locally is what
 * would be deployed. A bundle whose sources have not changed is taken from `outDir`.
 * @throws BundleError
 */
export async function buildBundles(options: BundleOptions): Promise<Bundle[]> {
  await mkdir(options.outDir, { recursive: true });
  const hash = await hashSources();
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  const bundles: Bundle[] = [];
  const waiting = [...options.names.entries()];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [position, name] = next;
      bundles[position] = await buildBundle(name, hash, { ...options, signal });
    }
  };
  try {
    await Promise.all(Array.from({ length: PARALLEL_RUNS }, work));
  } finally {
    // After a failure the other builds are of no use.
    failed.abort();
  }
  return bundles;
}

export function configOf(name: FunctionName): string {
  return name === 'monolith' ? 'wrangler.toml' : `functions/${name}/wrangler.toml`;
}

async function buildBundle(name: FunctionName, hash: string, options: BundleOptions): Promise<Bundle> {
  const label =
    options.environment && options.environment !== 'default' ? `${name}-${options.environment}` : name;
  const folder = join(options.outDir, `${label}.${hash}`);
  const path = join(folder, 'index.js');
  const cached = await readFile(path).catch(() => undefined);
  if (cached) return measure(name, path, cached);

  options.log(`bundling ${label}`);
  // Built aside and renamed, so that a folder with the final name is always whole.
  const unfinished = await mkdtemp(join(options.outDir, `${label}.unfinished-`));
  try {
    await runWrangler(name, options.environment ?? 'default', unfinished, options.signal);
    await rename(unfinished, folder).catch(async (error: unknown) => {
      // Another process was faster with the same content.
      await readFile(path).catch(() => Promise.reject(error));
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  await removeOthers(options.outDir, label, `${label}.${hash}`);
  return measure(name, path, await readFile(path));
}

async function measure(name: FunctionName, path: string, content: Buffer): Promise<Bundle> {
  return { name, path, bytes: content.byteLength, gzipBytes: (await compress(content)).byteLength };
}

async function runWrangler(
  name: FunctionName,
  environment: Environment,
  outDir: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const config = configOf(name);
  const args = ['deploy', '--dry-run', '--config', config, '--outdir', outDir];
  // An empty --env says that the top level is meant; without it wrangler warns about the choice.
  args.push('--env', environment === 'default' ? '' : environment);
  try {
    await run(process.execPath, [WRANGLER, ...args], {
      cwd: ROOT,
      timeout: WRANGLER_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
      env: { ...process.env, ...QUIET },
    });
  } catch (error) {
    throw new BundleError(`wrangler could not build ${config} (${environment}):\n${outputOf(error)}`, {
      cause: error,
    });
  }
}

/** No telemetry, no question to the registry about newer releases (part of the banner), no log files, no colours. */
const QUIET = {
  CI: '1',
  NO_COLOR: '1',
  FORCE_COLOR: '0',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_WRITE_LOGS: 'false',
};

function outputOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const output = ['stderr', 'stdout'].map((stream) => Reflect.get(error, stream)).filter((text) => text);
  return output.length > 0 ? stripVTControlCharacters(output.join('\n')).trim() : error.message;
}

async function removeOthers(outDir: string, label: string, keep: string): Promise<void> {
  const stale = (await readdir(outDir)).filter((entry) => entry !== keep && isFinished(entry, label));
  await Promise.all(stale.map((entry) => rm(join(outDir, entry), { recursive: true, force: true })));
}

function isFinished(entry: string, label: string): boolean {
  return entry.startsWith(`${label}.`) && !entry.startsWith(`${label}.unfinished-`);
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of [...SOURCE_FILES, ...(await listSources())]) {
    const content = await readFile(join(ROOT, path));
    hash.update(`${path}\0${content.byteLength}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
}

async function listSources(): Promise<string[]> {
  const folders = await Promise.all(
    SOURCES.map(async (folder) => {
      const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    }),
  );
  return folders
    .flat()
    .filter((path) => !path.endsWith('.test.ts') && !path.includes('/.wrangler/'))
    .map((path) => path.slice(ROOT.length + 1))
    .toSorted();
}
