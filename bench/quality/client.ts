import { z } from 'zod';

/** Somebody with an account of the system that is measured. */
export interface Person {
  readonly id: string;
  call(path: string, init?: RequestInit): Promise<unknown>;
  folder(name: string): Promise<string>;
  upload(name: string, text: string, parentId: string | undefined): Promise<string>;
  share(folderId: string, reader: Person): Promise<void>;
  /** Names of files, the best first. */
  search(query: string, mode: string, most: number): Promise<readonly string[]>;
}

const LONGEST_QUERY = 1_000;
const CALL_MS = 120_000;

const answerSchema = z.object({
  items: z.array(z.object({ file: z.object({ name: z.string() }) })),
  coverage: z.object({ pending: z.number() }),
  degraded: z.boolean(),
  nextCursor: z.string().nullable(),
});
const madeSchema = z.object({ id: z.string() });

export async function register(url: string, name: string): Promise<Person> {
  const body = JSON.stringify({ email: `${name}@example.com`, password: crypto.randomUUID() });
  const made = z
    .object({ accessToken: z.string(), user: madeSchema })
    .parse(await send(`${url}/v1/auth/register`, { method: 'POST', body }));
  const call = (path: string, init: RequestInit = {}) =>
    send(`${url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${made.accessToken}`, ...init.headers },
    });
  const post = (path: string, json: unknown) => call(path, { method: 'POST', body: JSON.stringify(json) });
  return {
    id: made.user.id,
    call,
    folder: async (folder) => madeSchema.parse(await post('/v1/folders', { name: folder })).id,
    async upload(file, text, parentId) {
      const query = new URLSearchParams({ name: `${file}.txt`, ...(parentId ? { parentId } : {}) });
      const headers = { 'content-type': 'text/plain' };
      return madeSchema.parse(await call(`/v1/files?${query}`, { method: 'POST', body: text, headers })).id;
    },
    async share(folderId, reader) {
      await post(`/v1/files/${folderId}/grants`, {
        principal: { kind: 'user', id: reader.id },
        role: 'viewer',
      });
    },
    async search(query, mode, most) {
      const names: string[] = [];
      for (let cursor: string | null = ''; cursor !== null && names.length < most; ) {
        const parameters = new URLSearchParams({
          q: query.slice(0, LONGEST_QUERY),
          mode,
          limit: String(Math.min(50, most)),
          ...(cursor ? { cursor } : {}),
        });
        const answer = answerSchema.parse(await call(`/v1/search?${parameters}`));
        if (answer.degraded) throw new Error('the answer was degraded: nothing to measure');
        names.push(...answer.items.map(({ file }) => file.name.replace(/\.txt$/, '')));
        cursor = answer.nextCursor;
      }
      return names;
    },
  };
}

async function send(url: string, init: RequestInit): Promise<unknown> {
  const response = await fetch(url, {
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
    signal: AbortSignal.timeout(CALL_MS),
  });
  if (!response.ok)
    throw new Error(`${init.method ?? 'GET'} ${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}

export async function pendingFiles(person: Person): Promise<number> {
  const answer = await person.call('/v1/search?q=a&mode=keyword&limit=1');
  return answerSchema.parse(answer).coverage.pending;
}
