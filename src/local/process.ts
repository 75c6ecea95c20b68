const SHUTDOWN_LIMIT_MS = 10_000;

/** A started local service: the port it listens on, and how it ends (in-flight work first, then its data). */
export interface RunningService {
  port: number;
  close(): Promise<void>;
}

export interface LocalServiceOptions {
  name: string;
  start(): Promise<RunningService>;
}

/**
 * Runs one stand-in of the local stack as the process it lives in. When the service answers, exactly one line goes
 * to stdout: `{"ready":true,"port":12345}`. Logs go to stderr, one JSON object a line. SIGTERM, SIGINT and (with
 * `EXIT_WITH_PARENT=1`) the end of stdin close the service and exit 0; a start that fails exits 1, or with the
 * number in the error's `exitCode`.
 */
export async function runLocalService(options: LocalServiceOptions): Promise<void> {
  let running: RunningService | undefined;
  let stopping: string | undefined;

  const finish = async (service: RunningService, reason: string): Promise<never> => {
    logLine(options.name, 'stopping', { reason });
    // A close that hangs must not outlive the launcher; the data underneath is crash-safe anyway.
    setTimeout(() => process.exit(1), SHUTDOWN_LIMIT_MS).unref();
    try {
      await service.close();
    } catch (error) {
      logLine(options.name, 'stop failed', { reason: messageOf(error) });
      process.exit(1);
    }
    process.exit(0);
  };

  const stop = (reason: string): void => {
    if (stopping !== undefined) return;
    stopping = reason;
    if (running) void finish(running, reason);
  };

  // When the parent is gone so is the reader of the log; a broken pipe must not end the orderly stop.
  process.stderr.on('error', () => undefined);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  watchParent(stop);

  try {
    running = await options.start();
  } catch (error) {
    logLine(options.name, 'start failed', { reason: messageOf(error) });
    process.exit(exitCodeOf(error));
  }
  // A signal that came during the start is honoured as soon as there is something to close in good order.
  if (stopping !== undefined) return finish(running, stopping);
  process.stdout.write(`${JSON.stringify({ ready: true, port: running.port })}\n`);
}

/** One log line on stderr. Never pass it a secret, a query's parameters or a file's content. */
export function logLine(name: string, message: string, fields: Record<string, unknown> = {}): void {
  process.stderr.write(`${JSON.stringify({ service: name, message, ...fields })}\n`);
}

function watchParent(stop: (reason: string) => void): void {
  process.on('disconnect', () => stop('parent disconnected'));
  if (process.env.EXIT_WITH_PARENT !== '1') return;
  // The launcher holds the other end of our stdin: however it dies, even by SIGKILL, the pipe ends.
  process.stdin.on('end', () => stop('parent is gone'));
  process.stdin.on('error', () => stop('parent is gone'));
  process.stdin.resume();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function exitCodeOf(error: unknown): number {
  const code = error instanceof Error && 'exitCode' in error ? error.exitCode : undefined;
  return typeof code === 'number' ? code : 1;
}
