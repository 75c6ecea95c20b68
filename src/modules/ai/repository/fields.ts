import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { type Field, fieldSchema, MAX_FIELDS } from '../models/fields.ts';
import type { FieldRepository } from '../ports/fields.ts';
import { driveTable, isoOf, lockDrive, MANAGES, refusalOf, selectRank, uuid } from './drive-access.ts';

export function createFieldRepository(db: Database): FieldRepository {
  async function read(userId: string, driveId: string, where: SQL) {
    const [rank, found] = await db.batch([
      db.execute(selectRank(userId, driveId)),
      db.execute(sql`${selectFields(userId, driveId)} and ${where}`),
    ]);
    return { rank: Number(rank.rows[0]?.rank ?? 0), items: found.rows.map(toField) };
  }

  return {
    list: (userId, driveId, after, limit) =>
      read(
        userId,
        driveId,
        sql`${after === null ? sql`true` : sql`f.name > ${after}`} order by f.name limit ${limit}`,
      ),

    find: (userId, driveId, name) => read(userId, driveId, sql`f.name = ${name}`),

    async put(userId, driveId, { name, type, description, choices }, audit) {
      const [, verdict, found] = await db.batch([
        db.execute(lockDrive(driveId)),
        db.execute(sql`
          with ${driveTable(userId, driveId)}, before as materialized (
            select f.type from ai.fields f where f.drive_id = ${uuid(driveId)} and f.name = ${name}
          ), verdict as (
            select drive.rank, case ${MANAGES}
              when not exists (select from before)
                and (select count(*) from ai.fields f where f.drive_id = drive.id) >= ${MAX_FIELDS}
              then 'too_many_fields' end as refused
            from drive
          ), made as (
            insert into ai.fields (drive_id, name, type, description, choices, created_by)
            select ${uuid(driveId)}, ${name}, ${type}, ${description},
              ${choices === undefined ? null : sql.param([...choices])}::text[], ${uuid(userId)}
            from verdict where refused is null
            on conflict (drive_id, name) do update set type = excluded.type, description = excluded.description,
              choices = excluded.choices
            returning name
          ), outdated as (
            delete from ai.field_values v using made, before
            where before.type <> ${type} and ${isValueOf(driveId, name)}
          ), audited as (${auditRows(audit, sql`from made`)})
          select * from verdict`),
        db.execute(sql`${selectFields(userId, driveId)} and f.name = ${name}`),
      ]);
      const field = found.rows.map(toField)[0];
      return refusalOf(verdict.rows[0], REFUSALS) ?? field ?? { refused: 'field_not_found', rank: 0 };
    },

    async delete(userId, driveId, name, audit) {
      const { rows } = await db.execute(sql`
        with ${driveTable(userId, driveId)}, verdict as (
          select drive.rank, case ${MANAGES} when not exists (
              select from ai.fields f where f.drive_id = drive.id and f.name = ${name}) then 'field_not_found'
            end as refused
          from drive
        ), gone as (
          delete from ai.fields f using verdict
          where verdict.refused is null and f.drive_id = ${uuid(driveId)} and f.name = ${name} returning f.name
        ), forgotten as (
          delete from ai.field_values v using gone where ${isValueOf(driveId, name)}
        ), audited as (${auditRows(audit, sql`from gone`)})
        select * from verdict`);
      return refusalOf(rows[0], REFUSALS) ?? { name };
    },
  };
}

const REFUSALS = ['drive_not_found', 'role_required', 'field_not_found', 'too_many_fields'] as const;

/** Of any version of a file of the drive; `v` is the alias of the table of values. */
const isValueOf = (driveId: string, name: string): SQL => sql`v.name = ${name} and v.version_id in (
  select version.version_id from storage.file_facts file join storage.version_facts version on version.file_id = file.file_id
  where file.drive_id = ${uuid(driveId)})`;

/** Goes on with `and`. */
const selectFields = (userId: string, driveId: string): SQL => sql`
  with ${driveTable(userId, driveId)}
  select f.name, f.type, f.description, to_json(f.choices) as choices, f.created_at
  from drive join ai.fields f on f.drive_id = drive.id where drive.rank > 0`;

const toField = (row: Record<string, unknown>): Field =>
  fieldSchema.parse({
    name: row.name,
    type: row.type,
    description: row.description,
    ...(row.choices === null ? {} : { choices: row.choices }),
    createdAt: isoOf(row.created_at),
  });
