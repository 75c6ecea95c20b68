import { Worker } from 'node:worker_threads';

const CHECK_MS = 500;

/**
 * Ends this process of a pool when its parent is gone, however that died. A thread looks after it as well, because a
 * file that is parsed without end keeps the process from hearing that it was disconnected.
 */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit(0));
  const watch = `setInterval(() => {
    if (process.ppid !== ${Number(process.argv[2] ?? process.ppid)}) process.kill(process.pid, 'SIGKILL');
  }, ${CHECK_MS});`;
  const resourceLimits = { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 };
  new Worker(watch, { eval: true, env: {}, execArgv: [], resourceLimits }).unref();
}
