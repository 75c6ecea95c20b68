import autocannon from 'autocannon';
import { fileSchema } from '../src/contracts/storage.ts';
import { withBareWorker, withEnvironment } from './environment.ts';
import { type BenchResult, inTurns } from './result.ts';
import { upload } from './transfer.ts';

/**
 * Authenticated `GET /v1/files/{id}`, answered from the database every time, against a bare Hono Worker that answers
 * a JSON of the same size from memory. All of them behind Miniflare's entry Worker.
 */

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
    { ...row('GET /v1/files/{id}, monolith / bare Hono', monolith, hono), aim: { of: 'ratio', atLeast: 0.35 } },
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
  const created = await upload(`${origin}/v1/files?name=note.txt`, 'POST', Buffer.from('A short note.'), headers);
  const path = `/v1/files/${fileSchema.parse(JSON.parse(created.body)).id}`;
  const answer = await fetch(`${origin}${path}`, { headers, signal: AbortSignal.timeout(10_000) });
  return { url: `${origin}${path}`, path, headers, answer: await answer.text() };
}

async function requestsPerSecond(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  // In a thread of its own: this one also carries the log of the Workers.
  const result = await autocannon({
    url,
    headers,
    connections: CONNECTIONS,
    duration: SECONDS,
    timeout: 10,
    workers: 1,
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refusals, ${result.errors} errors`);
  return result.requests.total / result.duration;
}
