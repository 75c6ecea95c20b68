import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';

/**
 * A client that is not the limit: it reads from the socket into one buffer that it never looks at (about 3 GB/s
 * here), and writes one buffer that the kernel takes as fast as the server reads it.
 */

const TIMEOUT_MS = 120_000;
const READ_BUFFER_BYTES = 1024 * 1024;

/** @returns bytes per second, from the first byte sent to the last one received. */
export async function download(
  url: string,
  size: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { hostname, port, pathname, search, host } = new URL(url);
  const startedAt = performance.now();
  await new Promise<void>((resolve, reject) => {
    let missing = Number.POSITIVE_INFINITY;
    const socket = connect({
      host: hostname,
      port: Number(port),
      onread: {
        buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
        callback: (count, buffer) => {
          if (missing === Number.POSITIVE_INFINITY) missing = answerBytes(buffer.subarray(0, count), size);
          missing -= count;
          // The server may keep the connection for a while, so its end says nothing.
          if (missing <= 0) {
            resolve();
            socket.destroy();
          }
          return true;
        },
      },
    });
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('the download timed out')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${missing} bytes are missing`)));
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}\r\n`);
  });
  return size / ((performance.now() - startedAt) / 1_000);
}

/** Head and body together, as the first packet announces them. */
function answerBytes(packet: Uint8Array, size: number): number {
  const text = Buffer.from(packet).toString('latin1');
  const head = text.slice(0, text.indexOf('\r\n\r\n') + 4);
  if (!head.startsWith('HTTP/1.1 200 ') || !head.toLowerCase().includes(`content-length: ${size}\r\n`))
    throw new Error(`unexpected answer: ${head.slice(0, 200)}`);
  return head.length + size;
}

export interface UploadAnswer {
  readonly bytesPerSecond: number;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

/** @returns bytes per second, until the answer is there. */
export async function upload(
  url: string,
  method: 'POST' | 'PUT' | 'PATCH',
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<UploadAnswer> {
  const startedAt = performance.now();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, headers: { ...headers, 'content-length': bytes.length }, agent: false };
    const outgoing = request(url, { ...options, timeout: TIMEOUT_MS }, resolve);
    outgoing.once('timeout', () => outgoing.destroy(new Error('the upload timed out')));
    outgoing.once('error', reject);
    outgoing.end(bytes);
  });
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += part;
  if (response.statusCode === undefined || response.statusCode < 200 || response.statusCode > 299)
    throw new Error(`the upload was answered ${response.statusCode}: ${body}`);
  const bytesPerSecond = bytes.length / ((performance.now() - startedAt) / 1_000);
  return { bytesPerSecond, body, headers: response.headers };
}
