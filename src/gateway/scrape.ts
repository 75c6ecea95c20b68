import { createUpstashTotals } from '../core/cache/upstash-totals.ts';
import { coreError } from '../core/http/app-error.ts';
import { bearerToken } from '../core/http/authorize.ts';
import { hashSecret } from '../core/security/secret.ts';
import type { Increments } from '../core/telemetry/metrics.ts';
import { type Gauge, PROMETHEUS_TEXT, renderMetrics } from '../core/telemetry/prometheus.ts';
import { type GatewayConfig, gatewayConfig } from './config.ts';
import { checkModules } from './readiness.ts';

/**
 * `GET /metrics` in Prometheus' text format, for the bearer of METRICS_TOKEN. Counters are those of all isolates of all
 * modules, as Redis has added them up; gauges are asked for now. When Redis is away there are gauges only.
 * @throws AppError not_found where no token is set, unauthorized for another one.
 */
export async function scrape(env: object, request: Request): Promise<Response> {
  const config = gatewayConfig(env);
  if (config.METRICS_TOKEN === undefined) throw coreError('not_found');
  // Hashes take the same time to compare, whatever was sent.
  if (hashSecret(bearerToken(request)) !== hashSecret(config.METRICS_TOKEN))
    throw coreError('unauthorized', { detail: 'This is for whoever has the token of the metrics.' });
  const [totals, { modules, dependencies }] = await Promise.all([readTotals(config), checkModules(env)]);
  const gauges: Gauge[] = Object.entries(modules).map(([module, state]) => ({
    name: 'acs_module_up',
    labels: { module },
    value: Number(state === 'ready' || state === 'degraded'),
  }));
  for (const [module, found] of Object.entries(dependencies))
    for (const [dependency, { state }] of Object.entries(found))
      gauges.push({
        name: 'acs_dependency_up',
        labels: { module, dependency },
        value: Number(state === 'up'),
      });
  gauges.push({ name: 'acs_metrics_store_up', labels: {}, value: Number(totals !== undefined) });
  return new Response(renderMetrics(totals ?? new Map(), gauges), {
    headers: { 'content-type': PROMETHEUS_TEXT, 'cache-control': 'no-store' },
  });
}

async function readTotals(config: GatewayConfig): Promise<Increments | undefined> {
  const { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } = config;
  if (UPSTASH_REDIS_REST_URL === undefined || UPSTASH_REDIS_REST_TOKEN === undefined) return undefined;
  return createUpstashTotals({ UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN })
    .read()
    .catch(() => undefined);
}
