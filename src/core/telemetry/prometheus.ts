import { DURATION_BUCKETS_SECONDS, METRICS, type MetricName } from './metric-catalogue.ts';
import { type Increments, labelsText } from './metrics.ts';

export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

export interface Gauge {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

type Parts = Map<string, number>;

/**
 * The text that Prometheus scrapes (prometheus.io/docs/instrumenting/exposition_formats). Series of metrics that this
 * version does not know, left by another one, are not shown.
 */
export function renderMetrics(totals: Increments, gauges: readonly Gauge[]): string {
  const families = new Map<MetricName, Map<string, Parts>>();
  for (const [series, value] of totals) {
    const [name = '', part = '', ...rest] = series.split('|');
    if (!isMetricName(name)) continue;
    partsOf(families, name, rest.join('|')).set(part, value);
  }
  for (const { name, labels, value } of gauges)
    partsOf(families, name, labelsText(name, labels)).set('', value);
  return [...families.entries()].toSorted(byKey).flatMap(renderFamily).join('');
}

function partsOf(families: Map<MetricName, Map<string, Parts>>, name: MetricName, labels: string): Parts {
  const family = families.get(name) ?? new Map<string, Parts>();
  families.set(name, family);
  const parts = family.get(labels) ?? new Map<string, number>();
  family.set(labels, parts);
  return parts;
}

function renderFamily([name, series]: [MetricName, Map<string, Parts>]): string[] {
  const { type, help } = METRICS[name];
  const lines = [...series.entries()]
    .toSorted(byKey)
    .flatMap(([labels, parts]) =>
      type === 'histogram' ? renderHistogram(name, labels, parts) : [line(name, labels, parts.get('') ?? 0)],
    );
  return [`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`, ...lines];
}

/** Buckets are kept apart and added up here: an observation is one increment, not one for each bound above it. */
function renderHistogram(name: string, labels: string, parts: Parts): string[] {
  let count = 0;
  const buckets = [...DURATION_BUCKETS_SECONDS.map(String), '+Inf'].map((bound) => {
    count += parts.get(bound) ?? 0;
    return line(`${name}_bucket`, join(labels, `le="${bound}"`), count);
  });
  const sum = (parts.get('sum') ?? 0) / 1_000_000;
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)];
}

const line = (name: string, labels: string, value: number) =>
  `${name}${labels === '' ? '' : `{${labels}}`} ${value}\n`;
const join = (...labels: readonly string[]) => labels.filter((label) => label !== '').join(',');
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
  a < b ? -1 : Number(a > b);

function isMetricName(name: string): name is MetricName {
  return Object.hasOwn(METRICS, name);
}
