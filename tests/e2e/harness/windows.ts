import { setTimeout as sleep } from 'node:timers/promises';

/** Windows of rate limits begin when the clock says so: at full minutes, at full quarters of an hour. */
export async function roomInWindow(windowSeconds: number, neededSeconds: number): Promise<void> {
  const windowMs = windowSeconds * 1_000;
  const leftMs = windowMs - (Date.now() % windowMs);
  // A little more: its clock and ours may not tick at once.
  if (leftMs < neededSeconds * 1_000) await sleep(leftMs + 100);
}
