import { parseArgs } from 'node:util';
import { describeError } from '../core/telemetry/logger.ts';
import { openIntegrity } from './deployment.ts';

// `npm run fsck`: do the database and the bucket agree? JSON lines, the last one a summary.
const USAGE = `usage: npm run fsck -- [--deep] [--repair [--grace SECONDS]]
  --deep     reads all bytes and compares their SHA-256
  --repair   refuses what is missing or damaged, serves what is good again, puts orphans into quarantine, and deletes
             those that were there for ORPHAN_GRACE_SECONDS (--grace: for so long). Without it nothing is changed.`;
const PAGE = 1_000;

type Totals = Record<'checked' | 'findings' | 'repaired' | 'quarantined' | 'deleted', number>;

async function run({
  deep,
  repair,
  grace,
}: {
  deep: boolean;
  repair: boolean;
  grace: string | undefined;
}): Promise<Totals> {
  const { fsck } = await openIntegrity('fsck');
  const totals: Totals = { checked: 0, findings: 0, repaired: 0, quarantined: 0, deleted: 0 };
  const request = { deep, repair, limit: PAGE, timeMs: Number.POSITIVE_INFINITY };
  const graceSeconds = grace === undefined ? undefined : Number(grace);
  for (let after: string | null = ''; after !== null; ) {
    const step = await fsck.step({ ...request, after, graceSeconds });
    for (const finding of step.findings) console.log(JSON.stringify(finding));
    totals.findings += step.findings.length;
    for (const name of ['checked', 'repaired', 'quarantined', 'deleted'] as const) totals[name] += step[name];
    after = step.next;
  }
  return totals;
}

function argumentsOf(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        deep: { type: 'boolean', default: false },
        repair: { type: 'boolean', default: false },
        grace: { type: 'string' },
      },
    });
    return values.grace === undefined || /^\d{1,9}$/.test(values.grace)
      ? { ...values, grace: values.grace }
      : undefined;
  } catch {
    return undefined;
  }
}

const given = argumentsOf(process.argv.slice(2));
if (given === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else
  try {
    const totals = await run(given);
    console.log(JSON.stringify({ summary: totals }));
    process.exitCode = totals.findings > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : describeError(error));
    process.exitCode = 2;
  }
