import { type Environment, withEnvironment } from './environment.ts';
import { fillFolder } from './fill-folder.ts';
import { requestsPerSecond } from './get-file.ts';
import { type BenchResult, inTurns } from './result.ts';

/**
 * What remembering answers is worth: a file and a list of 200, not changed since (304), found in Redis, and computed
 * anew by the same system without the cache.
 */

const CHILDREN = 200;
const ROUNDS = 3;
const CALL_MS = 30_000;

interface Question {
  readonly name: string;
  readonly path: (ids: { readonly folderId: string; readonly fileId: string }) => string;
}
const QUESTIONS: readonly Question[] = [
  { name: 'GET /v1/files/{id}', path: ({ fileId }) => `/v1/files/${fileId}` },
  {
    name: `a list of ${CHILDREN}`,
    path: ({ folderId }) => `/v1/files?parentId=${folderId}&limit=${CHILDREN}`,
  },
];

export function run(): Promise<BenchResult[]> {
  return withEnvironment(
    'split',
    (uncached) => withEnvironment('split', (cached) => compare(cached, uncached)),
    { ANSWER_CACHE: 'off' },
  );
}

async function compare(cached: Environment, uncached: Environment): Promise<BenchResult[]> {
  const [there, elsewhere] = [await fillFolder(cached, CHILDREN), await fillFolder(uncached, CHILDREN)];
  const results: BenchResult[] = [];
  for (const { name, path } of QUESTIONS) {
    const ours = target(cached, path(there));
    const etag = await rememberedEtag(ours);
    const reference = target(uncached, path(elsewhere));
    const [unchanged = Number.NaN, hit = Number.NaN, off = Number.NaN] = await inTurns(ROUNDS, [
      () => requestsPerSecond(ours.url, { ...ours.headers, 'if-none-match': etag }, 304),
      () => requestsPerSecond(ours.url, ours.headers),
      () => requestsPerSecond(reference.url, reference.headers),
    ]);
    results.push(
      { name: `${name}, remembered / computed`, ours: hit, reference: off, unit: 'req/s' },
      { name: `${name}, not changed / computed`, ours: unchanged, reference: off, unit: 'req/s' },
    );
  }
  return results;
}

interface Target {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

function target({ stack, accessToken }: Environment, path: string): Target {
  return { url: `${stack.url}${path}`, headers: { authorization: `Bearer ${accessToken}` } };
}

/** Once the answer stays the same: what follows the uploads has then been done. */
async function rememberedEtag({ url, headers }: Target): Promise<string> {
  let last: string | null = null;
  for (let same = 0; same < 5; ) {
    const answer = await fetch(url, { headers, signal: AbortSignal.timeout(CALL_MS) });
    await answer.arrayBuffer();
    const etag = answer.headers.get('etag');
    same = etag !== null && etag === last ? same + 1 : 0;
    last = etag;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  if (last === null) throw new Error(`${url} has no entity tag`);
  return last;
}
