import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';

export interface ChildServiceOptions {
  readonly name: string;
  /** TypeScript file, relative to the repository. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logDir: string;
  /** Each line that the service logs. */
  readonly onLog?: (line: string) => void;
}

export interface ChildService {
  readonly name: string;
  readonly port: number;
  /** Of the process that runs now; it changes when the service was restarted. */
  pid(): number | undefined;
  /** As a crash, for tests: resolves when the process is gone, with what starts it again, which nothing else does. */
  crash(): Promise<() => Promise<void>>;
  stop(): Promise<void>;
}

export class ChildServiceError extends Error {
  override name = 'ChildServiceError';
}

const ROOT = join(import.meta.dirname, '../..');
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 12_000;
const MAX_RESTART_DELAY_MS = 10_000;
const readyLine = z.object({ ready: z.literal(true), port: z.int().positive() });

/**
 * Runs a service in a process of its own and keeps it running: one that dies is started again, on the same port,
 * after a growing delay. The process ends with its parent, however that dies.
 * @throws ChildServiceError when the first start fails.
 */
export async function startChildService(options: ChildServiceOptions): Promise<ChildService> {
  let isKept = true;
  let failures = 0;
  let nextStart: NodeJS.Timeout | undefined;
  let current = launch(options, 0);
  const port = await current.ready;
  watch();

  function start(): void {
    current = launch(options, port);
    current.ready.catch(() => undefined);
    watch();
  }

  function watch(): void {
    const startedAt = Date.now();
    current.process.once('exit', () => {
      if (!isKept) return;
      failures = Date.now() - startedAt > 60_000 ? 1 : failures + 1;
      const delay = Math.min(MAX_RESTART_DELAY_MS, 250 * 2 ** failures);
      nextStart = setTimeout(start, delay);
    });
  }

  function letGo(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    isKept = false;
    clearTimeout(nextStart);
    return end(current.process, signal);
  }

  return {
    name: options.name,
    port,
    pid: () => current.process.pid,
    async crash() {
      await letGo('SIGKILL');
      return async () => {
        isKept = true;
        start();
        await current.ready;
      };
    },
    stop: () => letGo('SIGTERM'),
  };
}

function launch(
  options: ChildServiceOptions,
  port: number,
): { process: ChildProcess; ready: Promise<number> } {
  mkdirSync(options.logDir, { recursive: true });
  const log = createWriteStream(join(options.logDir, `${options.name}.log`), { flags: 'a' });
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(ROOT, options.script)],
    {
      cwd: ROOT,
      // A group of its own: Ctrl-C reaches the launcher first, which stops the services in order.
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env, PORT: String(port), HOST: '127.0.0.1', EXIT_WITH_PARENT: '1' },
    },
  );
  let lastLine = '';
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLine = line;
    log.write(`${line}\n`);
    options.onLog?.(line);
  });
  return { process: child, ready: waitUntilReady(options.name, child, () => lastLine) };
}

function waitUntilReady(name: string, child: ChildProcess, lastLine: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    const giveUp = (why: string) =>
      reject(new ChildServiceError(`${name} ${why}${lastLine() ? `: ${lastLine()}` : ''}`));
    const timer = setTimeout(
      () => giveUp(`was not ready within ${START_TIMEOUT_MS / 1000} s`),
      START_TIMEOUT_MS,
    );
    child.once('error', (error) => giveUp(error.message));
    // The last log line may still be in the pipe when the process is gone.
    child.once('close', (code) => giveUp(`ended with code ${code} instead of starting`));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      clearTimeout(timer);
      resolve(readyLine.parse(JSON.parse(line)).port);
    });
  });
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
