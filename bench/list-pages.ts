import { z } from 'zod';
import { type Environment, withEnvironment } from './environment.ts';
import { fillFolder } from './fill-folder.ts';
import { type BenchResult, inTurns, median } from './result.ts';

/**
 * The first page of a folder with 100,000 files in it against the page behind item 19,000, in every order. The
 * answers are computed anew each time: a cache would make both pages equally fast.
 */

const CHILDREN = 100_000;
const PAGE = 50;
const DEEP = 19_000;
const STEP = 200;
const ROUNDS = 15;
/** Of one round; its median counts. */
const CALLS = 15;
const CALL_MS = 30_000;
const SORTS = ['created', 'name', 'updated', 'size'] as const;

const pageSchema = z.object({
  items: z.array(z.object({ id: z.string() })),
  nextCursor: z.string().nullable(),
});

export function run(): Promise<BenchResult[]> {
  return withEnvironment('split', compare, { ANSWER_CACHE: 'off' });
}

async function compare(environment: Environment): Promise<BenchResult[]> {
  const call = caller(`${environment.stack.url}/v1/files`, environment.accessToken);
  const { folderId } = await fillFolder(environment, CHILDREN);
  const results: BenchResult[] = [];
  for (const sort of SORTS) {
    const query = { parentId: folderId, sort };
    const cursor = await cursorBehind(call, query, DEEP);
    const time = (deep: boolean) => async () => {
      const durations: number[] = [];
      for (let n = 0; n < CALLS; n += 1) {
        const startedAt = performance.now();
        const { items } = await call({ ...query, limit: `${PAGE}`, ...(deep ? { cursor } : {}) });
        durations.push(performance.now() - startedAt);
        if (items.length !== PAGE) throw new Error(`a page has ${items.length} entries`);
      }
      return median(durations);
    };
    const [first = Number.NaN, deep = Number.NaN] = await inTurns(ROUNDS, [time(false), time(true)]);
    results.push({
      name: `page of ${PAGE} behind item ${DEEP} / the first, by ${sort}`,
      ours: deep,
      reference: first,
      unit: 'ms',
      aim: { of: 'ratio', atMost: 1.1 },
    });
  }
  return results;
}

type Call = (query: Readonly<Record<string, string>>) => Promise<z.infer<typeof pageSchema>>;

function caller(url: string, accessToken: string): Call {
  const headers = { authorization: `Bearer ${accessToken}` };
  return async (query) => {
    const response = await fetch(`${url}?${new URLSearchParams(query)}`, {
      headers,
      signal: AbortSignal.timeout(CALL_MS),
    });
    if (!response.ok) throw new Error(`a page was answered ${response.status}: ${await response.text()}`);
    return pageSchema.parse(await response.json());
  };
}

async function cursorBehind(
  call: Call,
  query: Readonly<Record<string, string>>,
  items: number,
): Promise<string> {
  let cursor: string | null = null;
  for (let seen = 0; seen < items; seen += STEP) {
    const page: z.infer<typeof pageSchema> = await call({
      ...query,
      limit: `${STEP}`,
      ...(cursor === null ? {} : { cursor }),
    });
    cursor = page.nextCursor;
  }
  if (cursor === null) throw new Error('the folder ends too early');
  return cursor;
}
