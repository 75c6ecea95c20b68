import { mkdir, readdir } from 'node:fs/promises';
import { createKeyring, type KeyringKeys } from '../../core/security/keyring.ts';
import { CATALOGUE_QUERY, type Catalogue, catalogueSchema, rowsQuery } from './catalogue.ts';
import { type CopyOptions, copyObjects } from './copy-objects.ts';
import { type LinesWriter, writeLines } from './lines.ts';
import { BackupError, type LinesFile, type Manifest, type NotCopied, writeManifest } from './manifest.ts';
import type { BackupDatabase } from './sql.ts';

export interface BackupDependencies extends Pick<CopyOptions, 'store'> {
  readonly database: BackupDatabase;
  readonly keys: Keys;
  readonly now: () => Date;
  /** What a person who waits is told. */
  readonly progress: (text: string) => void;
}

export interface Keys {
  readonly STORAGE_ENCRYPTION_KEYS: KeyringKeys;
  readonly AUTH_ENCRYPTION_KEYS?: KeyringKeys | undefined;
}

export interface BackupSummary {
  readonly id: string;
  readonly takenAt: string;
  readonly rows: number;
  readonly objects: number;
  readonly bytes: number;
  readonly deleted: number;
  readonly lost: number;
}

export const SEAL_CONTEXT = 'backup';
/** The database's own clock: what happened before this moment and was acknowledged is in the snapshot. */
const NOW_QUERY = `select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const KEYS_QUERY = `select o.key from storage.objects o order by o.key collate "C"`;

/**
 * Database first, at one moment; then the objects that it names, whose bytes were there before their rows and never
 * change. So whatever was acknowledged before it began is in it, but for what is deleted for good meanwhile: that is told.
 * @throws BackupError when the folder is not empty, or the database is in the middle of a restore
 */
export async function takeBackup(
  dependencies: BackupDependencies,
  folder: string,
  report: (found: NotCopied) => void,
): Promise<BackupSummary> {
  const { database, keys, now, progress } = dependencies;
  await makeEmpty(folder);
  const catalogue = await readCatalogue(database);
  if (catalogue.unfinished.length > 0)
    throw new BackupError(
      `The database is being made anew (${catalogue.unfinished.join(', ')}): end that first.`,
    );
  progress('database…');
  const snapshot = await writeSnapshot(database, folder, catalogue);
  progress('objects…');
  const copied = await copyObjects(dependencies, folder, snapshot.objects);
  for (const found of copied.notCopied) report(found);
  const id = crypto.randomUUID();
  const seal = (ring: KeyringKeys) => createKeyring(ring).seal(SEAL_CONTEXT, id);
  const manifest: Manifest = {
    ...{ format: 1, id, takenAt: snapshot.takenAt, finishedAt: now().toISOString() },
    ...{ migrations: snapshot.catalogue.migrations, sequences: snapshot.catalogue.sequences },
    ...{ tables: snapshot.tables, objects: copied.file },
    sealed: {
      STORAGE_ENCRYPTION_KEYS: await seal(keys.STORAGE_ENCRYPTION_KEYS),
      AUTH_ENCRYPTION_KEYS: keys.AUTH_ENCRYPTION_KEYS ? await seal(keys.AUTH_ENCRYPTION_KEYS) : null,
    },
  };
  await writeManifest(folder, manifest);
  const count = (kind: NotCopied['kind']) => copied.notCopied.filter((found) => found.kind === kind).length;
  return {
    ...{ id, takenAt: snapshot.takenAt },
    rows: snapshot.tables.reduce((sum, { rows }) => sum + rows.lines, 0),
    objects: copied.file.lines - copied.notCopied.length,
    bytes: copied.bytes + snapshot.tables.reduce((sum, { rows }) => sum + rows.bytes, 0),
    ...{ deleted: count('deleted'), lost: count('lost') },
  };
}

export async function readCatalogue(database: BackupDatabase): Promise<Catalogue> {
  const [rows = []] = await database.run([{ text: CATALOGUE_QUERY }]);
  return catalogueSchema.parse(JSON.parse(rows[0] ?? ''));
}

/** A folder that others may not read: there are names, e-mail addresses and password hashes in it. */
async function makeEmpty(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new BackupError(`${folder} is not empty: a backup takes a folder of its own.`);
}

async function writeSnapshot(database: BackupDatabase, folder: string, before: Catalogue) {
  const writers: LinesWriter[] = [];
  for (const { name } of before.tables)
    writers.push(await writeLines(folder, `database/${name.replaceAll('"', '')}.ndjson`));
  const asked: string[][] = [[], [], []];
  const queries = [NOW_QUERY, CATALOGUE_QUERY, KEYS_QUERY, ...before.tables.map(rowsQuery)];
  await database.snapshot(queries, async (query, row) => {
    const writer = writers[query - asked.length];
    if (writer) await writer.add(row);
    else asked[query]?.push(row);
  });
  const [[takenAt = ''] = [], [found = ''] = [], objects = []] = asked;
  const catalogue = catalogueSchema.parse(JSON.parse(found));
  if (JSON.stringify(catalogue.tables) !== JSON.stringify(before.tables))
    throw new BackupError('The tables of the database were changed meanwhile: take the backup again.');
  const tables: (Catalogue['tables'][number] & { rows: LinesFile })[] = [];
  for (const [at, table] of before.tables.entries()) {
    const rows = await writers[at]?.end();
    if (rows) tables.push({ ...table, rows });
  }
  return { takenAt, catalogue, tables, objects };
}
