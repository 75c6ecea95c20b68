import { setTimeout as sleep } from 'node:timers/promises';
import { OPERATION_NAMES } from './mix.ts';
import { type ProcessSample, sampleSystem } from './processes.ts';
import type { Outcome, User } from './user.ts';

export interface Stage {
  readonly clients: number;
  readonly seconds: number;
  readonly outcomes: readonly Outcome[];
  readonly processes: readonly ProcessUse[];
}

export interface ProcessUse {
  readonly name: string;
  /** Of one core. */
  readonly cpuShare: number;
  /** Over time. */
  readonly residentBytes: readonly number[];
}

const SAMPLE_MS = 2_000;

/** All users at work for so long; what they have begun by then they end. */
export async function runStage(users: readonly User[], seconds: number, port: number): Promise<Stage> {
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  const outcomes: Outcome[] = [];
  const work = async (user: User) => {
    while (performance.now() < until) outcomes.push(await user.act());
  };
  const samples = [await sampleSystem(port)];
  const working = Promise.all(users.map(work));
  while (performance.now() < until) {
    await sleep(Math.max(0, Math.min(SAMPLE_MS, until - performance.now())));
    samples.push(await sampleSystem(port));
  }
  const sampled = (performance.now() - startedAt) / 1_000;
  await working;
  const ended = (performance.now() - startedAt) / 1_000;
  return { clients: users.length, seconds: ended, outcomes, processes: usesOf(samples, sampled) };
}

function usesOf(samples: readonly Map<number, ProcessSample>[], seconds: number): ProcessUse[] {
  return [...(samples.at(-1) ?? [])].map(([pid, { name, cpuSeconds }]) => ({
    name,
    cpuShare: (cpuSeconds - (samples[0]?.get(pid)?.cpuSeconds ?? 0)) / seconds,
    residentBytes: samples.flatMap((sample) => sample.get(pid)?.residentBytes ?? []),
  }));
}

const succeeded = ({ outcomes }: Stage) => outcomes.filter(({ error }) => error === undefined);

/** Operations that succeeded, a second. */
export const throughput = (stage: Stage): number => succeeded(stage).length / stage.seconds;

export function errorsOf({ outcomes }: Stage): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error, operation } of outcomes) {
    const key = `${operation}: ${error}`;
    if (error !== undefined) counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export const latencies = (stage: Stage): number[] => succeeded(stage).map(({ ms }) => ms);

/** As lines of text. */
export function describeStage(stage: Stage): string[] {
  const mb = succeeded(stage).reduce((sum, { bytes }) => sum + bytes, 0) / 1e6;
  const rate = `${throughput(stage).toFixed(1)} operations/s, ${(mb / stage.seconds).toFixed(1)} MB/s`;
  const rows = OPERATION_NAMES.map((operation) => {
    const ms = succeeded(stage).flatMap((one) => (one.operation === operation ? one.ms : []));
    const columns = [0.5, 0.95, 0.99].map((share) => quantile(ms, share).toFixed(0).padStart(7));
    return `  ${operation.padEnd(10)}${String(ms.length).padStart(6)}  p50 p95 p99 ms${columns.join('')}`;
  });
  const uses = stage.processes
    .toSorted((a, b) => b.cpuShare - a.cpuShare)
    .map(({ name, cpuShare, residentBytes }) => {
      const most = Math.round(Math.max(...residentBytes) / 1024 ** 2);
      return `  ${name.padEnd(30)}${(cpuShare * 100).toFixed(0).padStart(5)} % of a core${String(most).padStart(7)} MiB`;
    });
  const errors = Object.entries(errorsOf(stage)).map(([what, count]) => `  ERROR ${what} (${count})`);
  return [`${stage.clients} clients, ${stage.seconds.toFixed(0)} s: ${rate}`, ...rows, ...uses, ...errors];
}
