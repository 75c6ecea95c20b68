import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

export interface ProcessSample {
  readonly name: string;
  readonly residentBytes: number;
  /** Since it began. */
  readonly cpuSeconds: number;
}

const LISTENING = '0A';
/** proc(5): clock ticks of stat, the same on all Linux. */
const TICKS_PER_SECOND = 100;

/** The processes of the system that listens on a port of this machine, by pid (Linux only). */
export async function sampleSystem(port: number): Promise<Map<number, ProcessSample>> {
  const listener = await listenerOn(port);
  const parents = new Map<number, number>();
  for (const pid of await pids()) parents.set(pid, Number((await statOf(pid))?.[1] ?? 0));
  const root = parents.get(listener) ?? listener;
  const samples = new Map<number, ProcessSample>();
  for (const pid of parents.keys()) {
    if (!isBelow(pid, root, parents)) continue;
    const stat = await statOf(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (stat === undefined) continue;
    samples.set(pid, {
      name: pid === process.pid ? 'load generator and launcher' : await nameOf(pid, pid === listener),
      residentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
      cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND,
    });
  }
  return samples;
}

function isBelow(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
    if (at === root) return true;
  return false;
}

async function pids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Fields of /proc/PID/stat from `state` on; a name before them may have blanks in it. */
async function statOf(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

async function nameOf(pid: number, isListener: boolean): Promise<string> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  const service = words.map((word) => /src\/(?:local\/)?(\w+)\/main\.ts$/.exec(word)?.[1]).find(Boolean);
  if (service !== undefined) return service;
  const program = basename(words[0] ?? '');
  if (program.startsWith('workerd')) return isListener ? 'workerd (gateway)' : 'workerd (auth)';
  return words.some((word) => word.endsWith('src/local/main.ts')) ? 'launcher' : program;
}

async function listenerOn(port: number): Promise<number> {
  const sockets = (await readFile('/proc/net/tcp', 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inode = sockets.find(([, local, , state]) => local?.endsWith(wanted) && state === LISTENING)?.[9];
  for (const pid of await pids()) {
    for (const file of await readdir(`/proc/${pid}/fd`).catch(() => []))
      if ((await readlink(`/proc/${pid}/fd/${file}`).catch(() => '')) === `socket:[${inode}]`) return pid;
  }
  throw new Error(`nothing that can be looked at listens on port ${port}`);
}
