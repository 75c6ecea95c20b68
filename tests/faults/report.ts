import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../e2e/harness/local-stack.ts';

export interface CellResult {
  readonly dependency: string;
  readonly fault: string;
  readonly recoveryMs: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly broken: readonly string[];
}

const FILE = join(ROOT, 'docs/faults.md');
const BEGIN = '<!-- results: npm run test:faults writes from here -->';
const END = '<!-- to here -->';

/** Puts the results of a whole run into docs/faults.md. */
export async function writeReport(results: readonly CellResult[], seed: number): Promise<void> {
  const text = await readFile(FILE, 'utf8');
  const [before = '', rest = ''] = text.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  const rows = results.map(
    ({ dependency, fault, recoveryMs, answers, broken }) =>
      `| ${dependency} | ${fault} | ${broken.length === 0 ? 'all hold' : broken.join('; ')} | ${answersText(answers)} | ${(recoveryMs / 1000).toFixed(1)} s |`,
  );
  const table = [
    `Run of ${new Date().toISOString().slice(0, 10)}, \`SEED=${seed}\`.`,
    '',
    '| Dependency | is | Invariants | Answers meanwhile | Well again after |',
    '|---|---|---|---|---|',
    ...rows,
  ].join('\n');
  await writeFile(FILE, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`);
}

function answersText(answers: ReadonlyMap<string, number>): string {
  return [...answers]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');
}
