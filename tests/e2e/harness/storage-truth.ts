import { expect } from 'vitest';
import { objectsConfigSchema, parseConfig } from '../../../src/core/config/config.ts';
import type { ObjectStore } from '../../../src/core/objects/object-store.ts';
import { createS3ObjectStore } from '../../../src/core/objects/s3-object-store.ts';
import type { Stack } from '../../../src/local/stack.ts';
import { type DatabaseAddress, query } from './database.ts';
import { runTool } from './tools.ts';

/** Of the stack that runs, past all of our own services. */
export const databaseOf = ({ bindings }: Stack): DatabaseAddress => ({
  databaseUrl: bindings.DATABASE_URL ?? '',
  databaseEndpoint: bindings.DATABASE_FETCH_ENDPOINT ?? '',
});

export const bucketOf = ({ bindings }: Stack): ObjectStore =>
  createS3ObjectStore(parseConfig('test', objectsConfigSchema, bindings));

/** What weeks would do: uploads that nobody goes on with are over, and what is to be deleted is due. */
export async function letTimePass(stack: Stack): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await query(databaseOf(stack), `update storage.uploads set expires_at = now() where state = 'active'`);
    await query(databaseOf(stack), 'update storage.object_deletions set next_attempt_at = now()');
    await stack.runCron();
  }
}

/** Drives whose counters are not what their rows say, and those that hold room for uploads that are none. */
export function drivesOffTruth(stack: Stack): Promise<Record<string, unknown>[]> {
  return query(
    databaseOf(stack),
    `select * from (
       select d.id, d.used_bytes, d.entry_count, d.reserved_bytes,
         (select coalesce(sum(v.size), 0) from storage.versions v where v.drive_id = d.id) as real_bytes,
         (select count(*) from storage.files f where f.drive_id = d.id) as real_entries,
         (select coalesce(sum(u.reserved_bytes), 0) from storage.uploads u
           where u.drive_id = d.id and u.state = 'active') as really_reserved
       from storage.drives d
     ) d where used_bytes <> real_bytes or entry_count <> real_entries or reserved_bytes <> really_reserved`,
  );
}

export interface FsckReport {
  readonly findings: readonly { readonly kind: string; readonly key: string }[];
  readonly code: number | null;
}

/** The tool, as an operator runs it. */
export async function fsck(dataDir: string, ...args: string[]): Promise<FsckReport> {
  const { lines, errors, code } = await runTool('fsck', dataDir, ...args);
  const findings = lines.flatMap(({ kind, key }) =>
    kind !== undefined && key !== undefined ? [{ kind: String(kind), key: String(key) }] : [],
  );
  expect(errors, 'what fsck complains of').toBe('');
  return { findings, code };
}

/** All keys but those of the journal, which looks after itself. */
export async function keysInBucket(stack: Stack): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const page: Awaited<ReturnType<ObjectStore['list']>> = await bucketOf(stack).list({
      prefix: '',
      limit: 1_000,
      ...(after === '' ? {} : { after }),
    });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  return keys.filter((key) => !key.startsWith('journal/'));
}

/** Keys that rows name. */
export async function keysInDatabase(stack: Stack): Promise<string[]> {
  const rows = await query(databaseOf(stack), 'select key from storage.objects order by key collate "C"');
  return rows.map(({ key }) => String(key));
}
