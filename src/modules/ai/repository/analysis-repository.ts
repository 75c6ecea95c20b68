import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { documentMetadataSchema } from '../../../contracts/sidecar.ts';
import { analysisStatusSchema } from '../../../contracts/storage.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { rankOn, visibleFiles } from '../../../core/database/schema/published.ts';
import { STAGES, stepsSchema } from '../models/analysis.ts';
import type { AnalysisRepository, NoVersion, StoredWork } from '../ports/analyses.ts';
import { requestedWork } from './work.ts';

const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

/** Columns of `ai.analyses a`, of which there need not be a row yet. */
const WORK = sql`coalesce(a.status, 'pending') as status, a.reason, a.updated_at, a.next_attempt_at, a.lease_until,
  a.given_up_at, coalesce(a.attempts, 0) as attempts, coalesce(a.priority, 0) as priority,
  coalesce(array_to_string(a.todo, ','), 'text,vectors,steps') as todo`;

/**
 * The row (is_file, version_id, number, sha256, created_at) of what was asked for: none for a file that the user does
 * not see, one without version for a folder, or where the version is not one of the file.
 */
const target = (userId: string, fileId: string, versionId: string | undefined): SQL => sql`
  select visible.version_id is not null as is_file, v.version_id, v.number, v.sha256, v.created_at
  from ${visibleFiles(userId)} visible
  left join storage.version_facts v on v.file_id = visible.file_id
    and v.version_id = ${versionId === undefined ? sql`visible.version_id` : uuid(versionId)}
  where visible.file_id = ${uuid(fileId)}`;

/** What its drive has not defined, or has switched off, is not shown. */
const driveOf = (fileId: string): SQL =>
  sql`(select f.drive_id from storage.file_facts f where f.file_id = ${uuid(fileId)})`;

export function createAnalysisRepository(db: Database): AnalysisRepository {
  return {
    async find(userId, fileId, versionId) {
      const [found, categories, fields] = await db.batch([
        db.execute(sql`
          select t.is_file, t.version_id, t.number, t.sha256, t.created_at, ${WORK}, a.content_type, a.language,
            coalesce(a.metadata, '{}') as metadata, ai.shown_results(coalesce(a.results, '{}'), ${driveOf(fileId)}) as results, a.truncated,
            a.embedding_model, a.embedding_provider, coalesce(a.chunk_count, 0) as chunk_count
          from (${target(userId, fileId, versionId)}) t left join ai.analyses a on a.version_id = t.version_id`),
        db.execute(sql`
          select c.label, c.name, c.score::float8 as score, case when c.corrected then 'user' else 'model' end as source
          from (${target(userId, fileId, versionId)}) t, ai.categories_of(t.version_id, ${uuid(fileId)}) c
          where t.version_id is not null order by c.score desc, c.name`),
        db.execute(sql`
          select f.name, f.value, f.number, f.confidence::float8 as confidence, f.start_offset as start, f.end_offset as "end"
          from (${target(userId, fileId, versionId)}) t join ai.field_values f on f.version_id = t.version_id
          where f.name in (select d.name from ai.fields d where d.drive_id = ${driveOf(fileId)})
            and ai.shown_results('{"fields":1}', ${driveOf(fileId)}) <> '{}' order by f.name`),
      ]);
      const row = versionIn(found.rows);
      if (typeof row === 'string') return row;
      return {
        ...toWork(row),
        ...storedSchema.parse(row),
        version: versionSchema.parse(row),
        categories: categories.rows.map((category) => categorySchema.parse(category)),
        fields: fields.rows.map((field) => fieldSchema.parse(field)),
      };
    },

    async text(userId, fileId, { start, end, versionId }) {
      const [found, passages] = await db.batch([
        db.execute(sql`
          select t.is_file, t.version_id, t.number, t.sha256, a.chunk_count > 0 or a.status = 'ready' as is_there,
            (select max(c.end_offset) from ai.chunks c where c.version_id = t.version_id) as length
          from (${target(userId, fileId, versionId)}) t left join ai.analyses a on a.version_id = t.version_id`),
        db.execute(sql`
          select c.start_offset as start, c.page, c.text
          from (${target(userId, fileId, versionId)}) t join ai.chunks c on c.version_id = t.version_id
          where c.start_offset < ${end} and c.end_offset > ${start} order by c.index`),
      ]);
      const row = versionIn(found.rows);
      if (typeof row === 'string') return row;
      return {
        version: versionSchema.parse(row),
        isThere: row.is_there === true,
        length: Number(row.length ?? 0),
        pieces: passages.rows.map((piece) => pieceSchema.parse(piece)),
      };
    },

    async list(userId, { status, givenUp, cursor, limit }) {
      const { rows } = await db.execute(sql`
        select f.file_id, f.name, f.version_id, f.created_at, ${WORK}
        from ${visibleFiles(userId)} visible
        join storage.file_facts f on f.file_id = visible.file_id
        left join ai.analyses a on a.version_id = f.version_id
        where ${status === undefined ? sql`true` : sql`coalesce(a.status, 'pending') = ${status}`}
          and ${givenUp === undefined ? sql`true` : sql`(a.given_up_at is not null) = ${givenUp === 'true'}`}
          and ${cursor === undefined ? sql`true` : sql`f.version_id < ${uuid(cursor)}`}
        order by f.version_id desc limit ${limit + 1}`);
      return rows.map((row) => ({
        ...toWork(row),
        fileId: uuidToId('file', String(row.file_id)),
        name: String(row.name),
        versionId: uuidToId('ver', String(row.version_id)),
      }));
    },

    async askAgain(userId, fileId, stages) {
      const { rows } = await db.execute(sql`
        with t as materialized (${target(userId, fileId, undefined)}), role as materialized (
          select ${rankOn(userId, uuid(fileId))} as rank
        ), to_do as materialized (
          select array(select t.version_id from t, role where role.rank >= 3 and t.version_id is not null and not exists (
            select from ai.analyses a where a.version_id = t.version_id and a.lease_until is null
              and a.todo @> ${`{${stages.join(',')}}`}::text[])) as ids
        )
        select t.is_file, t.version_id, role.rank,
          (select count(*) from to_do, lateral ${requestedWork(sql`to_do.ids`, stages, 0)}) as asked
        from t, role`);
      const row = versionIn(rows);
      if (typeof row === 'string') return row;
      return Number(row.rank) >= 3 ? 'asked' : 'role_required';
    },
  };
}

function versionIn(rows: readonly Record<string, unknown>[]): Record<string, unknown> | NoVersion {
  const [row] = rows;
  if (row === undefined) return 'file_not_found';
  if (row.is_file !== true) return 'not_a_file';
  return row.version_id === null ? 'version_not_found' : row;
}

const atSchema = z.coerce.date();
const versionSchema = z
  .object({ version_id: z.string(), number: z.coerce.number(), sha256: z.string().nullable() })
  .transform(({ version_id, ...rest }) => ({ id: uuidToId('ver', version_id), ...rest }));
const categorySchema = z.object({
  label: z.string(),
  name: z.string(),
  score: z.coerce.number(),
  source: z.enum(['model', 'user']),
});
const fieldSchema = z.object({
  name: z.string(),
  value: z.string(),
  number: z.coerce.number().nullable(),
  confidence: z.coerce.number(),
  start: z.coerce.number(),
  end: z.coerce.number(),
});
const pieceSchema = z.object({
  start: z.coerce.number(),
  page: z.coerce.number().nullable(),
  text: z.string(),
});
const storedSchema = z
  .object({
    content_type: z.string().nullable(),
    language: z.string().nullable(),
    metadata: documentMetadataSchema,
    results: stepsSchema,
    truncated: z.string().nullable(),
    embedding_model: z.string().nullable(),
    embedding_provider: z.string().nullable(),
    chunk_count: z.coerce.number(),
  })
  .transform((row) => ({
    contentType: row.content_type,
    language: row.language,
    metadata: row.metadata,
    results: row.results,
    truncated: row.truncated,
    embeddingModel: row.embedding_model,
    embeddingProvider: row.embedding_provider,
    chunkCount: row.chunk_count,
  }));

/** A version that was not noticed yet waits since it was made. */
function toWork(row: Record<string, unknown>): StoredWork {
  const todo = String(row.todo).split(',');
  const createdAt = atSchema.parse(row.created_at);
  const at = (value: unknown) => (value === null ? null : atSchema.parse(value));
  return {
    status: analysisStatusSchema.parse(row.status),
    reason: row.reason === null ? null : String(row.reason),
    todo: STAGES.filter((stage) => todo.includes(stage)),
    priority: Number(row.priority) === 0 ? 0 : 1,
    attempts: Number(row.attempts),
    updatedAt: at(row.updated_at) ?? createdAt,
    nextAttemptAt: at(row.next_attempt_at) ?? createdAt,
    leaseUntil: at(row.lease_until),
    givenUpAt: at(row.given_up_at),
  };
}
