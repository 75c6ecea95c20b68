import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { METRICS } from '../../src/core/telemetry/metric-catalogue.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

test('docs/metrics.md has one row for each metric, with its type and labels', () => {
  const rows = [...read('docs/metrics.md').matchAll(/^\| `(acs_\w+)` \| (\w+) \|([^|]*)\|/gm)].map(
    ([, name, type, labels = '']) => [name, type, [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label)],
  );
  expect(rows).toEqual(Object.entries(METRICS).map(([name, { type, labels }]) => [name, type, [...labels]]));
});

test('rules and their tests ask for metrics that exist', () => {
  const asked = ['rules.yml', 'rules.test.yml']
    .flatMap((file) => [...read(`docs/prometheus/${file}`).matchAll(/(?<![\w:])acs_\w+/g)])
    .map(([name]) => name.replace(/_bucket$/, ''));
  expect(asked.length).toBeGreaterThan(10);
  expect([...new Set(asked)].filter((name) => !Object.hasOwn(METRICS, name))).toEqual([]);
});
