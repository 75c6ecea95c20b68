import { describe, expect, inject, it } from 'vitest';
import { newAccount } from './harness/accounts.ts';
import { createClient } from './harness/client.ts';
import { until } from './harness/until.ts';

const { url, metricsToken } = inject('installation');
const api = createClient(url);

function scrape(token: string = metricsToken): Promise<Response> {
  return fetch(new URL('/metrics', url), { headers: { authorization: `Bearer ${token}` } });
}

/** Isolates send what they counted a second later. */
const COUNTED = { withinMs: 20_000, what: 'the count' };

/** The value of a series by its exact text, undefined when it is not there. */
async function valueIn(series: string): Promise<number | undefined> {
  const lines = (await (await scrape()).text()).split('\n');
  const line = lines.find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

describe('the metrics', () => {
  it.each(['', 'a-token-of-somebody-else', `${metricsToken}x`])(
    'are not for the bearer of "%s"',
    async (token) => {
      const answer = await scrape(token);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({ code: 'unauthorized' });
    },
  );

  it('are Prometheus text that nobody may keep', async () => {
    const answer = await scrape();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    for (const line of (await answer.text()).trimEnd().split('\n'))
      expect(line).toMatch(/^(# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^}]*\})? \d+(\.\d+)?(e-?\d+)?)$/);
  });

  it('count every request once, by module and route template, within seconds', async () => {
    const series =
      'acs_http_requests_total{module="storage",method="GET",route="/v1/files/:id",status="404"}';
    const { tokens } = await newAccount(api);
    const before = (await valueIn(series)) ?? 0;
    const calls = Array.from({ length: 20 }, (_, index) =>
      fetch(new URL(`/v1/files/file_${String(index).padStart(32, '0')}`, url), {
        headers: { authorization: `Bearer ${tokens.accessToken}` },
      }),
    );
    for (const answer of await Promise.all(calls)) expect(answer.status).toBe(404);
    await until(
      () => valueIn(series),
      (value) => value === before + 20,
      COUNTED,
    );
  });

  it('tell how long requests and dependencies took', async () => {
    const requests =
      'acs_http_request_duration_seconds_count{module="gateway",method="GET",route="/healthz"}';
    const before = (await valueIn(requests)) ?? 0;
    await (await fetch(new URL('/healthz', url))).text();
    await until(
      () => valueIn(requests),
      (value = 0) => value > before,
      COUNTED,
    );
    const text = await (await scrape()).text();
    expect(text).toMatch(/^acs_dependency_calls_total\{dependency="postgres",outcome="ok"\} [1-9]/m);
    expect(text).toMatch(/^acs_dependency_call_duration_seconds_sum\{dependency="postgres"\} /m);
    expect(text).toMatch(/^acs_metrics_store_up 1$/m);
    expect(text).toMatch(/^acs_module_up\{module="storage"\} 1$/m);
  });

  it('do not grow with the paths and methods that somebody makes up', async () => {
    for (let index = 0; index < 30; index += 1)
      await (await fetch(new URL(`/v1/files/made-up-${index}/made-up-${index}`, url))).text();
    const answer = await fetch(new URL('/v1/files', url), { method: 'PROPFIND' });
    await answer.text();
    const series = `acs_http_requests_total{module="gateway",method="other",route="*",status="${answer.status}"}`;
    await until(
      () => valueIn(series),
      (value) => value !== undefined,
      COUNTED,
    );
    const text = await (await scrape()).text();
    expect(text).not.toContain('made-up');
    expect(text).not.toContain('PROPFIND');
  });
});
