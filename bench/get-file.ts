import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { fileSchema } from '../src/contracts/storage.ts';
import { withBareWorker, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { upload } from './transfer.ts';

/**
 * Authenticated `GET /v1/files/{id}`, answered from the database every time, against a bare Hono Worker that answers
 * a JSON of the same size from memory. All of them behind Miniflare's entry Worker.
 */

const AUTOCANNON = join(import.meta.dirname, '../node_modules/autocannon/autocannon.js');
const CONNECTIONS = 12;
const SECONDS = 4;
const ROUNDS = 3;

export async function run(): Promise<BenchResult[]> {
  return withEnvironment('split', (split) =>
    withEnvironment('monolith', async (monolith) => {
      const ours = await prepare(split.stack.url, split.accessToken);
      const oursInOne = await prepare(monolith.stack.url, monolith.accessToken);
      const { DATABASE_URL = '', DATABASE_FETCH_ENDPOINT = '' } = split.stack.bindings;
      return withBareWorker('bare-hono.ts', { PAYLOAD: ours.answer }, (hono) =>
        withBareWorker('bare-neon.ts', { DATABASE_URL, DATABASE_FETCH_ENDPOINT }, async (neon) => {
          const figures = await inTurns(ROUNDS, [
            () => requestsPerSecond(ours.url, ours.headers),
            () => requestsPerSecond(oursInOne.url, oursInOne.headers),
            () => requestsPerSecond(`${hono}${ours.path}`, {}),
            () => requestsPerSecond(`${neon}${ours.path}`, {}),
          ]);
          return rows(figures);
        }),
      );
    }),
  );
}

function rows([split = NaN, monolith = NaN, hono = NaN, neon = NaN]: readonly number[]): BenchResult[] {
  const row = (name: string, ours: number, reference: number) => ({ name, ours, reference, unit: 'req/s' });
  return [
    { ...row('GET /v1/files/{id} / bare Hono', split, hono), aim: { of: 'ratio', atLeast: 0.35 } },
    {
      ...row('GET /v1/files/{id}, monolith / bare Hono', monolith, hono),
      aim: { of: 'ratio', atLeast: 0.35 },
    },
    row('  one Neon query in a bare Worker / bare Hono', neon, hono),
    row('GET /v1/files/{id} / one Neon query in a bare Worker', split, neon),
  ];
}

interface Target {
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly answer: string;
}

async function prepare(origin: string, accessToken: string): Promise<Target> {
  const headers = { authorization: `Bearer ${accessToken}` };
  const created = await upload(
    `${origin}/v1/files?name=note.txt`,
    'POST',
    Buffer.from('A short note.'),
    headers,
  );
  const path = `/v1/files/${fileSchema.parse(JSON.parse(created.body)).id}`;
  const answer = await fetch(`${origin}${path}`, { headers, signal: AbortSignal.timeout(10_000) });
  return { url: `${origin}${path}`, path, headers, answer: await answer.text() };
}

const loadResult = z.object({
  non2xx: z.number(),
  errors: z.number(),
  duration: z.number(),
  requests: z.object({ total: z.number() }),
});

/** In a process of its own: this one also carries the log of the Workers. */
async function requestsPerSecond(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const given = Object.entries(headers).flatMap(([name, value]) => ['--headers', `${name}=${value}`]);
  const args = ['--json', '--connections', `${CONNECTIONS}`, '--duration', `${SECONDS}`, ...given, url];
  const { stdout } = await promisify(execFile)(process.execPath, [AUTOCANNON, ...args], {
    timeout: 10 * SECONDS * 1_000,
  });
  const { non2xx, errors, duration, requests } = loadResult.parse(JSON.parse(stdout));
  if (non2xx > 0 || errors > 0) throw new Error(`${url}: ${non2xx} refusals, ${errors} errors`);
  return requests.total / duration;
}
