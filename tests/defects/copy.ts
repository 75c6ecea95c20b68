import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import type { Defect } from './defect.ts';

const LEFT_OUT = new Set(['node_modules', '.git', '.data', '.wrangler', 'dist', 'coverage']);

/** A copy of the working tree, in which a mistake harms nobody. */
export interface Copy {
  readonly root: string;
  /** Makes the mistake, and afterwards takes it back. @throws when `find` is not there exactly once */
  withDefect<Result>(defect: Defect, work: () => Promise<Result>): Promise<Result>;
}

/** @returns copies that are gone after `remove`; packages are those of the working tree. */
export async function createCopies(
  tree: string,
  count: number,
): Promise<{ copies: readonly Copy[]; folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'acs-defects-'));
  const roots = Array.from({ length: count }, (_, at) => join(folder, `copy-${at + 1}`));
  const [first = ''] = roots;
  for (const root of roots) {
    await mkdir(root);
    // The others are of the first, so that all are of one moment.
    const source = root === first ? tree : first;
    await cp(source, root, {
      recursive: true,
      filter: (path) =>
        !relative(source, path)
          .split(sep)
          .some((name) => LEFT_OUT.has(name)),
    });
    await symlink(join(tree, 'node_modules'), join(root, 'node_modules'), 'dir');
  }
  return {
    copies: roots.map((root) => ({ root, withDefect: (defect, work) => withDefect(root, defect, work) })),
    folder,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function withDefect<Result>(
  root: string,
  { file, find, replace }: Defect,
  work: () => Promise<Result>,
): Promise<Result> {
  const path = join(root, file);
  const source = await readFile(path, 'utf8');
  const [before = '', after, ...more] = source.split(find);
  if (after === undefined || more.length > 0)
    throw new Error(`"${find}" is not there exactly once in ${file}`);
  await writeFile(path, `${before}${replace}${after}`);
  try {
    return await work();
  } finally {
    await writeFile(path, source);
  }
}
