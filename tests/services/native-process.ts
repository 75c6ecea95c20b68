import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NativeOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** How it is asked to end in good order. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** Rejects for as long as the server does not serve. */
  readonly probe: () => Promise<unknown>;
}

export interface NativeProcess {
  stop(): Promise<void>;
}

const START_MS = 60_000;
const STOP_MS = 15_000;
const POLL_MS = 200;
const LOG_CHARS = 4_000;

/**
 * A server that is no part of the project, in a process of its own, once it serves.
 * @throws Error with the end of its log when it ends or does not serve within a minute
 */
export async function startNative(options: NativeOptions): Promise<NativeProcess> {
  const { name, command, args, env, stopSignal, probe, ...identity } = options;
  const child = spawn(command, [...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
    ...identity,
  });
  let log = '';
  const note = (chunk: unknown) => {
    log = `${log}${String(chunk)}`.slice(-LOG_CHARS);
  };
  child.stdout.on('data', note);
  child.stderr.on('data', note);
  let failure: string | undefined;
  child.once('error', (error) => {
    failure = error.message;
  });
  child.once('exit', (code) => {
    failure ??= `ended with code ${code}`;
  });
  const until = Date.now() + START_MS;
  while (!(await serves(probe))) {
    if (failure !== undefined) throw new Error(`${name}: ${failure}\n${log}`);
    if (Date.now() > until) {
      await end(child, stopSignal);
      throw new Error(`${name} did not serve within ${START_MS / 1000} s\n${log}`);
    }
    await sleep(POLL_MS);
  }
  return { stop: () => end(child, stopSignal) };
}

function serves(probe: () => Promise<unknown>): Promise<boolean> {
  return probe().then(
    () => true,
    () => false,
  );
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(timer);
}
