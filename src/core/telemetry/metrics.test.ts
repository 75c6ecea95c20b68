import { describe, expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';
import { renderMetrics } from './prometheus.ts';
import { createShipment } from './shipment.ts';

const request = { module: 'storage', method: 'GET', route: '/v1/files/:id' };

describe('what is rendered', () => {
  test('has a head for each metric and one line for each series', () => {
    const metrics = createMetrics();
    metrics.count('acs_http_requests_total', { ...request, status: '200' });
    metrics.count('acs_http_requests_total', { ...request, status: '200' }, 2);
    metrics.count('acs_http_requests_total', { ...request, status: '404' });
    expect(renderMetrics(metrics.take(), []).split('\n').slice(1)).toEqual([
      '# TYPE acs_http_requests_total counter',
      'acs_http_requests_total{module="storage",method="GET",route="/v1/files/:id",status="200"} 3',
      'acs_http_requests_total{module="storage",method="GET",route="/v1/files/:id",status="404"} 1',
      '',
    ]);
  });

  test('adds the buckets of a histogram up, with sum and count', () => {
    const metrics = createMetrics();
    for (const durationMs of [5, 6, 250, 40_000])
      metrics.observe('acs_http_request_duration_seconds', request, durationMs);
    const text = renderMetrics(metrics.take(), []);
    const labels = 'module="storage",method="GET",route="/v1/files/:id"';
    const bucket = (bound: string) =>
      text.match(new RegExp(`_bucket\\{[^}]*le="${bound.replace('+', '\\+')}"\\} (\\d+)`))?.[1];
    expect(['0.005', '0.01', '0.1', '0.25', '30', '+Inf'].map(bucket)).toEqual([
      '1',
      '2',
      '2',
      '3',
      '3',
      '4',
    ]);
    expect(text).toContain(`acs_http_request_duration_seconds_sum{${labels}} 40.261\n`);
    expect(text).toContain(`acs_http_request_duration_seconds_count{${labels}} 4\n`);
  });

  test('keeps the lines apart whatever a label holds', () => {
    const metrics = createMetrics();
    metrics.count('acs_http_requests_total', { ...request, route: 'a"b\\c\nd|e', status: '200' });
    expect(renderMetrics(metrics.take(), [])).toContain('route="a\\"b\\\\c\\nd|e"');
  });

  test('leaves out what another version has counted', () => {
    expect(renderMetrics(new Map([['acs_unknown_total||', 1]]), [])).toBe('');
  });

  test('shows gauges as they are', () => {
    const gauges = [{ name: 'acs_metrics_store_up', labels: {}, value: 0 }] as const;
    expect(renderMetrics(new Map(), gauges)).toMatch(/^acs_metrics_store_up 0$/m);
  });
});

describe('a shipment', () => {
  function setUp() {
    const metrics = createMetrics();
    const totals = new Map<string, number>();
    const batches: string[] = [];
    const pending: Promise<unknown>[] = [];
    const state = { time: 0, fails: false, isDropped: false };
    let ids = 0;
    const shipment = createShipment({
      take: metrics.take,
      newId() {
        ids += 1;
        return String(ids);
      },
      sleep: () => (state.isDropped ? new Promise(() => {}) : Promise.resolve()),
      now: () => state.time,
      async send(batchId, increments) {
        batches.push(batchId);
        if (state.fails) throw new Error('away');
        for (const [series, by] of increments) totals.set(series, (totals.get(series) ?? 0) + by);
      },
    });
    const soon = () => shipment.soon((promise) => pending.push(promise));
    const count = () => metrics.count('acs_http_requests_total', { ...request, status: '200' });
    const settle = () => Promise.all(pending.splice(0));
    const total = () => [...totals.values()].reduce((sum, value) => sum + value, 0);
    return { state, soon, count, settle, total, batches, pending };
  }

  test('takes the counts of all requests of a second along', async () => {
    const { soon, count, settle, total, pending } = setUp();
    for (let index = 0; index < 5; index += 1) {
      count();
      soon();
    }
    expect(pending).toHaveLength(1);
    await settle();
    expect(total()).toBe(5);
  });

  test('that fails is sent again under its id, and what came later after it', async () => {
    const { state, soon, count, settle, total, batches } = setUp();
    state.fails = true;
    count();
    soon();
    await settle();
    state.fails = false;
    count();
    soon();
    await settle();
    soon();
    await settle();
    expect(batches).toEqual(['1', '1', '2']);
    expect(total()).toBe(2);
  });

  test('whose request was dropped by the runtime is followed by another', async () => {
    const { state, soon, count, settle, total, pending } = setUp();
    state.isDropped = true;
    count();
    soon();
    pending.length = 0;
    state.isDropped = false;
    state.time = 10_000;
    soon();
    await settle();
    expect(total()).toBe(1);
  });
});
