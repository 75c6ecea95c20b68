import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import type { SearchFilters } from '../models/search.ts';
import { TYPE_GROUPS } from '../models/search-filters.ts';

export interface Condition {
  readonly name: string;
  readonly holds: SQL;
}

const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;
const texts = (values: readonly string[]): SQL => sql`${sql.param([...values])}::text[]`;
const time = (value: string): SQL => sql`${new Date(value).toISOString()}::timestamptz`;

/** A condition for a filter that was given; several with the same name stand beside each other. */
const given = <Value>(name: string, value: Value | undefined, holds: (value: Value) => SQL): Condition[] =>
  value === undefined ? [] : [{ name, holds: holds(value) }];

/** By what storage knows of a file. The rows are `visible`, `file` and `version` (search-scope.ts). */
export function fileConditions(userId: string, filters: SearchFilters): Condition[] {
  // An old version was made when it was made; the file has changed since.
  const updated =
    filters.versions === 'all' || filters.asOf !== undefined ? sql`version.created_at` : sql`file.updated_at`;
  return [
    ...given('type', filters.type, isOfType),
    ...given(
      'folderId',
      filters.folderId,
      (id) => sql`
      visible.file_id in (select below.file_id from storage.subtree(${uuid(id)}) below
        where storage.rank_on(${uuid(userId)}, ${uuid(id)}) is not null)`,
    ),
    ...given('driveId', filters.driveId, (id) => sql`file.drive_id = ${uuid(id)}`),
    ...given('owner', filters.owner, (id) => sql`file.created_by = ${uuid(id)}`),
    ...given('tag', filters.tag, (tags) => sql`file.tags @> ${texts(tags)}`),
    ...given('createdAfter', filters.createdAfter, (at) => sql`file.created_at >= ${time(at)}`),
    ...given('createdBefore', filters.createdBefore, (at) => sql`file.created_at < ${time(at)}`),
    ...given('updatedAfter', filters.updatedAfter, (at) => sql`${updated} >= ${time(at)}`),
    ...given('updatedBefore', filters.updatedBefore, (at) => sql`${updated} < ${time(at)}`),
    ...given('minSize', filters.minSize, (bytes) => sql`version.size >= ${bytes}::bigint`),
    ...given('maxSize', filters.maxSize, (bytes) => sql`version.size <= ${bytes}::bigint`),
    ...given(
      'metadata',
      filters.metadata,
      (record) => sql`file.metadata @> ${JSON.stringify(record)}::jsonb`,
    ),
  ];
}

/** By what the analysis has found, or a person has said of it. */
export function contentConditions(filters: SearchFilters): Condition[] {
  return [
    ...given('language', filters.language, (codes) => sql`a.language = any(${texts(codes)})`),
    ...given(
      'category',
      filters.category,
      (wanted) => sql`
      exists (select from ${CATEGORIES} category
        where lower(category.label) = any(${lowered(wanted)}) or lower(category.name) = any(${lowered(wanted)}))`,
    ),
    ...Object.entries(filters.field ?? {}).map(([name, bounds]) => ({
      name: 'field',
      holds: sql`exists (select from ai.field_values found where found.version_id = visible.version_id
        and found.name = ${name} ${within(bounds)})`,
    })),
  ];
}

const lowered = (values: readonly string[]): SQL => texts(values.map((value) => value.toLowerCase()));

/**
 * `label, name` of a file (rows `file` and `visible`): what a person has said stands above what was found. A label of
 * the drive has its id as label; a category of the default taxonomy is its own name.
 */
export const CATEGORIES = sql`(
  select said.label, coalesce(own.name, said.label) as name
  from (
    select c.label from ai.categories c where c.version_id = visible.version_id
      and not exists (select from ai.label_examples e
        where e.file_id = visible.file_id and e.drive_id = file.drive_id and e.label = c.label and not e.positive)
    union
    select e.label from ai.label_examples e
    where e.file_id = visible.file_id and e.drive_id = file.drive_id and e.positive
  ) said left join ai.labels own
    on own.drive_id = file.drive_id and said.label = 'lbl_' || replace(own.id::text, '-', '')
)`;

const MEDIA_TYPE = sql`lower(split_part(version.content_type, ';', 1))`;

/** The group of a media type, or null. */
export const TYPE_GROUP = sql`case ${sql.join(
  Object.entries(TYPE_GROUPS).map(
    ([group, patterns]) => sql`when ${MEDIA_TYPE} like any(${texts(patterns)}) then ${group}`,
  ),
  sql` `,
)} end`;

function isOfType(types: readonly string[]): SQL {
  const groups = types.filter((type) => !type.includes('/'));
  // `image/*`; in a pattern `_` and `%` would be wild, and neither is in a media type that gets here.
  const patterns = types.filter((type) => type.includes('/')).map((type) => type.replace('*', '%'));
  return sql`(${TYPE_GROUP} = any(${texts(groups)}) or ${MEDIA_TYPE} like any(${texts(patterns)}))`;
}

function within({
  value,
  min,
  max,
}: {
  value?: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
}): SQL {
  return sql`
    ${value === undefined ? sql`` : sql`and lower(found.value) = ${value.toLowerCase()}`}
    ${min === undefined ? sql`` : bound(sql`>=`, min)} ${max === undefined ? sql`` : bound(sql`<=`, max)}`;
}

/** Numbers as numbers; dates in ISO format stand in the order of their letters. */
function bound(operator: SQL, limit: string): SQL {
  const number = /^-?\d{1,15}(\.\d{1,10})?$/.test(limit) ? Number(limit) : undefined;
  return number === undefined
    ? sql`and found.value collate "C" ${operator} ${limit}`
    : sql`and found.number ${operator} ${number}::float8`;
}
