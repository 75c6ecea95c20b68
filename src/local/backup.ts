import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '../core/telemetry/logger.ts';
import { openBackupDatabase } from './backup/sql.ts';
import { takeBackup } from './backup/take-backup.ts';
import { openDeployment } from './deployment.ts';

// `npm run backup`: database and objects as they are at one moment, into a folder. JSON lines, the last one a summary.
const USAGE = `usage: npm run backup -- FOLDER
  FOLDER   is made, or empty. Nobody has to stop writing. What could not be copied is told in JSON lines.
Exit code 0: whole; 1: objects were missing; 2: there is no backup. The keys (docs/secrets.md) are not in it.`;

async function run(folder: string): Promise<number> {
  const { config, store, close } = await openDeployment('backup', { alone: false });
  const database = openBackupDatabase(config);
  try {
    const summary = await takeBackup(
      {
        ...{ database, store, keys: config, now: () => new Date() },
        progress: (text) => console.error(text),
      },
      folder,
      (found) => console.log(JSON.stringify(found)),
    );
    console.log(JSON.stringify({ summary }));
    console.error('STORAGE_ENCRYPTION_KEYS and AUTH_ENCRYPTION_KEYS are not in it: keep them elsewhere.');
    return summary.lost > 0 || summary.deleted > 0 ? 1 : 0;
  } finally {
    await database.close();
    await close();
  }
}

function folderOf(args: string[]): string | undefined {
  try {
    const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
    const [folder, ...more] = positionals;
    return more.length === 0 ? folder : undefined;
  } catch {
    return undefined;
  }
}

const folder = folderOf(process.argv.slice(2));
if (folder === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else
  try {
    process.exitCode = await run(resolve(folder));
  } catch (error) {
    console.error(error instanceof Error ? error.message : describeError(error));
    process.exitCode = 2;
  }
