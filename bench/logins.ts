import { setTimeout as sleep } from 'node:timers/promises';
import type { Composition } from '../src/local/workers.ts';
import { withEnvironment } from './environment.ts';
import type { BenchResult } from './result.ts';

/** What eight logins at once, over and over, do to the calls of others: p99 with and without them. */

const LOGINS = 8;
const SECONDS = 8;
const PAUSE_MS = 20;
const CALL_MS = 60_000;
/** In the isolate of the logins, and in another one (split). */
const DOORS = { auth: '/v1/auth/me', storage: '/v1/files' } as const;

export async function run(): Promise<BenchResult[]> {
  return [...(await measure('split')), ...(await measure('monolith'))];
}

function measure(composition: Composition): Promise<BenchResult[]> {
  return withEnvironment(composition, async ({ stack, accessToken }) => {
    // One each: several at once of the same account would wait for each other's outcome under the limit of failures.
    const accounts = Array.from({ length: LOGINS }, (_, index) => ({
      email: `login-${index}@example.com`,
      password: crypto.randomUUID(),
    }));
    for (const account of accounts) await post(`${stack.url}/v1/auth/register`, account);
    const url = stack.url;
    await watch(url, accessToken, 2);
    const quiet = await watch(url, accessToken, SECONDS);
    let over = false;
    let logins = 0;
    const people = accounts.map(async (account) => {
      while (!over) {
        await post(`${url}/v1/auth/login`, account);
        logins += 1;
      }
    });
    const loaded = await watch(url, accessToken, SECONDS);
    over = true;
    await Promise.all(people);
    return [
      ...Object.keys(DOORS).map((module): BenchResult => {
        const [ours, reference] = [p99(loaded.get(module)), p99(quiet.get(module))];
        return {
          name: `p99 of ${module} during ${LOGINS} logins at once / without, ${composition}`,
          ours,
          reference,
          unit: 'ms',
        };
      }),
      { name: `  logins meanwhile, ${composition}`, ours: logins / SECONDS, unit: 'per s' },
    ];
  });
}

/** @returns the durations of calls, in milliseconds, by module */
async function watch(url: string, accessToken: string, seconds: number): Promise<Map<string, number[]>> {
  const until = performance.now() + seconds * 1_000;
  const headers = { authorization: `Bearer ${accessToken}` };
  const watching = Object.entries(DOORS).map(async ([module, path]): Promise<[string, number[]]> => {
    const durations: number[] = [];
    while (performance.now() < until) {
      const startedAt = performance.now();
      const answer = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(CALL_MS) });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
      durations.push(performance.now() - startedAt);
      await sleep(PAUSE_MS);
    }
    return [module, durations];
  });
  return new Map(await Promise.all(watching));
}

function p99(durations: readonly number[] = []): number {
  const sorted = durations.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
}

async function post(url: string, json: unknown): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(json),
    signal: AbortSignal.timeout(CALL_MS),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
