import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { ScanResponse } from '../../contracts/sidecar.ts';
import { AppError } from '../../core/http/app-error.ts';
import { sidecarError } from '../problems.ts';
import type { Scanner } from './scan-service.ts';

const CONNECT_LIMIT_MS = 5_000;
const LONGEST_REPLY = 4_096;
/**
 * When clamd hangs up over its size limit, Node throws the reply away if its next write comes before the reply is read
 * (measured: one time in three). So a connection that breaks off is tried again.
 */
const ATTEMPTS = 6;

export interface ClamdOptions {
  /** How long clamd may take no bytes. */
  idleMilliseconds: number;
  /** How long clamd may think after the last byte. */
  scanMilliseconds: number;
}

/**
 * A scanner that speaks clamd's INSTREAM (clamd(8), "COMMANDS"): pieces with their length in four bytes, big endian, a
 * length of zero at the end, then one reply that a zero byte ends. clamd may reply, and hang up, in the middle.
 * @param address `host:port`, or the path of a Unix socket
 */
export function createClamd(address: string, options: ClamdOptions): Scanner {
  const target = parseAddress(address);
  return async (open, signal) => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await converse(connect(target), open, signal, options);
      } catch (error) {
        signal.throwIfAborted();
        if (attempt === ATTEMPTS || !isHangUp(error)) throw explain(error);
      }
    }
  };
}

async function converse(
  socket: Socket,
  open: () => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
  options: ClamdOptions,
): Promise<ScanResponse> {
  const reply = readReply(socket);
  // Awaited below, unless something else fails first.
  reply.catch(() => undefined);
  const onAbort = () => socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await within(CONNECT_LIMIT_MS, once(socket, 'connect'));
    await sendAll(socket, await open(), reply, options.idleMilliseconds);
    return understand(await within(options.scanMilliseconds, reply));
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
}

function parseAddress(address: string): NetConnectOpts {
  if (address.startsWith('/')) return { path: address };
  const { hostname, port } = new URL(`tcp://${address}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** Stops as soon as there is a reply: it will not change. */
async function sendAll(
  socket: Socket,
  content: AsyncIterable<Uint8Array>,
  reply: Promise<string>,
  idleMilliseconds: number,
): Promise<void> {
  let isAnswered = false;
  const answered = reply.finally(() => {
    isAnswered = true;
  });
  answered.catch(() => undefined);
  const write = async (bytes: Uint8Array) => {
    if (!socket.write(bytes)) await within(idleMilliseconds, Promise.race([once(socket, 'drain'), answered]));
  };
  await write(Buffer.from('zINSTREAM\0'));
  for await (const piece of content) {
    // Lets the reply in, if there is one.
    await setImmediate();
    if (isAnswered) return;
    if (piece.byteLength === 0) continue;
    socket.write(lengthOf(piece.byteLength));
    await write(piece);
  }
  await write(lengthOf(0));
}

function lengthOf(bytes: number): Uint8Array {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes);
  return length;
}

/** Rejects when the connection ends without one. */
function readReply(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.includes('\0')) resolve(text.slice(0, text.indexOf('\0')));
      else if (text.length > LONGEST_REPLY) reject(new Error('clamd talks without end'));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('clamd closed the connection without a reply')));
  });
}

function understand(reply: string): ScanResponse {
  if (reply === 'stream: OK') return { status: 'clean' };
  const signature = /^stream: (.+) FOUND$/.exec(reply)?.[1];
  if (signature !== undefined) return { status: 'infected', signature };
  if (/size limit exceeded/i.test(reply)) return { status: 'unscanned', reason: 'too_large' };
  throw new Error(`clamd replied ${JSON.stringify(reply.slice(0, 200))}`);
}

function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`clamd did nothing for ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function explain(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return sidecarError('scanner_unavailable', {
    detail: 'Nothing is known about the object. Try again later.',
    retryAfterSeconds: 30,
    cause: error,
  });
}
