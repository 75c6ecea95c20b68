import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const SAMPLE_MS = 25;
const LISTENING = '0A';

/** The process of this machine that listens on a port (proc(5): net/tcp). */
async function listenerOn(port: number): Promise<number> {
  const sockets = (await readFile('/proc/net/tcp', 'utf8'))
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inode = sockets.find(([, local, , state]) => local?.endsWith(wanted) && state === LISTENING)?.[9];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files)
      if ((await readlink(`/proc/${pid}/fd/${file}`).catch(() => '')) === `socket:[${inode}]`)
        return Number(pid);
  }
  throw new Error(`nothing of ours listens on port ${port}`);
}

const residentBytes = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;

/** By how many bytes the Workers' process grows at most while `work` runs. */
export async function growthDuring<T>(
  url: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly growthBytes: number }> {
  const pid = await listenerOn(Number(new URL(url).port));
  const before = await residentBytes(pid);
  let most = before;
  let isOver = false;
  const sampling = (async () => {
    while (!isOver) {
      most = Math.max(most, await residentBytes(pid));
      await sleep(SAMPLE_MS);
    }
  })();
  try {
    return { result: await work(), growthBytes: most - before };
  } finally {
    isOver = true;
    await sampling;
  }
}
