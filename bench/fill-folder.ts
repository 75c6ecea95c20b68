import { sql } from 'drizzle-orm';
import { fileSchema } from '../src/contracts/storage.ts';
import { createDatabase } from '../src/core/database/client.ts';
import { idToUuid } from '../src/core/database/columns.ts';
import type { Environment } from './environment.ts';
import { upload } from './transfer.ts';

const AT_ONCE = 10_000;

/**
 * A new folder with so many files in it: rows as if each had been uploaded, but all of them share the content of the
 * one that was, and nobody is told of them. Names, sizes and times are in no order.
 * @returns the ids of the folder and of the file that was uploaded
 */
export async function fillFolder(
  { stack, accessToken }: Environment,
  count: number,
): Promise<{ folderId: string; fileId: string }> {
  const { DATABASE_URL = '', DATABASE_FETCH_ENDPOINT = '' } = stack.bindings;
  const db = createDatabase({ DATABASE_URL, DATABASE_FETCH_ENDPOINT });
  const make = async (path: string, body: string, contentType: string) => {
    const headers = { authorization: `Bearer ${accessToken}`, 'content-type': contentType };
    const made = await upload(`${stack.url}${path}`, 'POST', Buffer.from(body), headers);
    return fileSchema.parse(JSON.parse(made.body)).id;
  };
  const folderId = await make('/v1/folders', JSON.stringify({ name: 'filled' }), 'application/json');
  const fileId = await make(
    `/v1/files?name=first.bin&parentId=${folderId}`,
    'one',
    'application/octet-stream',
  );
  for (let from = 1; from < count; from += AT_ONCE)
    await db.execute(statement(fileId, from, Math.min(from + AT_ONCE, count) - 1));
  for (const table of ['files', 'versions']) await db.execute(sql`analyze storage.${sql.identifier(table)}`);
  return { folderId, fileId };
}

const statement = (sourceId: string, from: number, to: number) => sql`
  with source as (
    select f.drive_id, f.parent_id, f.scope_id, f.created_by, v.object_id, v.content_type
    from storage.files f join storage.versions v on v.id = f.current_version_id
    where f.id = ${idToUuid(sourceId)}::uuid
  ), made as materialized (
    select storage.new_id() as id, storage.new_id() as version_id, md5(n::text) || '.bin' as name,
      hashint4(n)::bigint & 1048575 as size, now() - (hashint4(-n)::bigint & 8388607) * interval '1 second' as changed_at
    from generate_series(${from}::integer, ${to}::integer) n
  ), file as (
    insert into storage.files (id, drive_id, parent_id, scope_id, kind, name, name_key, current_version_id,
      version_count, size, created_by, updated_at)
    select made.id, source.drive_id, source.parent_id, source.scope_id, 'file', made.name, made.name,
      made.version_id, 1, made.size, source.created_by, made.changed_at from made, source
  )
  insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, created_by)
  select made.version_id, made.id, source.drive_id, 1, source.object_id, made.size, source.content_type,
    source.created_by from made, source`;
