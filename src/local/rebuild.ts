import { parseArgs } from 'node:util';
import { describeError } from '../core/telemetry/logger.ts';
import { openIntegrity } from './deployment.ts';

// `npm run rebuild`: makes the tree of files of an empty, migrated database from the bucket alone.
const USAGE = `usage: npm run rebuild -- [--force]
  --force   adds what is missing to a database that has files already
Nobody may write meanwhile. What did not come back as it was is told in JSON lines; then run npm run fsck.`;

function isForced(args: string[]): boolean | undefined {
  try {
    return parseArgs({ args, options: { force: { type: 'boolean', default: false } } }).values.force;
  } catch {
    return undefined;
  }
}

const force = isForced(process.argv.slice(2));
if (force === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else
  try {
    const { rebuild } = await openIntegrity('rebuild');
    const summary = await rebuild((problem) => console.log(JSON.stringify(problem)), { force });
    console.log(JSON.stringify({ summary }));
    process.exitCode = summary.problems > 0 ? 1 : 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : describeError(error));
    process.exitCode = 2;
  }
