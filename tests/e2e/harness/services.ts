import type { ChildService } from '../../../src/local/child-service.ts';
import type { Stack } from '../../../src/local/stack.ts';
import { until } from './until.ts';

export type ServiceName = keyof Stack['services'];

export function serviceOf({ services }: Stack, name: ServiceName): ChildService {
  const service = services[name];
  if (service === undefined) throw new Error(`${name} is not one of our processes`);
  return service;
}

/**
 * Killed, and away until the work is done. The launcher by itself starts a service again within a second: what is asked
 * meanwhile may be answered by the old one, by the new one, or by none.
 */
export async function whileAway(stack: Stack, name: ServiceName, work: () => Promise<void>): Promise<void> {
  const restart = await serviceOf(stack, name).crash();
  try {
    await work();
  } finally {
    await restart();
  }
}

/** It hangs, its connections open, while the work is done. */
export async function whileHanging(
  stack: Stack,
  name: ServiceName,
  work: () => Promise<void>,
): Promise<void> {
  const pid = await runningProcess(stack, name);
  process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

/** Its pid once it runs: after a crash the launcher waits a moment before it starts a service again. */
export async function runningProcess(stack: Stack, name: ServiceName): Promise<number> {
  const pid = await until(async () => serviceOf(stack, name).pid(), isAlive, {
    withinMs: 60_000,
    what: `${name} to run`,
  });
  return pid ?? 0;
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
