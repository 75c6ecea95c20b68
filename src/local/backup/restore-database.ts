import { join } from 'node:path';
import { z } from 'zod';
import type { JournalState } from '../../modules/storage/ports/journal.ts';
import { type Catalogue, insertStatement, MIGRATIONS_TABLE, RESTORE_TABLE, type Table } from './catalogue.ts';
import { readLines } from './lines.ts';
import { BackupError, type Manifest } from './manifest.ts';
import { settleStatements } from './settle.ts';
import type { BackupDatabase, Statement } from './sql.ts';
import { readCatalogue } from './take-backup.ts';

/** What a migration puts into them is replaced. */
const SEEDED = ['ai.embedding_models', 'auth.roles', 'storage.cursors'];
const CHARS_AT_ONCE = 4 * 1024 * 1024;
const ROWS_AT_ONCE = 5_000;
const foreignKeysSchema = z.array(z.string());

/**
 * Fills an empty database that has seen the same migrations. Between its beginning and its end there are no foreign keys
 * and no triggers, and a table says so: broken off, it begins again from nothing.
 * @param journal  what the journal of this bucket begins with
 * @throws BackupError when the database is another one, or has something in it already
 */
export async function restoreDatabase(
  database: BackupDatabase,
  { folder, manifest }: { readonly folder: string; readonly manifest: Manifest },
  journal: JournalState,
  now: Date,
): Promise<number> {
  const catalogue = await readCatalogue(database);
  requireSameTables(catalogue, manifest);
  const isBegun = catalogue.unfinished.includes(RESTORE_TABLE);
  if (catalogue.unfinished.length > (isBegun ? 1 : 0))
    throw new BackupError(`The database is being made anew (${catalogue.unfinished.join(', ')}).`);
  if (!isBegun) await requireEmpty(database, catalogue.tables);
  if (!isBegun) await database.run(beginStatements(catalogue));
  const names = catalogue.tables.map(({ name }) => name);
  await database.run([{ text: `truncate ${names.join(', ')}` }]);
  let rows = 0;
  for (const { rows: file, ...table } of manifest.tables)
    rows += await load(database, table, join(folder, file.file));
  await database.run([
    ...settleStatements(manifest, journal, now),
    ...(await endStatements(database, names)),
  ]);
  return rows;
}

function requireSameTables({ migrations, tables }: Catalogue, manifest: Manifest): void {
  const missing = manifest.migrations.filter((tag) => !migrations.includes(tag));
  const more = migrations.filter((tag) => !manifest.migrations.includes(tag));
  if (missing.length > 0)
    throw new BackupError(
      `The database lacks migrations of the backup: ${missing.join(', ')}. Run npm run db:migrate.`,
    );
  if (more.length > 0)
    throw new BackupError(
      `The database is newer than the backup, by ${more.join(', ')}: restore with the release that took it, then update.`,
    );
  const described = ({ name, columns }: Table) =>
    JSON.stringify([name, columns.map((column) => [column.name, column.type])]);
  const ours = new Set(tables.map(described));
  const other = manifest.tables.filter((table) => !ours.has(described(table)));
  if (other.length > 0)
    throw new BackupError(`The database has other tables: ${other.map(({ name }) => name).join(', ')}.`);
}

async function requireEmpty(database: BackupDatabase, tables: readonly Table[]): Promise<void> {
  const filled = tables
    .filter(({ name }) => !SEEDED.includes(name))
    .map(({ name }) => `select '${name}' where exists (select from ${name})`);
  const [names = []] = await database.run([{ text: filled.join(' union all ') }]);
  if (names.length > 0)
    throw new BackupError(
      `The database is not empty: there are rows in ${names.join(', ')}. A restore takes a new, migrated database.`,
    );
}

/** How its foreign keys were is kept in the database, so that whoever begins again knows it too. */
function beginStatements({ tables, foreignKeys }: Catalogue): Statement[] {
  const add = foreignKeys.map(
    ({ table, name, definition }) => `alter table ${table} add constraint ${name} ${definition}`,
  );
  return [
    { text: `create table ${RESTORE_TABLE} (foreign_keys json not null)` },
    {
      text: `insert into ${RESTORE_TABLE} (foreign_keys) values ($1::json)`,
      params: [JSON.stringify(add)],
    },
    ...foreignKeys.map(({ table, name }) => ({ text: `alter table ${table} drop constraint ${name}` })),
    ...tables.map(({ name }) => ({ text: `alter table ${name} disable trigger user` })),
  ];
}

async function load(database: BackupDatabase, table: Table, path: string): Promise<number> {
  let rows = 0;
  let waiting: string[] = [];
  let chars = 0;
  const send = async () => {
    if (waiting.length === 0) return;
    await database.run([{ text: insertStatement(table), params: [`[${waiting.join(',')}]`] }]);
    rows += waiting.length;
    waiting = [];
    chars = 0;
  };
  for await (const line of readLines(path)) {
    waiting.push(line);
    chars += line.length;
    if (chars >= CHARS_AT_ONCE || waiting.length >= ROWS_AT_ONCE) await send();
  }
  await send();
  return rows;
}

/** Foreign keys are checked while they are added: rows that do not fit end the restore here. */
async function endStatements(database: BackupDatabase, tables: readonly string[]): Promise<Statement[]> {
  const [kept = []] = await database.run([{ text: `select foreign_keys::text from ${RESTORE_TABLE}` }]);
  const foreignKeys = foreignKeysSchema.parse(JSON.parse(kept[0] ?? ''));
  return [
    ...foreignKeys.map((text) => ({ text })),
    ...tables
      .filter((name) => name !== MIGRATIONS_TABLE)
      .map((name) => ({ text: `alter table ${name} enable trigger user` })),
    { text: `drop table ${RESTORE_TABLE}` },
  ];
}
