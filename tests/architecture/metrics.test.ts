import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { METRICS } from '../../src/core/telemetry/metric-catalogue.ts';

const dashboardSchema = z.object({
  panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })) })),
});
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

test('panels of the dashboard ask for metrics that exist, by labels that they have', () => {
  const { panels } = dashboardSchema.parse(JSON.parse(read('docs/grafana/overview.json')));
  const asked = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
  expect(asked.length).toBeGreaterThan(8);
  const faults = asked.flatMap((expr) => {
    const [name = ''] = /acs_\w+/.exec(expr) ?? [];
    const metric = Object.entries(METRICS).find(([known]) => known === name.replace(/_bucket$/, ''))?.[1];
    if (metric === undefined) return [`no metric: ${expr}`];
    const known = new Set<string>([...metric.labels, 'le']);
    const named = [
      ...[...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(', ')),
      ...[...expr.matchAll(/[{,](\w+)(?:=~|!=|=)/g)].map(([, label = '']) => label),
    ];
    return named.filter((label) => !known.has(label)).map((label) => `no label ${label}: ${expr}`);
  });
  expect(faults).toEqual([]);
});
