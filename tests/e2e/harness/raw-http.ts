import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, expectGuarantees } from './guarantees.ts';

const HANG_UP_AFTER_MS = 200;

export interface RawRequest {
  readonly method: string;
  /** Sent as it stands: fetch would tidy up `..` and `//`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is sent of the body, which may be less than the headers announce. */
  readonly body?: Uint8Array;
  /** Address of this machine that the connection comes from. */
  readonly from?: string;
}

/** One request over a connection of its own, without the corrections of a well-behaved client. */
export function sendRaw(
  url: string,
  { method, path, headers = {}, body, from }: RawRequest,
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(
      {
        hostname,
        port,
        method,
        path,
        headers,
        agent: false,
        timeout: 30_000,
        ...(from === undefined ? {} : { localAddress: from }),
      },
      (incoming) => {
        const parts: Buffer[] = [];
        incoming.on('data', (part: Buffer) => parts.push(part));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const answer = {
            status: incoming.statusCode ?? 0,
            headers: new Headers(
              Object.entries(incoming.headers).map(([name, value]): [string, string] => [
                name,
                String(value),
              ]),
            ),
            bytes: new Uint8Array(Buffer.concat(parts)),
          };
          outgoing.destroy();
          resolve(answer);
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 30 s')));
    // Node keeps the head back until there is something to send after it.
    outgoing.flushHeaders();
    if (body) outgoing.write(body);
    // With a body that falls short of its length the request stays open until the answer is there.
    if (
      headers['content-length'] === undefined ||
      Number(headers['content-length']) === (body?.byteLength ?? 0)
    )
      outgoing.end();
  }).then((answer) => {
    expectGuarantees(`${method} ${path}`, answer, method !== 'HEAD');
    return answer;
  });
}

const BETWEEN_MS = 100;

/** One request after another, as a client sends them that keeps its connection; whether it could keep it. */
export async function overOneConnection(
  url: string,
  requests: readonly RawRequest[],
): Promise<{ readonly status: number; readonly isSameConnection: boolean }[]> {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers = [];
  try {
    for (const { method, path, headers = {}, body } of requests) {
      const options = { hostname, port, method, path, headers, agent };
      answers.push(
        await new Promise<{ status: number; isSameConnection: boolean }>((resolve, reject) => {
          const outgoing = request(options, (incoming) => {
            incoming.resume();
            incoming.on('error', reject);
            incoming.on('end', () =>
              resolve({ status: incoming.statusCode ?? 0, isSameConnection: outgoing.reusedSocket }),
            );
          });
          outgoing.on('error', reject);
          outgoing.end(body);
        }),
      );
      // A connection that is closed after its answer is closed by then.
      await sleep(BETWEEN_MS);
    }
  } finally {
    agent.destroy();
  }
  return answers;
}

/** Announces a body, sends a part of it, and hangs up. Resolves when the connection is gone. */
export function hangUpHalfWay(url: string, { method, path, headers = {}, body }: RawRequest): Promise<void> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false });
    outgoing.on('error', () => {});
    outgoing.on('close', () => resolve());
    outgoing.on('response', () => reject(new Error('the server answered before the body was there')));
    // The pause lets the bytes reach the object store: it is there that half a file could be left behind.
    outgoing.write(body ?? '', () => setTimeout(() => outgoing.destroy(), HANG_UP_AFTER_MS));
  });
}
