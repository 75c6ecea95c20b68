import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const TIMEOUT_MS = 10 * 60_000;

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().nullish(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

export interface Report {
  /** Names of the tests that failed. */
  readonly failed: readonly string[];
  /** Files that did not get as far as a test, with the reason. */
  readonly broken: readonly string[];
  readonly seconds: number;
}

/**
 * Runs unit tests of a copy of the tree.
 * @param report where vitest writes what happened
 */
export async function runTests(
  root: string,
  files: readonly string[],
  options: {
    readonly report: string;
    readonly workers: number;
    readonly bail: boolean;
    /** Part of a title: no other tests are run. */
    readonly only?: string | undefined;
  },
): Promise<Report> {
  const startedAt = performance.now();
  await rm(options.report, { force: true });
  await vitest(root, [
    ...['run', '--project', 'unit', '--reporter=json', `--outputFile=${options.report}`],
    ...[`--maxWorkers=${options.workers}`, ...(options.bail ? ['--bail=1'] : [])],
    ...(options.only === undefined ? [] : ['-t', RegExp.escape(options.only)]),
    ...files,
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  const text = await readFile(options.report, 'utf8').catch(() => undefined);
  if (text === undefined) return { failed: [], broken: ['vitest wrote no report'], seconds };
  const { testResults } = reportSchema.parse(JSON.parse(text));
  const ran = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed' || status === 'failed').length;
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  const broken = testResults
    .filter(
      ({ status, assertionResults }) =>
        status === 'failed' && assertionResults.every((each) => each.status !== 'failed'),
    )
    .map(({ name, message }) => `${name.replace(`${root}/`, '')}: ${message ?? 'no test ran'}`);
  return { failed, broken: ran === 0 ? [...broken, 'no test ran'] : broken, seconds };
}

/** Its exit code does not matter: the report says more. */
function vitest(root: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: root,
      stdio: 'ignore',
      timeout: TIMEOUT_MS,
    });
    child.once('error', reject);
    child.once('exit', () => resolve());
  });
}
