import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RawRequest } from './raw-http.ts';

const PIECE_BYTES = 64 * 1024;

export interface SlowSender {
  /** Bytes of the body that the connection has taken. */
  sent(): number;
  /** The status, or undefined when the connection broke before there was an answer. */
  readonly ended: Promise<number | undefined>;
  /** Hangs up. */
  hangUp(): void;
}

/** A client with a slow line: a piece of the body every so often, however long it takes. */
export function sendSlowly(
  url: string,
  { method, path, headers = {}, body }: RawRequest,
  everyMs: number,
): SlowSender {
  const { hostname, port } = new URL(url);
  const whole = body ?? new Uint8Array();
  let sent = 0;
  const outgoing = request({
    ...{ hostname, port, method, path, agent: false },
    headers: { 'content-length': String(whole.byteLength), ...headers },
  });
  const closed = new Promise<void>((resolve) => outgoing.once('close', () => resolve()));
  const ended = new Promise<number | undefined>((resolve) => {
    outgoing.on('error', () => resolve(undefined));
    outgoing.on('close', () => resolve(undefined));
    outgoing.on('response', (incoming) => {
      incoming.resume();
      incoming.on('end', () => resolve(incoming.statusCode));
      incoming.on('error', () => resolve(undefined));
    });
  });
  outgoing.flushHeaders();
  void (async () => {
    while (sent < whole.byteLength && !outgoing.destroyed) {
      const piece = whole.subarray(sent, sent + PIECE_BYTES);
      const written = new Promise<void>((resolve) => outgoing.write(piece, () => resolve()));
      await Promise.race([written, closed]);
      if (outgoing.destroyed) return;
      sent += piece.byteLength;
      await sleep(everyMs);
    }
    outgoing.end();
  })();
  return { sent: () => sent, ended, hangUp: () => outgoing.destroy() };
}
