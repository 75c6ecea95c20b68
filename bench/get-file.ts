import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { fileSchema } from '../src/contracts/storage.ts';
import type { Composition } from '../src/local/workers.ts';
import { withBareWorker, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { upload } from './transfer.ts';

/**
 * Authenticated `GET /v1/files/{id}`, answered from the database every time, against a bare Hono Worker that answers
 * a JSON of the same size from memory. All of them behind Miniflare's entry Worker.
 */

const AUTOCANNON = join(import.meta.dirname, '../node_modules/autocannon/autocannon.js');
const CONNECTIONS = 12;
/**
 * All rounds together stay below a minute: then the local stack runs cron through Miniflare's synchronous proxy, and
 * that has been seen to block for ever while the Workers' log fills the pipe to this process.
 */
const SECONDS = 2;
const ROUNDS = 3;

export async function run(): Promise<BenchResult[]> {
  return [...(await compare('split')), ...(await compare('monolith'))];
}

function compare(composition: Composition): Promise<BenchResult[]> {
  return withEnvironment(composition, async ({ stack, accessToken }) => {
    const ours = await prepare(stack.url, accessToken);
    const { DATABASE_URL = '', DATABASE_FETCH_ENDPOINT = '' } = stack.bindings;
    return withBareWorker('bare-hono.ts', { PAYLOAD: ours.answer }, (hono) =>
      withBareWorker('bare-neon.ts', { DATABASE_URL, DATABASE_FETCH_ENDPOINT }, async (neon) => {
        const figures = await inTurns(ROUNDS, [
          () => requestsPerSecond(ours.url, ours.headers),
          // Refused for its id only after the token: all of the way but the query.
          () => requestsPerSecond(`${stack.url}/v1/files/none`, ours.headers, 400),
          () => requestsPerSecond(`${hono}${ours.path}`, {}),
          () => requestsPerSecond(`${neon}${ours.path}`, {}),
        ]);
        return rows(composition, figures);
      }),
    );
  });
}

function rows(
  composition: Composition,
  [ours = Number.NaN, edge = Number.NaN, hono = Number.NaN, neon = Number.NaN]: readonly number[],
): BenchResult[] {
  const unit = 'req/s';
  return [
    {
      name: `GET /v1/files/{id}, ${composition} / bare Hono`,
      ours,
      reference: hono,
      unit,
      aim: { of: 'ratio', atLeast: 0.35 },
    },
    {
      name: `  GET /v1/files/{id}, ${composition} / bare Worker with one query`,
      ours,
      reference: neon,
      unit,
    },
    { name: `  the same way up to the query, ${composition} / bare Hono`, ours: edge, reference: hono, unit },
    { name: '  one query in a bare Worker / bare Hono', ours: neon, reference: hono, unit },
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
  statusCodeStats: z.record(z.string(), z.unknown()),
  errors: z.number(),
  duration: z.number(),
  requests: z.object({ total: z.number() }),
});

/** In a process of its own: this one also carries the log of the Workers. */
export async function requestsPerSecond(
  url: string,
  headers: Readonly<Record<string, string>>,
  expected: 200 | 304 | 400 = 200,
): Promise<number> {
  const given = Object.entries(headers).flatMap(([name, value]) => ['--headers', `${name}=${value}`]);
  const args = ['--json', '--connections', `${CONNECTIONS}`, '--duration', `${SECONDS}`, ...given, url];
  const { stdout } = await promisify(execFile)(process.execPath, [AUTOCANNON, ...args], {
    timeout: 10 * SECONDS * 1_000,
  });
  const { errors, duration, requests, statusCodeStats } = loadResult.parse(JSON.parse(stdout));
  const others = Object.keys(statusCodeStats).filter((status) => Number(status) !== expected);
  if (others.length > 0 || errors > 0) throw new Error(`${url}: ${errors} errors, statuses ${others}`);
  return requests.total / duration;
}
