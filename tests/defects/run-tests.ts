import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
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

export interface Finding {
  /** As `tests` of a defect names it. */
  readonly file: string;
  /** Of the test, or why there was none. */
  readonly name: string;
}

export interface Report {
  readonly failed: readonly Finding[];
  /** Files that did not get as far as a test. */
  readonly broken: readonly Finding[];
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
    /** Parts of titles: no other tests are run. */
    readonly only: readonly string[] | undefined;
    /** A folder with the database that tests begin with, or for it; undefined: each run makes its own. */
    readonly template?: string | undefined;
  },
): Promise<Report> {
  const startedAt = performance.now();
  await rm(options.report, { force: true });
  await vitest(root, options.template, [
    ...['run', '--project', 'unit', '--reporter=json', `--outputFile=${options.report}`],
    ...[`--maxWorkers=${options.workers}`, ...(options.bail ? ['--bail=1'] : [])],
    ...(options.only === undefined ? [] : ['-t', options.only.map(escaped).join('|')]),
    ...files,
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  const text = await readFile(options.report, 'utf8').catch(() => undefined);
  if (text === undefined)
    return { failed: [], broken: files.map((file) => ({ file, name: 'vitest wrote no report' })), seconds };
  const { testResults } = reportSchema.parse(JSON.parse(text));
  const failed = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName }) => ({ file: relative(root, name), name: fullName })),
  );
  const broken = testResults
    .filter(({ assertionResults }) => !assertionResults.some(({ status }) => RAN.has(status)))
    .map(({ name, message }) => ({ file: relative(root, name), name: message || 'no test ran' }));
  return { failed, broken, seconds };
}

const RAN = new Set(['passed', 'failed']);
/** As vitest has it: the name of a test with those of its groups has to match. */
const escaped = (title: string): string => title.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

/** Its exit code does not matter: the report says more. */
function vitest(root: string, template: string | undefined, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: root,
      env: { ...process.env, ...(template === undefined ? {} : { TEST_DATABASE_TEMPLATE: template }) },
      stdio: 'ignore',
      timeout: TIMEOUT_MS,
    });
    const kill = () => child.kill();
    process.once('exit', kill);
    child.once('error', reject);
    child.once('exit', () => {
      process.off('exit', kill);
      resolve();
    });
  });
}
