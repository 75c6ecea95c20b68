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
  /** This byte of the answer's body is another one. */
  | { kind: 'flip'; byte: number }
  /** Nothing is ever answered. */
  | { kind: 'hang' }
  /** The connection breaks before anything is answered. */
  | { kind: 'reset' }
  /** So many milliseconds late. */
  | { kind: 'delay'; ms: number }
  /** 200, and what nobody can make sense of. */
  | { kind: 'garbage' }
  /** It arrives twice; the second answer is the one that is given. */
  | { kind: 'twice' }
  /** The answer without these headers. */
  | { kind: 'without'; headers: readonly string[] };

/** One answer on its way through. */
export interface Transfer {
  readonly method: string;
  readonly path: string;
  /** Of its body, as far as it was passed on. */
  bytesSent: number;
}

export interface FaultProxy {
  readonly endpoint: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
  /** Of bodies of answers, as far as they were passed on. */
  bytesSent: number;
  /** Answers that their receiver did not wait for the end of. */
  readonly abandoned: Transfer[];
  /** Undefined: passed on as it is. */
  fault: (method: string, path: string) => Fault | undefined;
  close(): Promise<void>;
}

/** Stands between a client and the server on `port`, which may be known later only, and gets in the way as told. */
export async function startFaultProxy(port: number | (() => number)): Promise<FaultProxy> {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const [method = '', path = ''] = [incoming.method, incoming.url];
    requests.push(`${method} ${path}`);
    const fault = proxy.fault(method, path);
    if (fault?.kind === 'status') {
      incoming.resume();
      outgoing.writeHead(fault.status).end(`<Error><Code>${fault.code}</Code></Error>`);
    } else if (fault?.kind === 'reset') {
      incoming.socket.destroy();
    } else if (fault?.kind === 'garbage') {
      incoming.resume();
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"\u0000<garbage');
    } else if (fault?.kind === 'twice') {
      forwardTwice(typeof port === 'number' ? port : port(), incoming, outgoing);
    } else if (fault?.kind !== 'hang') {
      const transfer = { method, path, bytesSent: 0 };
      outgoing.on('close', () => {
        if (!outgoing.writableFinished) proxy.abandoned.push(transfer);
      });
      const pass = () =>
        forward(typeof port === 'number' ? port : port(), incoming, outgoing, fault, (bytes) => {
          proxy.bytesSent += bytes;
          transfer.bytesSent += bytes;
        });
      if (fault?.kind === 'delay') setTimeout(pass, fault.ms);
      else pass();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const proxy: FaultProxy = {
    bytesSent: 0,
    abandoned: [],
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
  fault: Fault | undefined,
  onSent: (bytes: number) => void,
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
    let flipped = fault?.kind === 'flip' ? fault.byte : Number.NaN;
    answer.on('data', (chunk: Buffer) => {
      if (flipped < chunk.length) chunk[flipped] = (chunk[flipped] ?? 0) ^ 1;
      flipped = flipped < chunk.length ? Number.NaN : flipped - chunk.length;
      onSent(Math.min(chunk.length, left));
      const isTaken = outgoing.write(chunk.subarray(0, left));
      if (!isTaken) {
        answer.pause();
        outgoing.once('drain', () => answer.resume());
      }
      left -= chunk.length;
      if (left <= 0) setTimeout(() => incoming.socket.destroy(), 20);
    });
    outgoing.on('close', () => answer.destroy());
    answer.on('end', () => outgoing.end());
  });
  upstream.on('error', () => incoming.socket.destroy());
  incoming.on('close', () => {
    if (!incoming.complete) upstream.destroy();
  });
  incoming.pipe(upstream);
}

function forwardTwice(port: number, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url: path, headers } = incoming;
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const body = Buffer.concat(chunks);
    const send = (take: (answer: IncomingMessage) => void) =>
      request({ host: '127.0.0.1', port, method, path, headers }, take)
        .on('error', () => incoming.socket.destroy())
        .end(body);
    send((first) => {
      first.resume();
      first.on('end', () =>
        send((second) => {
          outgoing.writeHead(second.statusCode ?? 502, second.headers);
          second.pipe(outgoing);
        }),
      );
    });
  });
}

function withoutHeaders(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
