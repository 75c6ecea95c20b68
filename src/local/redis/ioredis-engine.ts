import { Command, Redis } from 'ioredis';
import { type Outcome, type RedisEngine, RedisError, type Reply } from './redis-engine.ts';

/** Of its own accord, ioredis makes objects of these replies; on the wire they are lists. */
const RESHAPED = ['hgetall'];

/** A real Redis server behind the port, through ioredis. Fails at once rather than wait while it is away. */
export async function createIoredisEngine(url: string): Promise<RedisEngine> {
  for (const name of RESHAPED) Command.setReplyTransformer(name, (reply: unknown) => reply);
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 10_000,
    connectTimeout: 5_000,
  });
  // ioredis reconnects by itself; without a listener it would write every attempt to the console.
  client.on('error', () => undefined);
  await client.connect();
  return {
    async run([name = '', ...args]) {
      try {
        return toReply(await client.call(name, withoutUpstashFlag(name, args)));
      } catch (error) {
        throw translate(error);
      }
    },
    async transaction(commands) {
      const transaction = client.multi();
      for (const [name = '', ...args] of commands) transaction.call(name, args);
      const results = await transaction.exec().catch((error: unknown) => {
        throw translate(error);
      });
      return (results ?? []).map(toOutcome);
    },
    async close() {
      await client.quit();
    },
  };
}

/** Upstash's servers know a flag of scripts that Redis refuses, and @upstash/ratelimit sets it. */
function withoutUpstashFlag(name: string, args: readonly string[]): string[] {
  if (name.toUpperCase() !== 'EVAL') return [...args];
  const [script = '', ...rest] = args;
  return [script.replace(/^#!lua flags=allow-key-locking(?=\n)/, '#!lua'), ...rest];
}

function toOutcome([error, reply]: [error: Error | null, result: unknown]): Outcome {
  return error ? { error: error.message } : { reply: toReply(reply) };
}

function toReply(value: unknown): Reply {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (Array.isArray(value)) return value.map(toReply);
  // RESP3 types and 64-bit integers beyond JavaScript's; as text, Upstash does the same.
  return String(value);
}

function translate(error: unknown): unknown {
  return error instanceof Error && error.name === 'ReplyError' ? new RedisError(error.message) : error;
}
