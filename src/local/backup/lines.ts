import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LinesFile } from './manifest.ts';

const BUFFER_BYTES = 1024 * 1024;
const LINE_FEED = 0x0a;

/** A file of lines that is being written. */
export interface LinesWriter {
  add(line: string): Promise<void>;
  /** On the disk, with what the manifest says of it. */
  end(): Promise<LinesFile>;
}

export async function writeLines(folder: string, file: string): Promise<LinesWriter> {
  const path = join(folder, file);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let waiting: string[] = [];
  let waitingChars = 0;
  let lines = 0;
  let bytes = 0;
  const flush = async () => {
    const chunk = Buffer.from(waiting.join(''));
    waiting = [];
    waitingChars = 0;
    hash.update(chunk);
    bytes += chunk.length;
    await handle.writeFile(chunk);
  };
  return {
    async add(line) {
      waiting.push(line, '\n');
      waitingChars += line.length;
      lines += 1;
      if (waitingChars >= BUFFER_BYTES) await flush();
    },
    async end() {
      await flush();
      await handle.sync();
      await handle.close();
      return { file, lines, bytes, sha256: hash.digest('hex') };
    },
  };
}

/** Split at line feeds only: Node's own reader of lines also splits at characters that JSON allows inside of texts. */
export async function* readLines(path: string): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  for await (const chunk of chunksOf(path)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield Buffer.concat([...parts, chunk.subarray(start, end)]).toString('utf8');
      parts = [];
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield Buffer.concat(parts).toString('utf8');
}

/** Undefined when there is no such file. */
export async function digestOfFile(path: string): Promise<{ bytes: number; sha256: string } | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of chunksOf(path)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: BUFFER_BYTES }))
    if (chunk instanceof Buffer) yield chunk;
}
