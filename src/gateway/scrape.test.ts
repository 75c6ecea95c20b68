import { expect, test } from 'vitest';
import { createGateway } from './app.ts';

const TOKEN = 'a-token-for-the-scraper';
const isReady = { fetch: async () => Response.json({ status: 'ready' }) };
const isAway = { fetch: () => Promise.reject(new Error('away')) };
const environment = {
  ENVIRONMENT: 'test',
  LOG_LEVEL: 'silent',
  AUTH: isReady,
  STORAGE: isReady,
  AI: isAway,
  UPSTASH_REDIS_REST_URL: 'http://127.0.0.1:1',
  UPSTASH_REDIS_REST_TOKEN: 'secret',
};
const context = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} };

async function scrape(env: object, token?: string): Promise<{ status: number; text: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = new Request('http://gateway.test/metrics', { headers });
  const answer = await createGateway().fetch(request, env, context);
  return { status: answer.status, text: await answer.text() };
}

test('without a token of its own there are no metrics', async () => {
  expect((await scrape(environment)).status).toBe(404);
  expect((await scrape(environment, '')).status).toBe(404);
  expect((await scrape(environment, 'undefined')).status).toBe(404);
});

test('nobody reads them without the token', async () => {
  const env = { ...environment, METRICS_TOKEN: TOKEN };
  for (const token of [undefined, '', TOKEN.slice(1), `${TOKEN}s`])
    expect(await scrape(env, token)).toMatchObject({
      status: 401,
      text: expect.not.stringContaining('acs_'),
    });
});

test('while the store of the counters is away, what can be asked for is shown, and that it is away', async () => {
  const { status, text } = await scrape({ ...environment, METRICS_TOKEN: TOKEN }, TOKEN);
  expect(status).toBe(200);
  expect(text).toMatch(/^acs_metrics_store_up 0$/m);
  expect(text).toMatch(/^acs_module_up\{module="auth"\} 1$/m);
  expect(text).toMatch(/^acs_module_up\{module="ai"\} 0$/m);
  expect(text).not.toContain('_total');
});
