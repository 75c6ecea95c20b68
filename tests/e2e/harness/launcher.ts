import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { MODEL_CACHE_DIR, ROOT } from './local-stack.ts';
import { until } from './until.ts';

export interface Launcher {
  readonly process: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** Resolves with the code when it has ended. */
  readonly ended: Promise<number | null>;
}

export interface LauncherOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** What `npm start` runs, as a process of its own. */
export function launch({ dataDir, port, args = [], env = {} }: LauncherOptions): Launcher {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'src/local/main.ts', ...args],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ACS_DATA_DIR: dataDir, PORT: String(port), MODEL_CACHE_DIR, ...env },
    },
  );
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { process: child, output: () => lines.join('\n'), ended };
}

/** The address that it prints when all parts answer. */
export async function readyUrl({ process: child, output }: Launcher): Promise<string> {
  const printed = () => /^ready (http:\S+)$/m.exec(output())?.[1];
  await until(
    async () => printed() ?? (child.exitCode === null ? 'starting' : 'ended'),
    (state) => state !== 'starting',
    { withinMs: 300_000, what: 'the launcher to be ready' },
  );
  const url = printed();
  if (url === undefined) throw new Error(`the launcher ended instead of starting:\n${output()}`);
  return url;
}

/** A process of Linux, so that a reused pid is not taken for it (proc(5): 4 is ppid, 22 the start time). */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly startedAt: string;
}

async function processes(): Promise<ProcessEntry[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')] as const),
  );
  return stats.flatMap(([pid, stat]) => {
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isAlive = stat !== '' && fields[0] !== 'Z';
    return isAlive ? [{ pid: Number(pid), parent: Number(fields[1]), startedAt: fields[19] ?? '' }] : [];
  });
}

/** Children, their children, and so on. */
export async function descendantsOf(pid: number): Promise<ProcessEntry[]> {
  const all = await processes();
  const below = (parent: number): ProcessEntry[] =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...below(entry.pid)]);
  return below(pid);
}

export async function stillRunning(entries: readonly ProcessEntry[]): Promise<ProcessEntry[]> {
  const all = await processes();
  return entries.filter(({ pid, startedAt }) =>
    all.some((entry) => entry.pid === pid && entry.startedAt === startedAt),
  );
}

/** For the end of a test: what a killed launcher could not take with it. */
export async function endAll(entries: readonly ProcessEntry[]): Promise<void> {
  for (const { pid } of await stillRunning(entries)) process.kill(pid, 'SIGKILL');
  await until(
    () => stillRunning(entries),
    (running) => running.length === 0,
    { withinMs: 10_000, what: 'killed processes to be gone' },
  );
}
