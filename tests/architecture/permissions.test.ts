import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { EdgeModule } from '../../src/core/http/edge-module.ts';
import { PERMISSIONS, WORKSPACE_PERMISSIONS } from '../../src/core/security/permissions.ts';
import { contractOf, modules } from './public-contract.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/permissions.md');
/** `UPDATE_DOCS=1 npx vitest run --project unit tests/architecture/permissions.test.ts` writes the page anew. */
const UPDATE = process.env.UPDATE_DOCS === '1';

const contractSchema = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        'x-permission': z.enum(PERMISSIONS).optional(),
        'x-public': z.boolean().optional(),
        'x-recent-authentication': z.boolean().optional(),
        'x-workspace-permission': z.enum(WORKSPACE_PERMISSIONS).optional(),
      }),
    ),
  ),
});

/** Lines of a generated table stand between `<!-- name -->` and `<!-- /name -->`. */
const between = (page: string, name: string) =>
  page.split(`<!-- ${name} -->\n`)[1]?.split(`<!-- /${name} -->`)[0] ?? '';

async function expectTable(name: string, lines: (page: string) => readonly string[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const table = `${lines(page).join('\n')}\n`;
  if (UPDATE) {
    const marked = (text: string) => `<!-- ${name} -->\n${text}<!-- /${name} -->`;
    await writeFile(
      PAGE,
      page.replace(marked(between(page, name)), () => marked(table)),
    );
  }
  expect(between(await readFile(PAGE, 'utf8'), name)).toBe(table);
}

/** Rows of the table, each with what it is sorted by. */
async function routesOf(module: EdgeModule): Promise<{ key: string; row: string }[]> {
  const { paths } = contractSchema.parse(await contractOf(module));
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const permission = operation['x-permission'];
      const needs = permission === undefined ? 'open' : `\`${permission}\``;
      const inWorkspace = operation['x-workspace-permission'];
      const cells = [
        `\`${method.toUpperCase()} ${path}\``,
        needs,
        inWorkspace ? `\`${inWorkspace}\`` : '',
        operation['x-recent-authentication'] ? 'yes' : '',
      ];
      return { key: `${path} ${method}`, row: `| ${cells.join(' | ')} |` };
    }),
  );
}

/** Permissions of each built-in role, from the migrations. */
async function builtInRoles(scope: string): Promise<Map<string, Set<string>>> {
  const folder = join(ROOT, 'drizzle');
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  const sources = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const rows = sources.flatMap((source) => [
    ...source.matchAll(/\('(deployment|workspace)', '([a-z-]+)', '[^']*', '\{([^}]*)\}', true\)/g),
  ]);
  const roles = new Map(
    rows
      .filter(([, of]) => of === scope)
      .map(([, , name = '', permissions = '']) => [name, new Set(permissions.split(','))]),
  );
  const added = sources.flatMap((source) => [
    ...source.matchAll(
      /SET permissions = permissions \|\| '\{([^}]*)\}'::text\[\]\s+WHERE scope = '(\w+)' AND name (?:=|IN) ([^;]+);/g,
    ),
  ]);
  for (const [, permissions = '', , names = ''] of added.filter(([, , of]) => of === scope))
    for (const [, name = ''] of names.matchAll(/'([a-z-]+)'/g))
      for (const permission of permissions.split(',')) roles.get(name)?.add(permission);
  return roles;
}

function permissionTable(
  catalogue: readonly string[],
  roles: ReadonlyMap<string, ReadonlySet<string>>,
  former: string,
): string[] {
  const meaning = (permission: string) =>
    former
      .split('\n')
      .find((line) => line.startsWith(`| \`${permission}\` |`))
      ?.split('|')[2]
      ?.trim() ?? '';
  const names = [...roles.keys()];
  return [
    `| Permission | Allows | ${names.join(' | ')} |`,
    `|---|---|${names.map(() => '---').join('|')}|`,
    ...catalogue.map((permission) => {
      const held = names.map((name) => (roles.get(name)?.has(permission) ? 'yes' : ''));
      return `| \`${permission}\` | ${meaning(permission)} | ${held.join(' | ')} |`;
    }),
  ];
}

test.each([
  ['deployment', PERMISSIONS],
  ['workspace', WORKSPACE_PERMISSIONS],
])(
  'docs/permissions.md says of each permission of the %s what it allows and who has it',
  async (scope, all) => {
    const roles = await builtInRoles(scope);
    expect(
      [...roles.values()].flatMap((held) => [...held]).filter((name) => !all.some((p) => p === name)),
    ).toEqual([]);
    expect([...(roles.get(scope === 'deployment' ? 'admin' : 'owner') ?? [])].toSorted()).toEqual(
      [...all].toSorted(),
    );
    await expectTable(`${scope}-permissions`, (page) =>
      permissionTable(all, roles, between(page, `${scope}-permissions`)),
    );
    const table = between(await readFile(PAGE, 'utf8'), `${scope}-permissions`);
    expect(table).not.toMatch(/^\| `[^`]+` \|\s*\|/m);
  },
);

test('docs/permissions.md says of every route of every module what it needs', async () => {
  const routes = await Promise.all((await modules()).map((module) => routesOf(module)));
  const lines = routes
    .flat()
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ row }) => row);
  expect(lines.length).toBeGreaterThan(50);
  await expectTable('routes', () => [
    '| Call | Permission | In the workspace | Recent proof of identity |',
    '|---|---|---|---|',
    ...lines,
  ]);
});
