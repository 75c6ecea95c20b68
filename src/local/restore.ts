import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { migrate } from '../core/database/migrate.ts';
import { describeError } from '../core/telemetry/logger.ts';
import { adoptBranch } from './backup/adopt-branch.ts';
import { restoreBackup } from './backup/restore-backup.ts';
import { openBackupDatabase } from './backup/sql.ts';
import { type VerifiedBackup, verifyBackup } from './backup/verify-backup.ts';
import { openDeployment } from './deployment.ts';
import { readMigrations } from './migrations.ts';

// `npm run restore`: a backup into an empty database and its bucket. JSON lines, the last one a summary.
const USAGE = `usage: npm run restore -- FOLDER [--check | --other-keys], or npm run restore -- --branch
  FOLDER        what npm run backup wrote; all of it is read and compared with its digests before anything is written
  --check       no more than that
  --other-keys  although STORAGE_ENCRYPTION_KEYS or AUTH_ENCRYPTION_KEYS are not those of then
  --branch      nothing is restored: the database was put back to an earlier moment by its server, and goes on from there
Nothing else may run. What is missing afterwards is told in JSON lines. Exit code 0: whole; 1: something is missing; 2: there
was no restore, or it came to no end: run it again, it begins anew.`;

interface Given {
  /** Undefined with `branch`. */
  readonly folder: string | undefined;
  readonly check: boolean;
  readonly otherKeys: boolean;
}

const tell = (line: object) => console.log(JSON.stringify(line));
const progress = (text: string) => console.error(text);

async function run({ folder, check, otherKeys }: Given): Promise<number> {
  if (folder === undefined) return adopted();
  progress('reading the backup…');
  const backup = await verifyBackup(folder);
  return check ? checked(backup) : restored(backup, otherKeys);
}

function checked({ manifest, unusable }: VerifiedBackup): number {
  for (const [key, why] of unusable) tell({ kind: 'unusable', key, why });
  const { takenAt, objects } = manifest;
  tell({ summary: { takenAt, objects: objects.lines - unusable.size, unusable: unusable.size } });
  return unusable.size > 0 ? 1 : 0;
}

async function adopted(): Promise<number> {
  const { config, store, close } = await openDeployment('restore', { alone: true });
  const database = openBackupDatabase(config);
  try {
    await adoptBranch({ config, database, store, now: () => new Date() });
    progress('Now: empty Redis, and run npm run fsck -- --deep before the start (docs/backup.md).');
    return 0;
  } finally {
    await database.close();
    await close();
  }
}

async function restored(backup: VerifiedBackup, otherKeys: boolean): Promise<number> {
  const { config, store, isAlone, close } = await openDeployment('restore', { alone: true });
  const database = openBackupDatabase(config);
  try {
    // A data folder that is new; a deployment is migrated by whoever deploys it.
    if (isAlone) await migrate(config.DATABASE_URL, await readMigrations(), config.DATABASE_FETCH_ENDPOINT);
    const dependencies = { config, database, store, now: () => new Date(), progress };
    const summary = await restoreBackup(dependencies, backup, { otherKeys }, tell);
    tell({ summary });
    progress('Now: empty Redis, start, and run npm run fsck -- --deep (docs/backup.md).');
    return summary.missing > 0 ? 1 : 0;
  } finally {
    await database.close();
    await close();
  }
}

function argumentsOf(args: string[]): Given | undefined {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        check: { type: 'boolean', default: false },
        'other-keys': { type: 'boolean', default: false },
        branch: { type: 'boolean', default: false },
      },
    });
    const [folder, ...more] = positionals;
    const { check, branch, 'other-keys': otherKeys } = values;
    if (branch) return folder || check || otherKeys ? undefined : { folder, check, otherKeys };
    if (folder === undefined || more.length > 0) return undefined;
    return { folder: resolve(folder), check, otherKeys };
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
    process.exitCode = await run(given);
  } catch (error) {
    console.error(error instanceof Error ? error.message : describeError(error));
    process.exitCode = 2;
  }
