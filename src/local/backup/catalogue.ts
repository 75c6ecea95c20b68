import { z } from 'zod';

const columnSchema = z.object({ name: z.string(), type: z.string() });
export const tableSchema = z.object({
  /** Quoted where it has to be, with its schema. */
  name: z.string(),
  /** Without those that PostgreSQL computes. */
  columns: z.array(columnSchema).min(1),
});
export type Table = z.infer<typeof tableSchema>;

export const catalogueSchema = z.object({
  migrations: z.array(z.string()),
  tables: z.array(tableSchema),
  /** Null: never used. Numbers are not given again after a restore, whatever rows have gone meanwhile. */
  sequences: z.record(z.string(), z.string().nullable()),
  /** What adds them again. */
  foreignKeys: z.array(z.object({ table: z.string(), name: z.string(), definition: z.string() })),
  /** Work that a database may be in the middle of: a restore, a rebuild. */
  unfinished: z.array(z.string()),
});
export type Catalogue = z.infer<typeof catalogueSchema>;

/** The tables of which each says that something was begun here, and not ended. */
export const RESTORE_TABLE = 'public.restore_progress';
const REBUILD_TABLE = 'storage.rebuild_entries';
/** How the schema came to be: compared, never restored. */
export const MIGRATIONS_TABLE = 'public.migrations';

const OURS = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and not exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')`;
const NAME = `format('%I.%I', n.nspname, c.relname)`;

/** All schemas but PostgreSQL's own: a table that is added is in the next backup without anybody thinking of it. */
export const CATALOGUE_QUERY = `
  select json_build_object(
    'migrations', (select coalesce(json_agg(m.tag order by m.tag), '[]') from ${MIGRATIONS_TABLE} m),
    'tables', (select coalesce(json_agg(json_build_object('name', t.name, 'columns', t.columns) order by t.name), '[]') from (
      select ${NAME} as name,
        json_agg(json_build_object('name', quote_ident(a.attname), 'type', format_type(a.atttypid, a.atttypmod))
          order by a.attnum) as columns
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      where c.relkind = 'r' and ${OURS} group by 1) t
      where t.name not in ('${MIGRATIONS_TABLE}', '${RESTORE_TABLE}', '${REBUILD_TABLE}')),
    'sequences', (select coalesce(json_object_agg(format('%I.%I', s.schemaname, s.sequencename), s.last_value::text), '{}')
      from pg_sequences s join pg_namespace n on n.nspname = s.schemaname
        join pg_class c on c.relnamespace = n.oid and c.relname = s.sequencename where ${OURS}),
    'foreignKeys', (select coalesce(json_agg(json_build_object('table', ${NAME}, 'name', quote_ident(f.conname),
        'definition', pg_get_constraintdef(f.oid)) order by ${NAME}, f.conname), '[]')
      from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_namespace n on n.oid = c.relnamespace
      where f.contype = 'f' and ${OURS}),
    'unfinished', (select coalesce(json_agg(u.name), '[]') from unnest(array['${RESTORE_TABLE}', '${REBUILD_TABLE}']) u (name)
      where to_regclass(u.name) is not null)
  )::text`;

/** A row as a JSON array of PostgreSQL's own text: no type loses anything on its way through. */
export function rowsQuery({ name, columns }: Table): string {
  return `select to_json(array[${columns.map((column) => `${column.name}::text`).join(', ')}])::text from ${name}`;
}

/** Takes such rows as one JSON array. */
export function insertStatement({ name, columns }: Table): string {
  const values = columns.map(({ type }, at) => `(r.row ->> ${at})::${type}`);
  return `insert into ${name} (${columns.map((column) => column.name).join(', ')}) overriding system value
    select ${values.join(', ')} from json_array_elements($1::json) r (row)`;
}
