import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';

export type Fault =
  /** Answered without the store. */
  | { kind: 'status'; status: number; code: string }
  /** The store did it; nobody hears of it. */
  | { kind: 'lost' }
  /** The head of the answer and so many bytes of its body, then a cut. */
  | { kind: 'cut'; afterBytes: number }
  /** The answer without these headers. */
  | { kind: 'without'; headers: readonly string[] };

export interface FaultProxy {
  readonly endpoint: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
  /** Undefined: passed on as it is. */
  fault: (method: string, path: string) => Fault | undefined;
  close(): Promise<void>;
}

/** Stands between a client and the server on `port`, and gets in the way as told. */
export async function startFaultProxy(port: number): Promise<FaultProxy> {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const [method = '', path = ''] = [incoming.method, incoming.url];
    requests.push(`${method} ${path}`);
    const fault = proxy.fault(method, path);
    if (fault?.kind === 'status') {
      incoming.resume();
      outgoing.writeHead(fault.status).end(`<Error><Code>${fault.code}</Code></Error>`);
    } else forward(port, incoming, outgoing, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const proxy: FaultProxy = {
    endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`,
    requests,
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

function forward(
  port: number,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  fault: Exclude<Fault, { kind: 'status' }> | undefined,
): void {
  const { method, url: path, headers } = incoming;
  const upstream = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
    if (fault?.kind === 'lost') {
      answer.resume();
      answer.on('end', () => incoming.socket.destroy());
      return;
    }
    const dropped = fault?.kind === 'without' ? fault.headers : [];
    outgoing.writeHead(answer.statusCode ?? 502, withoutHeaders(answer.headers, dropped));
    let left = fault?.kind === 'cut' ? fault.afterBytes : Number.POSITIVE_INFINITY;
    answer.on('data', (chunk: Buffer) => {
      outgoing.write(chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) setTimeout(() => incoming.socket.destroy(), 20);
    });
    answer.on('end', () => outgoing.end());
  });
  upstream.on('error', () => incoming.socket.destroy());
  incoming.on('close', () => {
    if (!incoming.complete) upstream.destroy();
  });
  incoming.pipe(upstream);
}

function withoutHeaders(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
