import { z } from 'zod';
import { uuidToId } from '../../core/database/columns.ts';
import type { ObjectStore } from '../../core/objects/object-store.ts';
import { createWrappedKeys } from '../../modules/storage/service/wrapped-keys.ts';
import { type Adoption, nextJournal } from './adopt-branch.ts';
import { inTurns } from './in-turns.ts';
import { restoreDatabase } from './restore-database.ts';
import { restoreObjects } from './restore-objects.ts';
import type { BackupDatabase } from './sql.ts';
import { requireSameKeys, type VerifiedBackup } from './verify-backup.ts';

export interface RestoreDependencies extends Adoption {
  readonly progress: (text: string) => void;
}

/** Versions of a file whose bytes did not come back; `path` from the root of its drive. */
export interface Missing {
  readonly kind: 'missing';
  readonly key: string;
  readonly why: string;
  readonly versions: readonly {
    readonly fileId: string;
    readonly versionId: string;
    readonly number: number;
    readonly isCurrent: boolean;
    readonly isTrashed: boolean;
    readonly driveId: string;
    readonly path: string;
  }[];
}

export interface RestoreSummary {
  readonly takenAt: string;
  readonly rows: number;
  readonly put: number;
  readonly there: number;
  readonly missing: number;
}

const CALLS_AT_ONCE = 4;
const KEYS_AT_ONCE = 1_000;

/**
 * Database first, which refuses one that is not empty; then the objects; then what is missing. Nothing else may run on
 * either of them.
 * @throws BackupError
 */
export async function restoreBackup(
  { config, database, store, now, progress }: RestoreDependencies,
  backup: VerifiedBackup,
  { otherKeys }: { readonly otherKeys: boolean },
  report: (missing: Missing) => void,
): Promise<RestoreSummary> {
  if (!otherKeys) await requireSameKeys(backup.manifest, config);
  const journal = await nextJournal({ config, store, now });
  progress('database…');
  const rows = await restoreDatabase(database, backup, journal, now());
  progress('objects…');
  const { missing, ...counts } = await restoreObjects({ store, kmsKeyId: config.S3_KMS_KEY_ID }, backup);
  await keepWrappedKeys(database, store, missing);
  const keys = [...missing.keys()];
  for (let start = 0; start < keys.length; start += KEYS_AT_ONCE)
    for (const found of await versionsOf(database, keys.slice(start, start + KEYS_AT_ONCE)))
      report({ kind: 'missing', why: missing.get(found.key) ?? '', ...found });
  return { takenAt: backup.manifest.takenAt, rows, ...counts, missing: missing.size };
}

const wrappedSchema = z.tuple([z.string(), z.string(), z.string()]);

/** The bucket has to explain itself again: beside each sealed object lies its data key. */
async function keepWrappedKeys(
  database: BackupDatabase,
  store: ObjectStore,
  missing: ReadonlyMap<string, string>,
): Promise<void> {
  const keys = createWrappedKeys(store);
  const query = `select json_build_array(o.id, o.key, o.wrapped_key)::text from storage.objects o where o.wrapped_key is not null`;
  const rows: string[] = [];
  await database.snapshot([query], async (_, row) => void rows.push(row));
  await inTurns(rows, CALLS_AT_ONCE, async (row) => {
    const [id, key, wrappedKey] = wrappedSchema.parse(JSON.parse(row));
    if (!missing.has(key))
      await keys.keep({ id: uuidToId('obj', id), key, encryption: 'envelope', wrappedKey });
  });
}

const versionSchema = z.object({
  file_id: z.string(),
  version_id: z.string(),
  number: z.int(),
  is_current: z.boolean(),
  is_trashed: z.boolean(),
  drive_id: z.string(),
  drive_kind: z.enum(['person', 'workspace']),
  path: z.string(),
});
const foundSchema = z.object({ key: z.string(), versions: z.array(versionSchema) });

const VERSIONS_QUERY = `
  select json_build_object('key', k.key, 'versions', coalesce((
    select json_agg(json_build_object('file_id', f.id, 'version_id', v.id, 'number', v.number,
      'is_current', v.id = f.current_version_id, 'is_trashed', f.trashed_at is not null,
      'drive_id', d.id, 'drive_kind', d.kind, 'path', (
        with recursive up (name, parent_id, distance) as (
          select f.name, f.parent_id, 0
          union all
          select p.name, p.parent_id, up.distance + 1 from up join storage.files p on p.id = up.parent_id
        ) select '/' || string_agg(up.name, '/' order by up.distance desc) from up)) order by v.number)
    from storage.objects o join storage.versions v on v.object_id = o.id join storage.files f on f.id = v.file_id
      join storage.drives d on d.id = f.drive_id
    where o.key = k.key), '[]'))::text
  from json_array_elements_text($1::json) k (key)`;

async function versionsOf(
  database: BackupDatabase,
  keys: readonly string[],
): Promise<Pick<Missing, 'key' | 'versions'>[]> {
  const [rows = []] = await database.run([{ text: VERSIONS_QUERY, params: [JSON.stringify(keys)] }]);
  return rows.map((row) => {
    const { key, versions } = foundSchema.parse(JSON.parse(row));
    return {
      key,
      versions: versions.map((version) => ({
        fileId: uuidToId('file', version.file_id),
        versionId: uuidToId('ver', version.version_id),
        number: version.number,
        isCurrent: version.is_current,
        isTrashed: version.is_trashed,
        driveId: uuidToId(version.drive_kind === 'person' ? 'usr' : 'wsp', version.drive_id),
        path: version.path,
      })),
    };
  });
}
