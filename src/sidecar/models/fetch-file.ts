import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface FileFetch {
  url: URL;
  target: string;
  limits: { connectLimitMs: number; idleLimitMs: number };
  signal: AbortSignal;
  report(receivedBytes: number, totalBytes: number | null): void;
  /** 404 is then no failure. */
  optional?: boolean;
}

/**
 * Fetches a file that never changes under its address; `target` appears whole or not at all. What an earlier try has
 * received is continued (RFC 9110, section 14).
 * @returns its bytes @throws Error with a reason for a person
 */
export async function fetchFile(request: FileFetch): Promise<number> {
  const { target, report } = request;
  const there = await sizeOf(target);
  if (there > 0) return there;
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  const offset = await sizeOf(part);
  const timer = createTimer(request.signal);
  try {
    timer.start(request.limits.connectLimitMs);
    const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await fetch(request.url, { headers, signal: timer.signal });
    if (response.status === 416) await rm(part, { force: true });
    if (response.status === 404 && request.optional === true) return 0;
    if (!response.ok || response.body === null)
      throw new Error(`${request.url.pathname} answered ${response.status}`);
    const resumed = response.status === 206 && startsAt(response, offset);
    if (response.status === 206 && !resumed)
      throw new Error(`${request.url.pathname} answered with another range`);
    const start = resumed ? offset : 0;
    const length = contentLength(response);
    const total = length === null ? null : start + length;
    let received = start;
    const body = Readable.fromWeb(response.body).on('data', (chunk: Uint8Array) => {
      timer.start(request.limits.idleLimitMs);
      received += chunk.byteLength;
      report(received, total);
    });
    await pipeline(body, createWriteStream(part, { flags: resumed ? 'a' : 'w' }), { signal: timer.signal });
    if (total !== null && received !== total) throw new Error(`${request.url.pathname} broke off`);
    await rename(part, target);
    return received;
  } finally {
    timer.stop();
  }
}

const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

function startsAt(response: Response, offset: number): boolean {
  return response.headers.get('content-range')?.startsWith(`bytes ${offset}-`) === true;
}

/** Null when what is counted here is not what the header counts. */
function contentLength({ headers }: Response): number | null {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  return Number.isSafeInteger(length) && !headers.has('content-encoding') ? length : null;
}

/** Aborts when it is not started anew in time, or with the caller. */
function createTimer(caller: AbortSignal) {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  return {
    signal: AbortSignal.any([caller, late.signal]),
    start(limitMs: number) {
      stop();
      timer = setTimeout(() => late.abort(new Error(`no answer within ${limitMs} ms`)), limitMs);
    },
    stop,
  };
}
