import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Copy, createCopies } from './copy.ts';
import type { Defect } from './defect.ts';
import { DEFECTS } from './defects.ts';
import { runTests } from './run-tests.ts';

// `npm run test:defects [-- CLAIM…]`: makes each seeded defect in a copy of the tree, where a test has to turn red.

const ROOT = join(import.meta.dirname, '../..');
const AT_ONCE = 2;
/** Of the folder with the copies: the database that tests begin with. */
const TEMPLATE = 'template';

interface Verdict {
  readonly defect: Defect;
  /** `survived`: every test passed. `broken`: no test got as far as failing. */
  readonly outcome: 'found' | 'survived' | 'broken';
  /** The test that found it, or what broke. */
  readonly by: string;
  readonly seconds: number;
}

async function main(claims: readonly string[]): Promise<number> {
  const chosen = DEFECTS.filter(({ claim }) => claims.length === 0 || claims.includes(claim.toLowerCase()));
  if (chosen.length === 0) {
    console.error(`no such claim; there are: ${claimsOf(DEFECTS)}`);
    return 2;
  }
  const startedAt = performance.now();
  const { copies, folder, remove } = await createCopies(ROOT, AT_ONCE);
  const end = () => remove().then(() => process.exit(1));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end);
  await mkdir(join(folder, TEMPLATE));
  try {
    const unusable = await tryWithout(copies[0], chosen, folder);
    const verdicts = await tryAll(
      copies,
      chosen.filter((defect) => !unusable.some((verdict) => verdict.defect === defect)),
      folder,
    );
    summarise([...unusable, ...verdicts], (performance.now() - startedAt) / 1000);
    return [...unusable, ...verdicts].every(({ outcome }) => outcome === 'found') ? 0 : 1;
  } finally {
    await remove();
  }
}

const claimsOf = (defects: readonly Defect[]): string =>
  [...new Set(defects.map(({ claim }) => claim))].join(', ');

/** The tests concerned without any defect, each once. @returns defects that tell nothing, because theirs fail anyway */
async function tryWithout(
  copy: Copy | undefined,
  defects: readonly Defect[],
  folder: string,
): Promise<readonly Verdict[]> {
  if (copy === undefined) return [];
  const files = (of: readonly Defect[]) => [...new Set(of.flatMap(({ tests }) => tests))];
  const titles = defects.flatMap(({ by }) => (by === undefined ? [] : [by]));
  const runs = [
    { files: files(defects.filter(({ by }) => by === undefined)), only: undefined },
    { files: files(defects.filter(({ by }) => by !== undefined)), only: titles },
  ];
  console.log(`${defects.length} defects; first the tests without any of them…`);
  const wrong: string[] = [];
  for (const { files, only } of runs.filter((run) => run.files.length > 0)) {
    const options = { report: join(folder, 'without.json'), workers: AT_ONCE, bail: false, only };
    const { failed, broken, seconds } = await runTests(copy.root, files, options);
    wrong.push(...failed.map(({ file }) => file), ...broken.map(({ file }) => file));
    for (const { name, file } of [...failed, ...broken]) console.log(`fails without any: ${file}: ${name}`);
    console.log(`${files.length} files, ${seconds.toFixed(0)} s`);
  }
  return defects
    .filter(({ tests }) => tests.some((path) => wrong.includes(path)))
    .map((defect) => ({ defect, outcome: 'broken', by: 'tests that fail without it too', seconds: 0 }));
}

/** Each copy takes the next defect when it is done with one. */
async function tryAll(
  copies: readonly Copy[],
  defects: readonly Defect[],
  folder: string,
): Promise<readonly Verdict[]> {
  const waiting = defects.toSorted((a, b) => (a.tests.join() < b.tests.join() ? -1 : 1));
  const verdicts: Verdict[] = [];
  await Promise.all(
    copies.map(async (copy, at) => {
      for (let defect = waiting.shift(); defect !== undefined; defect = waiting.shift()) {
        const verdict = await tryOne(copy, defect, folder, `report-${at}.json`);
        verdicts.push(verdict);
        printRow(verdict);
      }
    }),
  );
  return verdicts;
}

async function tryOne(copy: Copy, defect: Defect, folder: string, report: string): Promise<Verdict> {
  const only = defect.by === undefined ? undefined : [defect.by];
  // With a mistake in the schema the database is another one.
  const template = defect.file.startsWith('drizzle/') ? undefined : join(folder, TEMPLATE);
  const options = { report: join(folder, report), workers: 1, bail: true, only, template };
  const { failed, broken, seconds } = await copy.withDefect(defect, () =>
    runTests(copy.root, defect.tests, options),
  );
  const [by] = failed;
  if (by !== undefined) return { defect, outcome: 'found', by: by.name, seconds };
  const [reason] = broken;
  return reason === undefined
    ? { defect, outcome: 'survived', by: `nothing in ${defect.tests.join(', ')}`, seconds }
    : { defect, outcome: 'broken', by: `${reason.file}: ${reason.name.slice(0, 300)}`, seconds };
}

const SIGNS = { found: 'ok      ', survived: 'SURVIVED', broken: 'BROKEN  ' } as const;

function printRow({ defect, outcome, by, seconds }: Verdict): void {
  const took = seconds.toFixed(1).padStart(6);
  console.log(
    `${SIGNS[outcome]} ${took} s  ${defect.claim.padEnd(13)} ${defect.title}\n${' '.repeat(20)}<- ${by}`,
  );
}

function summarise(verdicts: readonly Verdict[], seconds: number): void {
  console.log('\n=== summary');
  for (const [claim, of] of Map.groupBy(verdicts, ({ defect }) => defect.claim)) {
    const found = of.filter(({ outcome }) => outcome === 'found').length;
    console.log(`${claim.padEnd(13)} ${found} of ${of.length} found`);
  }
  const survivors = verdicts.filter(({ outcome }) => outcome !== 'found');
  for (const verdict of survivors) printRow(verdict);
  console.log(
    `${verdicts.length} defects, ${survivors.length} survivors, ${(seconds / 60).toFixed(1)} minutes`,
  );
}

process.exitCode = await main(process.argv.slice(2).map((claim) => claim.toLowerCase()));
