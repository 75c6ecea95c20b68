import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const FILES = [
  'wrangler.toml',
  ...['gateway', 'auth', 'storage', 'ai'].map((name) => `functions/${name}/wrangler.toml`),
];
const ENVIRONMENTS = ['dev', 'staging', 'production'];

/** Of one environment: its tables, and in them the names of what is set. */
function shapeOf(text: string, environment: string): string[] {
  const shape: string[] = [];
  let table = '';
  for (const line of text.split('\n')) {
    table = /^\[+([\w.]+)\]+$/.exec(line)?.[1] ?? table;
    const isOurs = table === `env.${environment}` || table.startsWith(`env.${environment}.`);
    const name = /^(\w+) = /.exec(line)?.[1];
    if (isOurs && name !== undefined) shape.push(`${table.slice(`env.${environment}`.length)} ${name}`);
  }
  return shape.toSorted();
}

test.each(FILES)('%s knows every environment, each with the same bindings and variables', async (path) => {
  const text = await readFile(join(ROOT, path), 'utf8');
  const [dev = [], ...others] = ENVIRONMENTS.map((environment) => shapeOf(text, environment));
  expect(dev.length).toBeGreaterThan(3);
  for (const other of others) expect(other).toEqual(dev);
});

test.each(FILES)('no environment of %s reaches into another one', async (path) => {
  const text = await readFile(join(ROOT, path), 'utf8');
  for (const environment of ENVIRONMENTS) {
    const from = text.indexOf(`[env.${environment}]`);
    const next = ENVIRONMENTS.map((other) => text.indexOf(`[env.${other}]`)).filter((at) => at > from);
    const section = text.slice(from, Math.min(text.length, ...next));
    const others = ENVIRONMENTS.filter((other) => other !== environment);
    expect(section).toContain(`-${environment}"`);
    for (const other of others) expect(section).not.toMatch(new RegExp(`[-."]${other}[".]`));
  }
});
