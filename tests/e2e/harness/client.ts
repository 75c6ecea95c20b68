import { z } from 'zod';
import { type Answer, expectGuarantees } from './guarantees.ts';
import { type Problem, problemSchema } from './wire.ts';

export interface CallOptions {
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: RequestInit['body'];
  readonly headers?: Readonly<Record<string, string>>;
  /** Replaces the client's own token; null sends none. */
  readonly token?: string | null;
}

/** Plain HTTP: what anybody could do with curl. Every answer is held against what all answers promise. */
export interface Client {
  readonly url: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** The same client with another access token. */
  as(token: string): Client;
}

const TIMEOUT_MS = 60_000;

export function createClient(url: string, ownToken?: string): Client {
  return {
    url,
    as: (token) => createClient(url, token),
    async call(method, path, { json, body, headers = {}, token = ownToken ?? null } = {}) {
      const streamed = body instanceof ReadableStream ? { duplex: 'half' as const } : {};
      const response = await fetch(`${url}${path}`, {
        method,
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json === undefined ? { body: body ?? null } : { body: JSON.stringify(json) }),
        ...streamed,
      });
      const answer = {
        status: response.status,
        headers: response.headers,
        bytes: new Uint8Array(await response.arrayBuffer()),
      };
      expectGuarantees(`${method} ${path}`, answer, method !== 'HEAD');
      return answer;
    },
  };
}

export function textOf({ bytes }: Answer): string {
  return new TextDecoder().decode(bytes);
}

/** The body of an answer that must have this status. */
export function bodyOf<Schema extends z.ZodType>(
  answer: Answer,
  status: number,
  schema: Schema,
): z.infer<Schema> {
  if (answer.status !== status)
    throw new Error(`expected ${status}, the answer is ${answer.status} ${textOf(answer)}`);
  const parsed = schema.safeParse(JSON.parse(textOf(answer)));
  if (parsed.success) return parsed.data;
  throw new Error(`${z.prettifyError(parsed.error)}\nin the answer ${textOf(answer).slice(0, 2_000)}`);
}

export function problemOf(answer: Answer): Problem {
  if (answer.status < 400) throw new Error(`expected a refusal, the answer is ${answer.status}`);
  return problemSchema.parse(JSON.parse(textOf(answer)));
}

/** `409 name_conflict`: what most refusals are compared by. */
export function refusal(answer: Answer): string {
  return answer.status < 400 ? String(answer.status) : `${answer.status} ${problemOf(answer).code}`;
}

/** The fields that a refusal names. */
export function faultyFields(answer: Answer): string[] {
  return (problemOf(answer).errors ?? []).map(({ field }) => field);
}
