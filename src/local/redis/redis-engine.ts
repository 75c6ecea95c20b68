/** A reply as RESP2 has it: `{ok}` is a simple string (status), a string is a bulk string, null is nil. */
export type Reply = string | number | null | { ok: string } | Reply[];

export const OK: Reply = { ok: 'OK' };

/** The server answered with an error; the message starts with its code, such as `ERR` or `WRONGTYPE`. */
export class RedisError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RedisError';
  }
}

export type Outcome = { reply: Reply } | { error: string };

/** A Redis behind the Upstash-compatible endpoint. Commands are text: name first, then arguments. */
export interface RedisEngine {
  /** One command; RedisError is an answer, every other error means that there was none. */
  run(command: readonly string[]): Promise<Reply>;
  /** MULTI/EXEC: nothing runs in between. A command that fails does not undo the others; a malformed one stops all. */
  transaction(commands: readonly (readonly string[])[]): Promise<Outcome[]>;
  close(): Promise<void>;
}
