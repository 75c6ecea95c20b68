import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

const LOCK_FILE = 'stand-in.lock';

/** Two writers on one PostgreSQL folder destroy it, so the second process must stop before it opens anything. */
export class DataDirInUseError extends Error {
  readonly exitCode = 3;

  constructor(dataDir: string, pid: number) {
    super(`the data folder ${dataDir} is in use by process ${pid}; stop it, or choose another folder`);
    this.name = 'DataDirInUseError';
  }
}

/** Takes the folder for this process; a lock whose process is gone (SIGKILL) is taken over. */
export async function lockDataDir(dataDir: string): Promise<{ release(): Promise<void> }> {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, LOCK_FILE);
  for (let attempt = 0; ; attempt++) {
    if (await createLock(path)) return { release: () => rm(path, { force: true }) };
    const holder = parseHolder(await readFile(path, 'utf8').catch(() => ''));
    if (holder && (await isAlive(holder))) throw new DataDirInUseError(dataDir, holder.pid);
    if (attempt === 2) throw new DataDirInUseError(dataDir, holder?.pid ?? 0);
    await rm(path, { force: true });
  }
}

interface Holder {
  pid: number;
  startedAt: string;
}

async function createLock(path: string): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!file) return false;
  await file.writeFile(`${process.pid} ${await startTime(process.pid)}\n`);
  await file.close();
  return true;
}

function parseHolder(content: string): Holder | undefined {
  const [pid, startedAt] = content.trim().split(' ');
  return pid && /^\d+$/.test(pid) ? { pid: Number(pid), startedAt: startedAt ?? '' } : undefined;
}

async function isAlive(holder: Holder): Promise<boolean> {
  if (holder.pid === process.pid) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: alive, but another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  // Pids are reused, in containers at once: the same number with another start time is another process.
  if ((await statFields(holder.pid))[0] === 'Z') return false;
  return holder.startedAt === '' || holder.startedAt === (await startTime(holder.pid));
}

/** The process's start in clock ticks since boot, or '' where there is no /proc. */
async function startTime(pid: number): Promise<string> {
  return (await statFields(pid))[19] ?? '';
}

/** proc(5), from field 3 (state; Z: ended, but not yet reaped by its parent) on. */
async function statFields(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
