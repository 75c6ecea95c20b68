import { statfs } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { seeded } from '../../tests/e2e/harness/seeded.ts';
import { withEnvironment } from '../environment.ts';
import { describeStage, errorsOf, latencies, quantile, runStage, type Stage, throughput } from './stage.ts';
import { type Budget, createUser, type User } from './user.ts';

// `npm run load -- [--seconds 60] [--clients 8] [--seed 1] [--soak] [--url http://127.0.0.1:8787]` (docs/load.md)

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);
const SOAK_SECONDS = 30 * 60;
const MAX_SECONDS = 3_600;
const MAX_CLIENTS = 64;
const BUDGET_BYTES = 4e9;
/** Of the free disk at most. */
const BUDGET_SHARE = 0.1;
/** A step that brings less than this much more is past the knee. */
const WORTHWHILE = 1.1;
const GROWTH_ALLOWED = 1.1;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    clients: { type: 'string', default: '8' },
    seed: { type: 'string', default: '1' },
    soak: { type: 'boolean', default: false },
    url: { type: 'string' },
  },
});
const clients = numberOf('clients', values.clients, MAX_CLIENTS);
const seconds = values.soak ? SOAK_SECONDS : numberOf('seconds', values.seconds, MAX_SECONDS);
const seed = numberOf('seed', values.seed, 2 ** 31);

if (values.url === undefined) {
  // The limits per address are what would be measured: all users here are one.
  const bindings = { RATE_LIMIT_SCALE: '10000', PASSWORD_HASHES_PER_SECOND: '1000' };
  await withEnvironment('split', ({ stack }) => load(stack.url), bindings);
} else {
  await load(values.url);
}

async function load(url: string): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== 'http:' || !LOOPBACK.has(hostname))
    throw new Error(`load goes to this machine only, not to ${hostname}`);
  const { bavail, bsize } = await statfs(tmpdir());
  const budget = { bytes: Math.min(BUDGET_BYTES, bavail * bsize * BUDGET_SHARE) };
  console.log(
    `seed ${seed}, ${availableParallelism()} cores, at most ${Math.round(budget.bytes / 1e6)} MB are written`,
  );
  const stages = await (values.soak ? soak(url, Number(port), budget) : ramp(url, Number(port), budget));
  if (stages.some((stage) => Object.keys(errorsOf(stage)).length > 0)) process.exitCode = 1;
}

/** Twice as many clients in each step. */
async function ramp(url: string, port: number, budget: Budget): Promise<Stage[]> {
  const steps: number[] = [];
  for (let count = 1; count < clients; count *= 2) steps.push(count);
  steps.push(clients);
  const stages: Stage[] = [];
  const users: User[] = [];
  for (const count of steps) {
    await addUsers(users, count, url, budget);
    const stage = await runStage(users, seconds / steps.length, port);
    for (const line of describeStage(stage)) console.log(line);
    stages.push(stage);
  }
  console.log(kneeOf(stages));
  return stages;
}

async function soak(url: string, port: number, budget: Budget): Promise<Stage[]> {
  const users: User[] = [];
  await addUsers(users, clients, url, budget);
  const stage = await runStage(users, seconds, port);
  for (const line of describeStage(stage)) console.log(line);
  for (const { name, residentBytes } of stage.processes) {
    const third = Math.floor(residentBytes.length / 3);
    // In the first third caches fill.
    const growth =
      quantile(residentBytes.slice(2 * third), 0.5) / quantile(residentBytes.slice(third, 2 * third), 0.5);
    const isFlat = growth <= GROWTH_ALLOWED;
    console.log(`memory of ${name}: ${isFlat ? 'flat' : 'GREW'}, last third to second ${growth.toFixed(2)}`);
    if (!isFlat) process.exitCode = 1;
  }
  return [stage];
}

async function addUsers(users: User[], count: number, url: string, budget: Budget): Promise<void> {
  while (users.length < count) users.push(await createUser(url, seeded(seed + users.length), budget));
}

function kneeOf(stages: readonly Stage[]): string {
  const past = stages.findIndex((stage, step) => {
    const before = stages[step - 1];
    return before !== undefined && throughput(stage) < throughput(before) * WORTHWHILE;
  });
  const knee = stages.at(past < 0 ? -1 : past - 1);
  if (knee === undefined) return 'no step was run';
  const [busiest] = knee.processes.toSorted((a, b) => b.cpuShare - a.cpuShare);
  const all = knee.processes.reduce((sum, { cpuShare }) => sum + cpuShare, 0);
  const where = past < 0 ? 'not reached with' : 'at';
  return [
    `knee: ${where} ${knee.clients} clients, ${throughput(knee).toFixed(1)} operations/s`,
    `p95 ${quantile(latencies(knee), 0.95).toFixed(0)} ms`,
    `busiest: ${busiest?.name}, ${((busiest?.cpuShare ?? 0) * 100).toFixed(0)} % of a core`,
    `all together ${all.toFixed(2)} of ${availableParallelism()} cores`,
  ].join('; ');
}

function numberOf(name: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`--${name} must be a whole number from 1 to ${most}, not ${text}`);
}
