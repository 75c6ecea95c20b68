import {
  type CounterName,
  DURATION_BUCKETS_SECONDS,
  type HistogramName,
  type Labels,
  METRICS,
  type MetricName,
} from './metric-catalogue.ts';

/** Whole numbers by series (`family|part|labels`): what was counted since the last time somebody took it. */
export type Increments = ReadonlyMap<string, number>;

/** Far above what the catalogue can make; a label that runs wild must not fill an isolate. */
const MAX_SERIES = 10_000;
const MICROSECONDS = 1_000_000;

export interface Metrics {
  count<Name extends CounterName>(name: Name, labels: Labels<Name>, by?: number): void;
  /** `durationMs` in milliseconds; kept in microseconds, for the store adds whole numbers. */
  observe<Name extends HistogramName>(name: Name, labels: Labels<Name>, durationMs: number): void;
  /** What was counted so far; it is counted from zero again. */
  take(): Increments;
}

/** Counters and histograms of one isolate. They are plain numbers: requests share them without waiting on each other. */
export function createMetrics(): Metrics {
  let increments = new Map<string, number>();

  function add(series: string, by: number): void {
    const known = increments.get(series);
    if (known === undefined && increments.size >= MAX_SERIES) return;
    increments.set(series, (known ?? 0) + by);
  }

  return {
    count: (name, labels, by = 1) => add(seriesOf(name, '', labels), by),
    observe(name, labels, durationMs) {
      const bucket = DURATION_BUCKETS_SECONDS.find((bound) => durationMs <= bound * 1000);
      add(seriesOf(name, bucket === undefined ? '+Inf' : String(bucket), labels), 1);
      add(seriesOf(name, 'sum', labels), Math.round((durationMs / 1000) * MICROSECONDS));
    },
    take() {
      const taken = increments;
      increments = new Map();
      return taken;
    },
  };
}

/** Of this isolate: all modules that run in it count here. */
export const metrics = createMetrics();

function seriesOf(name: MetricName, part: string, labels: Readonly<Record<string, string>>): string {
  return `${name}|${part}|${labelsText(name, labels)}`;
}

/** In the order of the catalogue, so that a series has one name. */
export function labelsText(name: MetricName, labels: Readonly<Record<string, string>>): string {
  return METRICS[name].labels.map((label) => `${label}="${escapeLabel(labels[label] ?? '')}"`).join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
