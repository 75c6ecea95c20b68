import type { Answer } from './guarantees.ts';
import { sendRaw } from './raw-http.ts';

export interface CallFrom {
  readonly json?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A call over a connection from another address of this machine, all of which are loopback: `127.0.0.2`. */
export function callFrom(
  url: string,
  from: string,
  method: string,
  path: string,
  { json, token, headers = {} }: CallFrom = {},
): Promise<Answer> {
  const body = json === undefined ? undefined : new TextEncoder().encode(JSON.stringify(json));
  return sendRaw(url, {
    method,
    path,
    from,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body ? { 'content-type': 'application/json', 'content-length': String(body.byteLength) } : {}),
      ...headers,
    },
    ...(body ? { body } : {}),
  });
}
