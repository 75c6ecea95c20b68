import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

const FILE = 'workerd.json';
const pidsSchema = z.array(z.int().positive());

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Empty where there is no `ps`: then an orphan shows as a taken port. */
async function processes(): Promise<ProcessEntry[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args=']).catch(() => ({
    stdout: '',
  }));
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

const isWorkerd = ({ command }: ProcessEntry): boolean => /\bworkerd\S*\s+serve\b/.test(command);

/** Every other part ends with the launcher, however that ends; workerd does not, and would keep the port. */
export async function rememberWorkerd(dataDir: string): Promise<void> {
  const own = (await processes()).filter((entry) => entry.parent === process.pid && isWorkerd(entry));
  await writeFile(join(dataDir, FILE), JSON.stringify(own.map(({ pid }) => pid)));
}

/** Ends what a killed launcher has left. The caller holds the lock of the folder, so no launcher of it is alive. */
export async function endOrphans(dataDir: string): Promise<void> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '[]');
  const remembered = new Set(pidsSchema.parse(JSON.parse(text)));
  if (remembered.size === 0) return;
  const running = await processes();
  // A number that another system's workerd has got meanwhile is not ours to end: that one has a parent.
  const hasParent = ({ parent }: ProcessEntry) =>
    running.some(({ pid, command }) => pid === parent && /\bmain\.ts\b/.test(command));
  for (const entry of running) {
    if (remembered.has(entry.pid) && isWorkerd(entry) && !hasParent(entry)) await end(entry.pid);
  }
}

/** Its port is free only when it is gone. */
async function end(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL');
  for (let attempt = 0; attempt < 20; attempt += 1) {
    if (!(await processes()).some((entry) => entry.pid === pid && isWorkerd(entry))) return;
    await sleep(100);
  }
}
