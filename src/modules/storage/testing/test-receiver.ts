import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Somebody else's server on loopback: keeps what it gets and answers as it is told. */
export interface TestReceiver {
  readonly host: string;
  readonly received: Received[];
  url(path: string): string;
  /** Of one path. */
  at(path: string): Received[];
  close(): Promise<void>;
}

export interface ReceiverAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** @param answer undefined: never */
export async function startTestReceiver(
  answer: (request: Received) => ReceiverAnswer | undefined,
): Promise<TestReceiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const got = {
        path: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      received.push(got);
      const { status, headers = {}, body = '' } = answer(got) ?? { status: 0 };
      if (status !== 0) response.writeHead(status, headers).end(body);
    });
  });
  const port = await listen(server);
  const host = `127.0.0.1:${port}`;
  return {
    host,
    received,
    url: (path) => `http://${host}${path}`,
    at: (path) => received.filter((request) => request.path === path),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  );
}
