import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { PluginInfo } from '../../contracts/sidecar.ts';

/** A module that may be a plugin. */
export interface Candidate {
  readonly source: Exclude<PluginInfo['source'], 'http'>;
  /** What it is listed under while its own name is not known. */
  readonly title: string;
  /** URL of the module; undefined when it was not found. */
  readonly module: string | undefined;
}

const BUILT_IN = [
  'summary',
  'keywords',
  'entities',
  'sentiment',
  'reading',
  'fingerprint',
  'classification',
  'fields',
] as const;

export const builtInCandidates: readonly Candidate[] = BUILT_IN.map((title) => ({
  source: 'built-in',
  title,
  module: new URL(`./steps/${title}.ts`, import.meta.url).href,
}));

const ENTRIES = ['index.ts', 'index.js', 'index.mjs'] as const;

/** Each subfolder with an index.ts, index.js or index.mjs, by name. @throws when the folder cannot be listed */
export async function folderCandidates(folder: string): Promise<Candidate[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const found = await Promise.all(
    names.sort().map(async (name) => ({ name, entry: await entryOf(folder, name) })),
  );
  return found.flatMap(({ name, entry }) =>
    entry === undefined
      ? []
      : [{ source: 'folder' as const, title: name, module: pathToFileURL(entry).href }],
  );
}

async function entryOf(folder: string, name: string): Promise<string | undefined> {
  const files = new Set(await readdir(join(folder, name)).catch(() => []));
  const entry = ENTRIES.find((file) => files.has(file));
  return entry === undefined ? undefined : resolve(folder, name, entry);
}

/** Packages by name, found as the process itself would find them. */
export function packageCandidates(names: readonly string[]): Candidate[] {
  const require = createRequire(join(process.cwd(), 'package.json'));
  return names.map((title) => ({ source: 'package', title, module: resolvePackage(require, title) }));
}

function resolvePackage(require: NodeJS.Require, name: string): string | undefined {
  try {
    return pathToFileURL(require.resolve(name)).href;
  } catch {
    return undefined;
  }
}

const MOST_FILES = 2_000;

/** Changes whenever a file below the folder does; `node_modules` and dot files are not looked at. */
export async function folderState(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const waiting = [folder];
  for (let files = 0; waiting.length > 0 && files < MOST_FILES; ) {
    const at = waiting.shift() ?? folder;
    const entries = await readdir(at, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else if (entry.isFile()) {
        files++;
        const { mtimeMs, size } = await stat(path);
        hash.update(`${path}\0${mtimeMs}\0${size}\0`);
      }
    }
  }
  return hash.digest('hex');
}
