import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient, textOf } from '../harness/client.ts';
import { startTestStack, type TestStack, waitForModel } from '../harness/local-stack.ts';
import { type ServiceName, whileAway } from '../harness/services.ts';
import { until } from '../harness/until.ts';

const SOON = { withinMs: 30_000, everyMs: 250 };

describe('health', () => {
  let system: TestStack;
  let api: Client;

  beforeAll(async () => {
    system = await startTestStack({ composition: 'split' });
    await waitForModel(system.stack);
    api = createClient(system.stack.url);
  });
  afterAll(async () => {
    await system?.dispose();
  });

  async function readiness() {
    const answer = await api.call('GET', '/readyz');
    return { code: answer.status, ...JSON.parse(textOf(answer)) };
  }
  const becomes = (status: string) =>
    until(readiness, (found) => found.status === status, { ...SOON, what: `readiness to be ${status}` });

  it('says of every dependency of every module that it is up, and how fast it answered', async () => {
    const up = { state: 'up', latencyMs: expect.any(Number) };
    expect(await becomes('ready')).toMatchObject({
      code: 200,
      modules: { auth: 'ready', storage: 'ready', ai: 'ready' },
      dependencies: {
        auth: { postgres: up, redis: up },
        storage: { postgres: up, s3: up, redis: up, sidecar: up },
        ai: { postgres: up, redis: up, sidecar: up },
      },
    });
    expect((await api.call('GET', '/startupz')).status).toBe(200);
    expect(textOf(await api.call('GET', '/status'))).toContain('Everything works.');
  });

  it.each([
    ['redis', 'degraded', 200, 'Cache'],
    ['sidecar', 'degraded', 200, 'Reader and models'],
    ['s3', 'unavailable', 503, 'File contents'],
    ['postgres', 'unavailable', 503, 'Database'],
  ] satisfies [ServiceName, string, number, string][])(
    'without %s it is %s: the probes answer so, the page says what goes on, and it heals by itself',
    async (name, status, code, title) => {
      await whileAway(system.stack, name, async () => {
        const found = await becomes(status);
        expect(found.code).toBe(code);
        expect(Object.values(found.dependencies)).toContainEqual(
          expect.objectContaining({ [name]: expect.objectContaining({ state: 'down' }) }),
        );
        const page = await fetch(new URL('/status', system.stack.url));
        expect([page.status, await page.text()]).toEqual([
          code,
          expect.stringMatching(new RegExp(`<td>${title}</td><td class="bad">down</td>`)),
        ]);
        expect((await api.call('GET', '/healthz')).status).toBe(200);
        expect((await api.call('GET', '/startupz')).status).toBe(200);
      });
      await becomes('ready');
    },
  );
});
