import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { cruise } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLEAN_TREE, PLANTED, type PlantedViolation } from './planted-violations.ts';

const CONFIG = join(import.meta.dirname, '../../.dependency-cruiser.cjs');
/** Empty stand-ins: a rule must see the package where npm puts it. */
const PACKAGES = [
  '@aws-sdk/client-s3',
  '@huggingface/inference',
  '@huggingface/transformers',
  '@neondatabase/serverless',
  '@upstash/redis',
  'drizzle-orm',
  'hono',
  'jose',
];

interface Violation {
  readonly rule: string;
  readonly file: string;
}

let folder: string;
let options: Awaited<ReturnType<typeof extractDepcruiseOptions>>;

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'acs-import-rules-')));
  options = await extractDepcruiseOptions(CONFIG);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function writeTree(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = join(folder, name);
  const packageFiles = PACKAGES.flatMap((pkg) => [
    [`node_modules/${pkg}/package.json`, JSON.stringify({ name: pkg, version: '1.0.0', main: 'index.js' })],
    [`node_modules/${pkg}/index.js`, ''],
  ]);
  const manifest = JSON.stringify({
    name: 'fixture',
    dependencies: Object.fromEntries(PACKAGES.map((pkg) => [pkg, '1'])),
  });
  const entries = [...Object.entries(files), ...packageFiles, ['package.json', manifest]];
  for (const [path = '', content = ''] of entries) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

async function violationsIn(root: string): Promise<Violation[]> {
  const { output } = await cruise(['functions', 'src', 'tests'], {
    ...options,
    baseDir: root,
    validate: true,
  });
  if (typeof output === 'string') throw new Error('expected a cruise result');
  return output.summary.violations.map(({ rule, from }) => ({ rule: rule.name, file: from }));
}

function plant({ file, imports, needs }: PlantedViolation): [string, string][] {
  return [[file, imports === undefined ? '' : `import '${imports}';`], ...Object.entries(needs ?? {})];
}

describe('import rules', () => {
  let violations: Violation[];

  beforeAll(async () => {
    const planted = Object.fromEntries(PLANTED.flatMap(plant));
    violations = await violationsIn(await writeTree('planted', { ...CLEAN_TREE, ...planted }));
  });

  it.each(PLANTED)('$rule catches $file', ({ rule, file }) => {
    expect(violations.filter((violation) => violation.file === file)).toEqual([{ rule, file }]);
  });

  it('report nothing but what was planted', () => {
    const planted = new Set(PLANTED.flatMap((row) => plant(row).map(([file]) => file)));
    expect(violations.filter(({ file }) => !planted.has(file))).toEqual([]);
  });

  it('are each proven by a planted violation', () => {
    const names = options.ruleSet?.forbidden?.map((rule) => rule.name) ?? [];
    expect(PLANTED.map(({ rule }) => rule).toSorted()).toEqual(names.toSorted());
  });

  it('report nothing on a clean tree', async () => {
    expect(await violationsIn(await writeTree('clean', CLEAN_TREE))).toEqual([]);
  });
});
