import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Composition } from '../src/local/workers.ts';
import { withEnvironment } from './environment.ts';
import type { BenchResult } from './result.ts';

/** From the answer to a logout to the last call of that session that gets through, in every module, Redis up and down. */

/** One route of each module: each lets people in for itself. */
const DOORS = { auth: '/v1/auth/me', storage: '/v1/files', ai: '/v1/search?q=anything' } as const;
const ROUNDS = 5;
const POLL_MS = 10;
const CALL_MS = 15_000;
const tokensSchema = z.object({ accessToken: z.string() });

export async function run(): Promise<BenchResult[]> {
  return [...(await measure('split')), ...(await measure('monolith'))];
}

function measure(composition: Composition): Promise<BenchResult[]> {
  return withEnvironment(composition, async ({ stack }) => {
    const results: BenchResult[] = [];
    const account = { email: 'revoked@example.com', password: crypto.randomUUID() };
    await post(`${stack.url}/v1/auth/register`, account);
    for (const redis of ['up', 'stopped'] as const) {
      if (redis === 'stopped') await stack.services.redis?.stop();
      const worst = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round += 1) {
        const { accessToken } = tokensSchema.parse(await post(`${stack.url}/v1/auth/login`, account));
        for (const [module, milliseconds] of await timeToRefusal(stack.url, accessToken))
          worst.set(module, Math.max(worst.get(module) ?? 0, milliseconds));
      }
      for (const [module, milliseconds] of worst)
        results.push({
          name: `revoked session, last call through ${module}, ${composition}, Redis ${redis}`,
          ours: milliseconds,
          unit: 'ms',
          aim: { atMost: 1_000 },
        });
    }
    return results;
  });
}

async function timeToRefusal(url: string, accessToken: string): Promise<[string, number][]> {
  const headers = { authorization: `Bearer ${accessToken}` };
  let revokedAt = Number.POSITIVE_INFINITY;
  const watching = Object.entries(DOORS).map(async ([module, path]): Promise<[string, number]> => {
    let lastThrough = 0;
    for (;;) {
      const sentAt = performance.now();
      const answer = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(CALL_MS) });
      await answer.body?.cancel();
      if (answer.status === 401) return [module, lastThrough];
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
      lastThrough = Math.max(lastThrough, sentAt - revokedAt);
      await sleep(POLL_MS);
    }
  });
  // Every module has the session in its memory, at whatever age.
  await sleep(1_500 + Math.random() * 1_000);
  const out = await fetch(`${url}/v1/auth/logout`, {
    method: 'POST',
    headers,
    signal: AbortSignal.timeout(CALL_MS),
  });
  if (!out.ok) throw new Error(`logging out answered ${out.status}`);
  revokedAt = performance.now();
  return Promise.all(watching);
}

async function post(url: string, json: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(json),
    signal: AbortSignal.timeout(CALL_MS),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
