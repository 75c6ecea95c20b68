import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Fault } from '../../src/local/s3/test-fault-proxy.ts';
import { waitForModel } from '../e2e/harness/local-stack.ts';
import { pick, seeded, seedOfRun } from '../e2e/harness/seeded.ts';
import { serviceOf } from '../e2e/harness/services.ts';
import { until } from '../e2e/harness/until.ts';
import { brokenInvariants } from './invariants.ts';
import {
  DEPENDENCIES,
  type DependencyUnderTest,
  type ProxiedStack,
  startProxiedStack,
} from './proxied-stack.ts';
import { type CellResult, writeReport } from './report.ts';
import { isWell, prepareWorld, STEPS } from './workload.ts';

/** `npm run test:faults`: all cells, and docs/faults.md; else as many as say it, chosen by SEED. */
const CELLS = process.env.FAULT_CELLS ?? '5';
const SEED = seedOfRun();

const FAULTS = {
  slow: { kind: 'delay', ms: 2_000 },
  refusing: { kind: 'reset' },
  hanging: { kind: 'hang' },
  'cut in mid-body': { kind: 'cut', afterBytes: 20 },
  'answering garbage': { kind: 'garbage' },
  'answering 503': { kind: 'status', status: 503, code: 'SlowDown' },
  'doing it, its answer lost': { kind: 'lost' },
  'asked twice': { kind: 'twice' },
  dead: undefined,
} as const satisfies Record<string, Fault | undefined>;
type FaultName = keyof typeof FAULTS;

const names = Object.keys(FAULTS).filter((name): name is FaultName => name in FAULTS);
const matrix = DEPENDENCIES.flatMap((dependency) => names.map((fault) => [dependency, fault] as const));

/** Only cells with this in their name, `s3, hanging`: to look at one again. */
const ONLY = process.env.FAULT_ONLY;

function chosen(): readonly (readonly [DependencyUnderTest, FaultName])[] {
  if (ONLY !== undefined) return matrix.filter((cell) => cell.join(', ').includes(ONLY));
  if (CELLS === 'all') return matrix;
  const random = seeded(SEED);
  return matrix
    .map((cell) => ({ cell, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .slice(0, Number(CELLS))
    .map(({ cell }) => cell);
}

describe(`faults on the real wire, SEED=${SEED}`, () => {
  let system: ProxiedStack;
  let hasModel: boolean;
  const results: CellResult[] = [];

  beforeAll(async () => {
    system = await startProxiedStack({ RATE_LIMIT_SCALE: '1000', PASSWORD_HASHES_PER_SECOND: '1000' });
    hasModel = await waitForModel(system.stack);
  });
  afterAll(async () => {
    await system?.dispose();
    if (CELLS === 'all' && results.length === matrix.length) await writeReport(results, SEED);
  });

  /** Gets in the way of a share of the calls while the work is done. */
  async function during(
    [dependency, name]: readonly [DependencyUnderTest, FaultName],
    random: () => number,
    work: () => Promise<void>,
  ): Promise<void> {
    const fault = FAULTS[name];
    if (fault === undefined) {
      const restart = await serviceOf(system.stack, dependency).crash();
      try {
        await work();
      } finally {
        await restart();
      }
      return;
    }
    const proxy = system.proxies[dependency];
    const share = pick(random, [0.4, 1]);
    proxy.fault = () => (random() < share ? fault : undefined);
    try {
      await work();
    } finally {
      proxy.fault = () => undefined;
    }
  }

  it.each(chosen())(
    '%s, %s: nothing is lost, nothing leaks, nothing is stuck, and it heals by itself',
    { timeout: 400_000 },
    async (dependency, name) => {
      const random = seeded(SEED + matrix.findIndex(([a, b]) => a === dependency && b === name));
      const world = await prepareWorld(system.stack.url, hasModel);
      await during([dependency, name], random, async () => {
        await Promise.all(STEPS.map((step) => step(world)));
        await Promise.all(STEPS.map((step) => step(world)));
        await sleep(500);
      });
      const clearedAt = Date.now();
      await until(
        () => isWell(world),
        (well) => well,
        { withinMs: 60_000, everyMs: 250, what: `recovery from ${dependency}, ${name}` },
      );
      const recoveryMs = Date.now() - clearedAt;
      const broken = await brokenInvariants(world, system);
      results.push({ dependency, fault: name, recoveryMs, answers: world.answers, broken });
      expect(broken).toEqual([]);
    },
  );
});
