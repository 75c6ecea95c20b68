import { currentTraceId } from './tracer.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Structured log, one JSON object a line. Fields never hold a token, a key, or the content of a file. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Logger;
}

const RANK = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const;

export function createLogger(
  level: LogLevel,
  base: LogFields,
  write: (line: string) => void = console.log,
): Logger {
  const log = (at: 'debug' | 'info' | 'warn' | 'error') => (message: string, fields?: LogFields) => {
    if (RANK[at] < RANK[level]) return;
    const traceId = currentTraceId();
    const place = traceId === undefined ? {} : { traceId };
    write(
      JSON.stringify({ time: new Date().toISOString(), level: at, message, ...place, ...base, ...fields }),
    );
  };
  return {
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    child: (fields) => createLogger(level, { ...base, ...fields }, write),
  };
}

/** What an unexpected error looks like in the log: names and messages along the chain of causes, no values. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && parts.length < 5) {
    // Drizzle writes the parameters of a failed statement into its message: addresses, names, hashes.
    const [message = ''] = current.message.split('\nparams:');
    parts.push(`${current.name}: ${message.slice(0, 300)}`);
    current = current.cause;
  }
  return parts.join(' <- ') || String(error);
}
