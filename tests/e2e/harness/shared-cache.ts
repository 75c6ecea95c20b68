import { createServer, type Server } from 'node:http';

export interface SharedCache {
  readonly url: string;
  /** How often it answered by itself. */
  hits(): number;
  close(): void;
}

interface Kept {
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: ArrayBuffer;
  readonly varying: ReadonlyMap<string, string | undefined>;
}

/**
 * A proxy that keeps whatever RFC 9111, sections 3 and 3.5, let a shared cache keep, by the URL and what `Vary` names,
 * and gives it to anybody for as long as `max-age` or `s-maxage` say.
 */
export async function startSharedCache(origin: string): Promise<SharedCache> {
  const kept = new Map<string, Kept>();
  let hits = 0;
  const server: Server = createServer((request, response) => {
    const url = request.url ?? '/';
    const found = request.method === 'GET' ? kept.get(url) : undefined;
    const sent = (name: string) => request.headers[name]?.toString();
    const answer = ({ status, headers, body }: Omit<Kept, 'varying'>) => {
      response.writeHead(status, Object.fromEntries(headers)).end(Buffer.from(body));
    };
    if (found && [...found.varying].every(([name, value]) => sent(name) === value)) {
      hits += 1;
      return answer(found);
    }
    const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
      name === 'host' || name === 'connection' ? [] : [[name, String(value)]],
    );
    fetch(`${origin}${url}`, { method: request.method ?? 'GET', headers, redirect: 'manual' })
      .then(async (fetched) => {
        const copy = {
          status: fetched.status,
          headers: [...fetched.headers].filter(
            ([name]) => !/^(content-encoding|content-length|transfer-encoding|connection)$/.test(name),
          ),
          body: await fetched.arrayBuffer(),
        };
        const vary = (fetched.headers.get('vary') ?? '').split(/, */).filter((name) => name !== '');
        if (
          request.method === 'GET' &&
          mayBeKept(fetched, sent('authorization') !== undefined) &&
          !vary.includes('*')
        )
          kept.set(url, {
            ...copy,
            varying: new Map(vary.map((name) => [name.toLowerCase(), sent(name.toLowerCase())])),
          });
        answer(copy);
      })
      .catch(() => response.writeHead(502).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    hits: () => hits,
    close: () => server.close(),
  };
}

/** RFC 9111, 3: final, cacheable, not private or no-store; with credentials only where that is said to be public. */
function mayBeKept({ status, headers }: Response, hasCredentials: boolean): boolean {
  const control = (headers.get('cache-control') ?? '').toLowerCase();
  const has = (directive: string) => new RegExp(`(^|[ ,])${directive}($|[ ,=])`).test(control);
  if (has('no-store') || has('private') || has('no-cache')) return false;
  if (hasCredentials && !has('public') && !has('s-maxage') && !has('must-revalidate')) return false;
  // Without a word about its age a cache may guess one, for these.
  return (
    has('public') ||
    has('max-age') ||
    has('s-maxage') ||
    headers.has('expires') ||
    [200, 203, 204, 300, 301, 404, 405, 410, 414, 501].includes(status)
  );
}
