import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { z } from 'zod';

// `npm test`: everything that has to hold before a change lands; `npm run test:quick`: what shows most mistakes. All steps run, whatever the earlier ones said.

const ROOT = join(import.meta.dirname, '../..');
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name);

interface Step {
  readonly title: string;
  readonly command: readonly string[];
  /** A project of vitest.config.ts: its tests are counted. */
  readonly project?: string;
  /** Set for this step besides what is set anyway. */
  readonly env?: Readonly<Record<string, string>>;
}

const types = (project: string): Step => ({
  title: `types: ${project}`,
  command: [bin('tsc'), '-p', project],
});
const tests = (title: string, project: string): Step => ({
  title,
  project,
  command: [bin('vitest'), 'run', '--project', project],
});

const CHECKS: readonly Step[] = [
  { title: 'format and lint', command: [bin('biome'), 'check', '.'] },
  ...['.', 'src/local', 'src/sidecar', 'tests'].map(types),
  {
    title: 'import rules',
    command: [bin('depcruise'), 'functions', 'src', 'tests', '--config', '.dependency-cruiser.cjs'],
  },
];
const DEPENDENCIES: Step = {
  title: 'licences and known holes',
  command: [process.execPath, join(ROOT, 'src/local/check-dependencies.ts')],
};
const BUNDLES: Step = {
  title: 'bundles',
  command: [process.execPath, join(ROOT, 'src/local/check-bundles.ts')],
};
const END_TO_END: readonly Step[] = [
  tests('end to end: split', 'e2e-split'),
  tests('end to end: monolith', 'e2e-monolith'),
  tests('end to end: faults and lifecycle', 'e2e-faults'),
];
const FAULTS: Step = {
  title: 'fault matrix',
  project: 'e2e-faults',
  command: [bin('vitest'), 'run', '--project', 'e2e-faults', 'tests/faults'],
  env: { FAULT_CELLS: process.env.FAULT_CELLS ?? 'all' },
};
const SELECTIONS: Readonly<Record<string, readonly Step[]>> = {
  all: [...CHECKS, DEPENDENCIES, tests('unit tests', 'unit'), BUNDLES, ...END_TO_END],
  check: [...CHECKS, DEPENDENCIES, BUNDLES],
  quick: [...CHECKS, tests('unit tests', 'unit'), BUNDLES, tests('end to end: split', 'e2e-split')],
  e2e: END_TO_END,
  faults: [FAULTS],
  edge: END_TO_END.map((step) => ({
    ...step,
    title: `${step.title}, as the edge allows`,
    env: { ACS_EDGE_GUARD: '1' },
  })),
};

interface Counted {
  readonly passed: number;
  readonly failed: number;
  /** What failed and why, for the end of the output: often nobody sees more of it than that. */
  readonly failures: readonly string[];
}

interface Outcome extends Counted {
  readonly title: string;
  readonly ok: boolean;
  readonly seconds: number;
}

const NOTHING_COUNTED: Counted = { passed: 0, failed: 0, failures: [] };
const REASON_CHARS = 1_500;

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          fullName: z.string(),
          status: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
    }),
  ),
});

async function runStep({ title, command, project, env }: Step, folder: string): Promise<Outcome> {
  console.log(`\n=== ${title}`);
  const startedAt = performance.now();
  const report = join(folder, `${project}.json`);
  const reporters = project ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
  const code = await run([...command, ...reporters], env);
  const counted = project ? await readReport(report) : NOTHING_COUNTED;
  const ok = code === 0 && counted !== undefined;
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(`--- ${title}: ${ok ? 'ok' : 'FAILED'} after ${seconds.toFixed(1)} s`);
  return { title, ...NOTHING_COUNTED, ...counted, ok, seconds };
}

function run([command = '', ...args]: readonly string[], env: Step['env'] = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    child.once('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Undefined when vitest did not get as far as writing one. */
async function readReport(path: string): Promise<Counted | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const { numPassedTests, numFailedTests, testResults } = reportSchema.parse(JSON.parse(text));
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(ROOT, name);
    const failed = assertionResults.filter((test) => test.status === 'failed');
    // A file may fail without one of its tests: by its set-up.
    if (failed.length === 0) return status === 'failed' ? [`${file}\n${message.slice(0, REASON_CHARS)}`] : [];
    return failed.map(({ fullName, failureMessages }) =>
      [`${file} > ${fullName}`, (failureMessages ?? []).join('\n').slice(0, REASON_CHARS)].join('\n'),
    );
  });
  return { passed: numPassedTests, failed: numFailedTests, failures };
}

function summarise(outcomes: readonly Outcome[]): void {
  for (const { title, failures } of outcomes)
    for (const failure of failures) console.log(`\n=== failed in ${title}\n${failure}`);
  console.log('\n=== summary');
  for (const { title, ok, seconds, passed, failed } of outcomes) {
    const counts = passed + failed > 0 ? `${passed} passed, ${failed} failed` : '';
    console.log(
      `${ok ? 'ok    ' : 'FAILED'} ${title.padEnd(34)}${seconds.toFixed(1).padStart(7)} s  ${counts}`,
    );
  }
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  // A step that failed without a failed test (lint, types, a set-up) must not end in "0 failed".
  const failed = outcomes.reduce((sum, outcome) => sum + (outcome.ok ? 0 : Math.max(1, outcome.failed)), 0);
  console.log(`${passed} passed, ${failed} failed`);
}

const steps = SELECTIONS[process.argv[2] ?? 'all'];
if (steps === undefined) throw new Error(`choose one of ${Object.keys(SELECTIONS).join(', ')}`);
const folder = await mkdtemp(join(tmpdir(), 'acs-test-'));
try {
  const outcomes: Outcome[] = [];
  for (const step of steps) outcomes.push(await runStep(step, folder));
  summarise(outcomes);
  process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
