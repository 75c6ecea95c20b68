import { z } from 'zod';
import {
  type BufferedRequest,
  healthReply,
  type JsonReply,
  jsonReply,
  sameSecret,
  startJsonServer,
} from '../http-server.ts';
import type { RunningService } from '../process.ts';
import { type Outcome, type RedisEngine, RedisError, type Reply } from './redis-engine.ts';

const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface UpstashFrontOptions {
  engine: RedisEngine;
  host: string;
  port: number;
  token: string;
}

const argument = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((value) => String(value ?? ''));
const command = z.array(argument).min(1);
const commandList = z.array(command);

type Encode = (reply: Reply) => unknown;

/**
 * Upstash's REST API as `@upstash/redis` speaks it: a command as a JSON array, `/pipeline`, `/multi-exec`, bearer
 * token, optional base64 of every text. Wire: upstash.com/docs/redis/features/restapi.
 */
export function startUpstashFront(options: UpstashFrontOptions): Promise<RunningService> {
  return startJsonServer({
    host: options.host,
    port: options.port,
    maxBodyBytes: MAX_BODY_BYTES,
    maxBufferedBytes: 8 * MAX_BODY_BYTES,
    handle: (request) => route(options, request),
  });
}

async function route(options: UpstashFrontOptions, request: BufferedRequest): Promise<JsonReply> {
  if (request.path === '/healthz' && request.method === 'GET')
    return healthReply(options.engine.run(['PING']));
  if (!sameSecret(request.headers.authorization ?? '', `Bearer ${options.token}`)) {
    return jsonReply(401, { error: 'Unauthorized' });
  }
  if (request.method !== 'POST') return jsonReply(405, { error: 'use POST' });
  const encode: Encode = request.headers['upstash-encoding'] === 'base64' ? encodeBase64 : plain;
  try {
    return await answer(options.engine, request, encode);
  } catch (error) {
    if (error instanceof RedisError) return jsonReply(400, { error: error.message });
    return jsonReply(503, { error: 'ERR Redis is not available' });
  }
}

async function answer(engine: RedisEngine, request: BufferedRequest, encode: Encode): Promise<JsonReply> {
  const present = (outcome: Outcome): object =>
    'error' in outcome ? { error: outcome.error } : { result: encode(outcome.reply) };
  switch (request.path) {
    case '/':
      return jsonReply(200, { result: encode(await engine.run(parse(command, request.body))) });
    case '/pipeline': {
      const outcomes: Outcome[] = [];
      for (const one of parse(commandList, request.body)) outcomes.push(await runOne(engine, one));
      return jsonReply(200, outcomes.map(present));
    }
    case '/multi-exec':
      return jsonReply(200, (await engine.transaction(parse(commandList, request.body))).map(present));
    default:
      return jsonReply(404, { error: 'ERR no such path' });
  }
}

async function runOne(engine: RedisEngine, args: readonly string[]): Promise<Outcome> {
  try {
    return { reply: await engine.run(args) };
  } catch (error) {
    if (error instanceof RedisError) return { error: error.message };
    throw error;
  }
}

function parse<T>(schema: z.ZodType<T>, body: string): T {
  try {
    return schema.parse(JSON.parse(body));
  } catch {
    throw new RedisError('ERR failed to parse the command: a JSON array of texts and numbers is expected');
  }
}

function plain(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(plain);
  return typeof reply === 'object' && reply !== null ? reply.ok : reply;
}

/** A status goes out as it is if it is OK, which is what the client looks for; all other text is encoded. */
function encodeBase64(reply: Reply): unknown {
  if (Array.isArray(reply)) return reply.map(encodeBase64);
  if (typeof reply === 'object' && reply !== null) return reply.ok === 'OK' ? 'OK' : encodeBase64(reply.ok);
  return typeof reply === 'string' ? Buffer.from(reply, 'utf8').toString('base64') : reply;
}
