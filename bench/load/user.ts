import { createHash } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { pick } from '../../tests/e2e/harness/seeded.ts';
import { makeContent, nextOperation, nextSize, type Operation, WORDS } from './mix.ts';

const TIMEOUT_MS = 120_000;
const FILES_AT_FIRST = 4;
const tokensSchema = z.object({ accessToken: z.string() });
const fileSchema = z.object({ id: z.string() });
const problemSchema = z.object({ code: z.string() });

/** What users may write together, so that the disk is not filled. */
export interface Budget {
  bytes: number;
}

export interface Outcome {
  readonly operation: Operation;
  readonly ms: number;
  /** Of content, both ways. */
  readonly bytes: number;
  /** Code of the refusal or fault. */
  readonly error?: string;
}

export interface User {
  act(): Promise<Outcome>;
}

class LoadError extends Error {}

/** Somebody with an account and a few files, who does one thing after the other. */
export async function createUser(url: string, random: () => number, budget: Budget): Promise<User> {
  const email = `load-${crypto.randomUUID()}@example.com`;
  const password = `pass ${crypto.randomUUID()}`;
  const registered = await fetch(new URL('/v1/auth/register', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  await expectOk(registered);
  const headers = { authorization: `Bearer ${tokensSchema.parse(await registered.json()).accessToken}` };
  const files: { id: string; size: number; sha256: string }[] = [];

  const get = async (path: string): Promise<Response> => {
    const response = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
    await expectOk(response);
    return response;
  };
  const any = () => pick(random, files).id;
  const operations: Record<Operation, () => Promise<number>> = {
    async write() {
      const content = makeContent(random, nextSize(random));
      budget.bytes -= content.size;
      const name = `${crypto.randomUUID()}.${content.size < 20_000 ? 'txt' : 'bin'}`;
      const answer = await send(new URL(`/v1/files?name=${name}`, url), headers, content);
      files.push({ id: fileSchema.parse(answer).id, size: content.size, sha256: content.sha256 });
      return content.size;
    },
    async read() {
      const file = pick(random, files);
      const hash = createHash('sha256');
      for await (const chunk of (await get(`/v1/files/${file.id}/content`)).body ?? []) hash.update(chunk);
      if (hash.digest('hex') !== file.sha256) throw new LoadError('wrong_bytes');
      return file.size;
    },
    list: async () => (await (await get('/v1/files?limit=50')).arrayBuffer()).byteLength,
    describe: async () => (await (await get(`/v1/files/${any()}`)).arrayBuffer()).byteLength,
    search: async () => (await (await get(`/v1/search?q=${pick(random, WORDS)}`)).arrayBuffer()).byteLength,
  };
  for (let count = 0; count < FILES_AT_FIRST; count += 1) await operations.write();

  return {
    async act() {
      const chosen = nextOperation(random);
      const operation = chosen === 'write' && budget.bytes <= 0 ? 'read' : chosen;
      const startedAt = performance.now();
      const result = await operations[operation]().then(
        (bytes) => ({ bytes }),
        (error: unknown) => ({ bytes: 0, error: codeOf(error) }),
      );
      return { operation, ms: performance.now() - startedAt, ...result };
    },
  };
}

async function expectOk(response: Response): Promise<void> {
  if (response.ok) return;
  throw new LoadError(refusal(response.status, await response.text()));
}

function refusal(status: number, body: string): string {
  try {
    return `${status} ${problemSchema.parse(JSON.parse(body)).code}`;
  } catch {
    return String(status);
  }
}

/** By node:http, which says the length of a body that is made as it goes. */
async function send(url: URL, headers: Record<string, string>, content: ReturnType<typeof makeContent>) {
  const outgoing = request(url, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/octet-stream', 'content-length': content.size },
    timeout: TIMEOUT_MS,
  });
  outgoing.once('timeout', () => outgoing.destroy(new LoadError('timeout')));
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  await pipeline(Readable.from(content.chunks()), outgoing).catch(() => undefined);
  const response = await answered;
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += part;
  if (response.statusCode !== 201) throw new LoadError(refusal(response.statusCode ?? 0, body));
  const answer: unknown = JSON.parse(body);
  return answer;
}

function codeOf(error: unknown): string {
  if (error instanceof LoadError) return error.message;
  return error instanceof Error ? error.name : 'unknown';
}
