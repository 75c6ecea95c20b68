import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { startStack } from '../../src/local/stack.ts';
import { type Collection, ndcgAt10, readCollection } from './collection.ts';

// Search quality through the whole product: upload, analyse, search over HTTP, against published judgements.
// usage: node bench/quality/main.ts DIR NAME… (DIR holds NAME.zip in BEIR's layout); RUNS=FILE keeps the rankings.

const MODES = ['keyword', 'semantic', 'hybrid'] as const;
const UPLOADS_AT_ONCE = 8;
const ROOT = join(import.meta.dirname, '../..');

const answerSchema = z.object({
  items: z.array(z.object({ file: z.object({ name: z.string() }), score: z.number() })),
  coverage: z.object({ indexed: z.number(), pending: z.number(), failed: z.number(), skipped: z.number() }),
  degraded: z.boolean(),
  nextCursor: z.string().nullable(),
});

const [dir = '', ...names] = process.argv.slice(2);
const dataDir = await mkdtemp(join(tmpdir(), 'acs-quality-'));
const stack = await startStack({
  composition: 'monolith',
  dataDir,
  modelCacheDir: join(ROOT, '.data/models'),
  bundleDir: join(ROOT, '.data/bundles'),
  port: Number(process.env.PORT ?? 8797),
  log: () => undefined,
  bindings: { LOG_LEVEL: 'silent', ACCESS_TOKEN_SECONDS: '86400' },
});
try {
  for (const name of names) await measure(await readCollection(resolve(dir, `${name}.zip`), name));
} finally {
  await stack.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function measure(collection: Collection): Promise<void> {
  const token = await register(collection.name);
  const startedAt = Date.now();
  await upload(collection, token);
  await waitUntilIndexed(token);
  const seconds = (Date.now() - startedAt) / 1000;
  console.log(
    `${collection.name}: ${collection.documents.size} files searchable after ${seconds.toFixed(0)} s`,
  );
  const runs: Record<string, Record<string, [string, number][]>> = {};
  for (const mode of MODES) {
    const run: Record<string, [string, number][]> = {};
    let total = 0;
    const began = Date.now();
    for (const [id, question] of collection.queries) {
      run[id] = await search(question, mode, token, process.env.RUNS ? 100 : 10);
      total += ndcgAt10(
        run[id].map(([document]) => document),
        collection.judgements.get(id) ?? new Map(),
      );
    }
    runs[mode] = run;
    const perQuery = (Date.now() - began) / collection.queries.size;
    console.log(
      `  ${mode.padEnd(9)} nDCG@10 ${(total / collection.queries.size).toFixed(4)}  (${perQuery.toFixed(0)} ms a query)`,
    );
  }
  if (process.env.RUNS) await writeFile(`${process.env.RUNS}.${collection.name}.json`, JSON.stringify(runs));
}

async function call(path: string, token: string | undefined, init: RequestInit = {}): Promise<unknown> {
  const headers = {
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    'content-type': 'application/json',
    ...init.headers,
  };
  const response = await fetch(`${stack.url}${path}`, {
    ...init,
    headers,
    signal: AbortSignal.timeout(60_000),
  });
  if (!response.ok)
    throw new Error(`${init.method ?? 'GET'} ${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

async function register(name: string): Promise<string> {
  const body = JSON.stringify({ email: `${name}@example.com`, password: crypto.randomUUID() });
  const answer = await call('/v1/auth/register', undefined, { method: 'POST', body });
  return z.object({ accessToken: z.string() }).parse(answer).accessToken;
}

async function upload({ documents }: Collection, token: string): Promise<void> {
  const waiting = [...documents];
  const worker = async () => {
    for (let next = waiting.pop(); next; next = waiting.pop()) {
      const [id, text] = next;
      await call(`/v1/files?name=${encodeURIComponent(id)}.txt`, token, {
        method: 'POST',
        body: text,
        headers: { 'content-type': 'text/plain' },
      });
    }
  };
  await Promise.all(Array.from({ length: UPLOADS_AT_ONCE }, worker));
}

async function waitUntilIndexed(token: string): Promise<void> {
  for (;;) {
    const { coverage } = answerSchema.parse(await call('/v1/search?q=a&mode=keyword', token));
    if (coverage.pending === 0) return;
    await sleep(1_000);
  }
}

async function search(
  question: string,
  mode: string,
  token: string,
  depth: number,
): Promise<[string, number][]> {
  const found: [string, number][] = [];
  let cursor: string | null = '';
  while (cursor !== null && found.length < depth) {
    const query = new URLSearchParams({
      q: question.slice(0, 1_000),
      mode,
      limit: String(Math.min(50, depth)),
      ...(cursor ? { cursor } : {}),
    });
    const answer = answerSchema.parse(await call(`/v1/search?${query}`, token));
    if (answer.degraded) throw new Error('the answer was degraded: nothing to measure');
    found.push(
      ...answer.items.map(({ file, score }): [string, number] => [file.name.replace(/\.txt$/, ''), score]),
    );
    cursor = answer.nextCursor;
  }
  return found;
}
