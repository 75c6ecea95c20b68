import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface SpawnedService {
  url: string;
  process: ChildProcess;
  /** Ends it with the signal and gives its exit code (null when the signal itself ended it). */
  stop(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a stand-in as the launcher does and waits for its ready line. */
export async function spawnService(main: URL, env: Record<string, string>): Promise<SpawnedService> {
  const child = spawn(process.execPath, [fileURLToPath(main)], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', EXIT_WITH_PARENT: '1', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const line = once(createInterface({ input: child.stdout }), 'line');
  const first = await Promise.race([line.then(([text]) => String(text)), exited.then(() => '')]);
  if (first === '') throw new Error(`the service exited with ${child.exitCode} before it was ready`);
  const ready: unknown = JSON.parse(first);
  const port = typeof ready === 'object' && ready !== null && 'port' in ready ? Number(ready.port) : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    process: child,
    async stop(signal) {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** Runs a stand-in that is expected to refuse to start, and gives its exit code. */
export async function exitCodeOf(main: URL, env: Record<string, string>): Promise<number | null> {
  const child = spawn(process.execPath, [fileURLToPath(main)], {
    env: { PATH: process.env.PATH ?? '', PORT: '0', ...env },
    stdio: 'ignore',
  });
  await once(child, 'exit');
  return child.exitCode;
}
