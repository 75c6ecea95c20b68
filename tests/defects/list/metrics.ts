import type { Defect } from '../defect.ts';

const TELEMETRY = ['src/core/telemetry/metrics.test.ts'];
const TOTALS = ['src/core/cache/upstash-totals.test.ts'];
const SCRAPE = ['src/gateway/scrape.test.ts'];

/** Metrics: claim S64 as far as it is about who reads them; METRICS where their numbers have to be true. */
export const METRICS_DEFECTS: readonly Defect[] = [
  {
    claim: 'S64',
    title: 'whoever sends any token reads the metrics',
    file: 'src/gateway/scrape.ts',
    find: 'if (hashSecret(bearerToken(request)) !== hashSecret(config.METRICS_TOKEN))',
    replace: "if (bearerToken(request) === '')",
    tests: SCRAPE,
    by: 'nobody reads them without the token',
  },
  {
    claim: 'METRICS',
    title: 'a store that is away makes the scrape fail',
    file: 'src/gateway/scrape.ts',
    find: '    .catch(() => undefined);',
    replace: '    .finally(() => undefined);',
    tests: SCRAPE,
    by: 'while the store of the counters is away',
  },
  {
    claim: 'METRICS',
    title: 'a batch that is sent twice counts twice',
    file: 'src/core/cache/upstash-totals.ts',
    find: "'NX', 'EX'",
    replace: "'EX'",
    tests: TOTALS,
    by: 'each once however often it is sent',
  },
  {
    claim: 'METRICS',
    title: 'a batch that could not be sent is given up',
    file: 'src/core/telemetry/shipment.ts',
    find: '    unsent = batch;\n',
    replace: '',
    tests: TELEMETRY,
    by: 'that fails is sent again under its id',
  },
  {
    claim: 'METRICS',
    title: 'a dropped request ends the sending for good',
    file: 'src/core/telemetry/shipment.ts',
    find: 'overdueAt = at + OVERDUE_MS;',
    replace: 'overdueAt = Number.POSITIVE_INFINITY;',
    tests: TELEMETRY,
    by: 'whose request was dropped by the runtime',
  },
  {
    claim: 'METRICS',
    title: 'buckets are not added up',
    file: 'src/core/telemetry/prometheus.ts',
    find: 'count += parts.get(bound) ?? 0;',
    replace: 'count = parts.get(bound) ?? 0;',
    tests: TELEMETRY,
    by: 'adds the buckets of a histogram up',
  },
];
