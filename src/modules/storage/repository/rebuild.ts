import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import type { RebuildRepository } from '../ports/rebuild.ts';
import { IS_REBUILDING } from './journal.ts';
import { addStray } from './rebuild-stray.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';
const countsSchema = z.object({ last: z.string().nullable(), files: z.number(), versions: z.number() });

/** The next entries of the journal, purged ones left out. */
const page = (after: string | null, limit: number): SQL => sql`
  page as materialized (
    select e.file_id, e.record from storage.rebuild_entries e
    where e.file_id > ${after ?? FIRST}::uuid and e.record is not null order by e.file_id limit ${limit}
  ), file as materialized (
    select f.*, s.parent_id as scope_parent_id, s.id is not null as is_scope
    from page p cross join lateral jsonb_populate_record(null::storage.files, p.record->'file') f
      cross join lateral jsonb_populate_record(null::storage.scopes, nullif(p.record->'scope', 'null')) s
  )`;

const rowsOf = (table: SQL, member: string): SQL => sql`
  page p cross join lateral jsonb_populate_recordset(null::${table}, coalesce(nullif(p.record->${member}, 'null'), '[]'))`;

const LAST = sql`(select p.file_id::text from page p order by p.file_id desc limit 1)`;

export function createRebuildRepository(db: Database): RebuildRepository {
  return {
    async state() {
      const { rows } = await db.execute(sql`select ${IS_REBUILDING} as begun,
        exists (select from storage.files) or exists (select from storage.objects)
          or exists (select from storage.uploads) as filled`);
      if (rows[0]?.begun === true) return 'begun';
      return rows[0]?.filled === true ? 'filled' : 'empty';
    },

    async begin() {
      await db.execute(
        sql`create table if not exists storage.rebuild_entries (file_id uuid primary key, record jsonb)`,
      );
    },

    async stage(lines) {
      const given = sql`select l.line, l.place
        from jsonb_array_elements(${`[${lines.join(',')}]`}::jsonb) with ordinality l (line, place)`;
      await db.batch([
        db.execute(sql`
          insert into storage.drives (id, kind, quota_bytes, quota_entries, keep_versions, keep_version_days, trash_days, created_at)
          select distinct on (d.id) d.id, d.kind, d.quota_bytes, d.quota_entries, d.keep_versions, d.keep_version_days,
            d.trash_days, d.created_at
          from (${given}) g cross join lateral jsonb_populate_record(null::storage.drives, g.line->'drive') d
          where g.line ? 'drive' order by d.id, g.place desc
          on conflict (id) do update set quota_bytes = excluded.quota_bytes, quota_entries = excluded.quota_entries,
            keep_versions = excluded.keep_versions, keep_version_days = excluded.keep_version_days,
            trash_days = excluded.trash_days`),
        db.execute(sql`insert into storage.scopes (id, drive_id) select d.id, d.id from storage.drives d
          on conflict do nothing`),
        db.execute(sql`
          insert into storage.rebuild_entries (file_id, record)
          select distinct on (id) id, case when g.line ? 'file' then g.line end
          from (${given}) g cross join lateral (select coalesce(g.line->'file'->>'id', g.line->>'purged')::uuid as id) i
          where g.line ? 'file' or g.line ? 'purged' order by id, g.place desc
          on conflict (file_id) do update set record = excluded.record`),
      ]);
    },

    async encrypted(after, limit) {
      const { rows } = await db.execute(sql`with ${page(after, limit)}
        select distinct o.key from ${rowsOf(sql`storage.objects`, 'objects')} o where o.encryption = 'envelope'`);
      return rows.map(({ key }) => String(key));
    },

    async insert(after, limit, wrappedKeys) {
      const { rows } = await db.execute(insertStatement(after, limit, wrappedKeys));
      return countsSchema.parse(rows[0]);
    },

    async place(after, limit) {
      const [placed] = await db.batch([
        db.execute(placeStatement(after, limit)),
        db.execute(sql`with ${page(after, limit)}
          insert into storage.grants (id, file_id, principal_kind, principal_id, role, granted_by, expires_at, created_at, updated_at)
          select g.id, g.file_id, g.principal_kind, g.principal_id, g.role, g.granted_by, g.expires_at, g.created_at, g.updated_at
          from ${rowsOf(sql`storage.grants`, 'grants')} g on conflict do nothing`),
      ]);
      return z.object({ last: z.string().nullable(), moved: z.array(z.string()) }).parse(placed.rows[0]);
    },

    async settle(after, limit) {
      const [first, ...rest] = settleStatements(after, limit).map((statement) => db.execute(statement));
      if (first === undefined) return { last: null };
      const { rows } = (await db.batch([first, ...rest])).at(-1) ?? { rows: [] };
      return z.object({ last: z.string().nullable() }).parse(rows[0]);
    },

    async unknown(keys) {
      const { rows } = await db.execute(sql`
        select k.key from unnest(${sql.param([...keys])}::text[]) k (key)
        where not exists (select from storage.objects o where o.key = k.key)
          and not exists (select from storage.rebuild_entries e where e.record is null
            and e.file_id::text = regexp_replace(split_part(k.key, '/', 2), '^file_(.{8})(.{4})(.{4})(.{4})(.{12})$', '\\1-\\2-\\3-\\4-\\5'))`);
      return rows.map(({ key }) => String(key));
    },

    add: (stray) => addStray(db, stray),

    async end(state) {
      await db.batch([
        db.execute(sql`insert into storage.upkeep (name, state) values ('journal', ${JSON.stringify(state)}::jsonb)
          on conflict (name) do update set state = excluded.state`),
        db.execute(sql`
          insert into storage.cursors (name, transaction_id, event_id)
          values ('journal', pg_snapshot_xmin(pg_current_snapshot()), 0), ('webhooks', pg_snapshot_xmin(pg_current_snapshot()), 0)
          on conflict (name) do update set transaction_id = excluded.transaction_id, event_id = excluded.event_id`),
        db.execute(sql`drop table storage.rebuild_entries`),
      ]);
    },
  };
}

/** Under a name that nothing can have, so that names can be given in any order afterwards. */
function insertStatement(
  after: string | null,
  limit: number,
  wrappedKeys: Readonly<Record<string, string>>,
): SQL {
  return sql`
    with ${page(after, limit)}, objects as (
      insert into storage.objects (id, key, size, sha256, etag, announced_sha256, encryption, wrapped_key, state,
        state_reason, verified_at, scanned_at, check_at, check_attempts, created_at)
      select distinct on (o.id) o.id, o.key, o.size, o.sha256, o.etag, o.announced_sha256, o.encryption,
        ${JSON.stringify(wrappedKeys)}::jsonb ->> o.key, o.state, o.state_reason, o.verified_at, o.scanned_at, o.check_at,
        o.check_attempts, o.created_at
      from ${rowsOf(sql`storage.objects`, 'objects')} o on conflict do nothing
    ), files as (
      insert into storage.files (id, drive_id, scope_id, kind, name, name_key, current_version_id, version_count, size,
        tags, metadata, created_by, created_at, updated_at)
      select f.id, f.drive_id, f.drive_id, f.kind, f.name, '/' || f.id, f.current_version_id, f.version_count, f.size,
        f.tags, f.metadata, f.created_by, f.created_at, f.updated_at
      from file f on conflict do nothing returning id
    ), versions as (
      insert into storage.versions (id, file_id, drive_id, number, object_id, size, content_type, announced_type, label,
        created_by, created_at)
      select v.id, v.file_id, v.drive_id, v.number, v.object_id, v.size, v.content_type, v.announced_type, v.label,
        v.created_by, v.created_at
      from ${rowsOf(sql`storage.versions`, 'versions')} v on conflict do nothing returning id
    ), scopes as (
      insert into storage.scopes (id, drive_id, parent_id) select f.id, f.drive_id, f.drive_id from file f
      where f.is_scope on conflict do nothing
    )
    select ${LAST} as last, (select count(*)::int from files) as files, (select count(*)::int from versions) as versions`;
}

/** Only what has no place yet: whoever comes a second time changes nothing. */
function placeStatement(after: string | null, limit: number): SQL {
  return sql`
    with ${page(after, limit)}, aim as materialized (
      select f.*, p.id as folder_id, f.trashed_at is null and f.parent_id is not null and p.id is null as is_lost,
        case when f.trashed_at is not null
          then coalesce((select t.id from storage.files t where t.id = f.trash_root_id), f.id) end as root_id,
        f.trashed_at is null and exists (select from storage.files s where s.id <> f.id and s.trashed_at is null
          and s.place_id = coalesce(p.id, f.drive_id) and s.name_key = f.name_key) as is_taken,
        ' (' || f.id || ')' as suffix
      from file f left join storage.files p on p.id = f.parent_id and p.kind = 'folder'
      where exists (select from storage.files there where there.id = f.id and there.name_key = '/' || f.id)
    ), placed as (
      update storage.files f set parent_id = a.folder_id,
        name = case when a.is_taken or a.is_lost then a.name || a.suffix else a.name end,
        name_key = case when a.is_taken or a.is_lost then a.name_key || a.suffix else a.name_key end,
        trashed_at = a.trashed_at, trashed_by = a.trashed_by, trash_root_id = a.root_id
      from aim a where f.id = a.id
    )
    select ${LAST} as last,
      coalesce((select jsonb_agg('file_' || replace(a.id::text, '-', '')) from aim a where a.is_taken or a.is_lost), '[]') as moved`;
}

/**
 * The scope of each entry is the nearest at or above it: a scope that was made above it is no event of its own. Then all
 * that is live is told of.
 */
function settleStatements(after: string | null, limit: number): SQL[] {
  const nearest = (id: SQL) => sql`(
    with recursive up (id, parent_id, distance) as (
      select entry.id, entry.parent_id, 0 from storage.files entry where entry.id = ${id}
      union all
      select entry.id, entry.parent_id, up.distance + 1 from up join storage.files entry on entry.id = up.parent_id
    )
    select own.id from up join storage.scopes own on own.id = up.id order by up.distance limit 1)`;
  return [
    sql`with ${page(after, limit)}
      update storage.scopes s set parent_id = coalesce(${nearest(sql`f.parent_id`)}, f.drive_id)
      from storage.files f where f.id = s.id and s.id in (select file.id from file)`,
    sql`with ${page(after, limit)}
      update storage.files f set scope_id = coalesce(${nearest(sql`f.id`)}, f.drive_id)
      where f.id in (select file.id from file)`,
    sql`with ${page(after, limit)}
      insert into storage.outbox (type, drive_id, scope_id, file_id, version_id, actor_id)
      select case when f.kind = 'file' then 'version.created' else 'folder.created' end, f.drive_id, f.scope_id, f.id,
        f.current_version_id, f.created_by
      from storage.files f where f.id in (select file.id from file) and f.trashed_at is null`,
    sql`with ${page(after, limit)} select ${LAST} as last`,
  ];
}
