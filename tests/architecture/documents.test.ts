import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFile(join(ROOT, path), 'utf8');

test('every code of every error catalogue is in docs/errors.md, with its status, and no other', async () => {
  const modules = await readdir(join(ROOT, 'src/modules'));
  const catalogues = [
    'src/core/http/app-error.ts',
    ...modules.map((module) => `src/modules/${module}/errors.ts`),
  ];
  const sources = await Promise.all(catalogues.map(read));
  const defined = sources.flatMap((source) =>
    [...source.matchAll(/^ {2}(\w+): \{\s+status: (\d+)/gm)].map(([, code, status]) => `${code} ${status}`),
  );
  // The second table is of OAuth's own codes, which its RFCs define.
  const [problems = ''] = (await read('docs/errors.md')).split('\n## ');
  const documented = [...problems.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  expect(defined.length).toBeGreaterThan(20);
  expect(documented.toSorted()).toEqual(defined.toSorted());
});

test('every variable that a component reads is in docs/environment.md', async () => {
  const schemas = [
    'src/core/config/config.ts',
    'src/gateway/config.ts',
    'src/sidecar/config.ts',
    'src/local/postgres/main.ts',
    'src/modules/auth/config.ts',
    'src/modules/storage/dependencies.ts',
    'src/modules/ai/dependencies.ts',
  ];
  const sources = await Promise.all(schemas.map(read));
  const variables = new Set(
    sources.flatMap((source) =>
      [...source.matchAll(/^\s+([A-Z][A-Z0-9_]{2,}): [a-z]\w*\b/gm)].map(([, name]) => name),
    ),
  );
  const page = await read('docs/environment.md');
  expect(variables.size).toBeGreaterThan(20);
  expect([...variables].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
