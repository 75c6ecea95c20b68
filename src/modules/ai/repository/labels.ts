import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { rankOn, visibleFiles } from '../../../core/database/schema/published.ts';
import { type Label, MAX_EXAMPLES, MAX_LABELS, type UpdateLabel } from '../models/labels.ts';
import type { LabelRefusal, LabelRepository } from '../ports/labels.ts';
import {
  driveTable,
  isoOf,
  labelOf,
  lockDrive,
  MANAGES,
  refusalOf,
  selectRank,
  uuid,
} from './drive-access.ts';

export function createLabelRepository(db: Database): LabelRepository {
  return {
    async list(userId, driveId, after, limit) {
      const beyond = after === null ? sql`true` : sql`l.id > ${uuid(after)}`;
      const [rank, found] = await db.batch([
        db.execute(selectRank(userId, driveId)),
        db.execute(sql`${selectLabels(userId, driveId)} and ${beyond} order by l.id limit ${limit}`),
      ]);
      return { rank: Number(rank.rows[0]?.rank ?? 0), items: found.rows.map(toLabel) };
    },

    create: (userId, driveId, { id, name, description, examples }, audit) =>
      write(
        db,
        userId,
        driveId,
        id,
        sql`
        with ${driveTable(userId, driveId)}, ${wanted(userId, driveId, examples)},
        verdict as (
          select drive.rank, case ${MANAGES} ${UNSEEN}
            when (select count(*) from ai.labels l where l.drive_id = drive.id) >= ${MAX_LABELS} then 'too_many_labels'
            end as refused
          from drive
        ), made as (
          insert into ai.labels (id, drive_id, name, description, created_by)
          select ${uuid(id)}, ${uuid(driveId)}, ${name}, ${description}, ${uuid(userId)} from verdict where refused is null
          returning id
        ), examples as (${insertExamples(userId, driveId, sql`made`)}),
        audited as (${auditRows(audit, sql`from made`)})
        select * from verdict`,
      ),

    update: (userId, driveId, id, change, audit) =>
      write(
        db,
        userId,
        driveId,
        id,
        sql`
        with ${driveTable(userId, driveId)}, ${wanted(userId, driveId, change.examples ?? [])},
        ${verdictOn(driveId, id, UNSEEN)}, made as (
          update ai.labels l set ${assignments(change)} from verdict
          where verdict.refused is null and l.id = ${uuid(id)} returning l.id
        ), dropped as (
          delete from ai.label_examples e using made
          where ${change.examples !== undefined} and e.drive_id = ${uuid(driveId)} and e.positive
            and e.label = ${labelOf(sql`made.id`)} and e.file_id not in (select w.id from wanted w)
            and ${rankOn(userId, sql`e.file_id`)} is not null
        ), examples as (${insertExamples(userId, driveId, sql`made`)}),
        audited as (${auditRows(audit, sql`from made`)})
        select * from verdict`,
      ),

    async delete(userId, driveId, id, audit) {
      const { rows } = await db.execute(sql`
        with ${driveTable(userId, driveId)}, ${verdictOn(driveId, id, sql``)}, gone as (
          delete from ai.labels l using verdict where verdict.refused is null and l.id = ${uuid(id)} returning l.id
        ), examples as (
          delete from ai.label_examples e using gone
          where e.drive_id = ${uuid(driveId)} and e.label = ${labelOf(sql`gone.id`)}
        ), rules as (
          delete from ai.rules r using gone where r.drive_id = ${uuid(driveId)} and r.label = ${labelOf(sql`gone.id`)}
        ), scores as (
          delete from ai.categories c using gone where c.label = ${labelOf(sql`gone.id`)}
        ), audited as (${auditRows(audit, sql`from gone`)})
        select * from verdict`);
      return refusalOf(rows[0], REFUSALS) ?? { id };
    },
  };
}

const REFUSALS = [
  'drive_not_found',
  'role_required',
  'label_not_found',
  'too_many_labels',
  'file_not_found',
] as const;

/** Runs a statement that answers with a verdict, and reads the label as it is then. */
async function write(
  db: Database,
  userId: string,
  driveId: string,
  id: string,
  statement: SQL,
): Promise<Label | LabelRefusal> {
  try {
    const [, verdict, found] = await db.batch([
      db.execute(lockDrive(driveId)),
      db.execute(statement),
      db.execute(sql`${selectLabels(userId, driveId)} and l.id = ${uuid(id)}`),
    ]);
    const label = found.rows.map(toLabel)[0];
    return refusalOf(verdict.rows[0], REFUSALS) ?? label ?? { refused: 'label_not_found', rank: 0 };
  } catch (error) {
    if (violatesUnique(error, 'labels_name_key')) return { refused: 'label_exists', rank: 0 };
    throw error;
  }
}

/** Files that are to be examples, and of them those of the drive that the user sees. */
function wanted(userId: string, driveId: string, fileIds: readonly string[]): SQL {
  const ids = sql.param(fileIds.map(idToUuid));
  return sql`
    wanted as materialized (select unnest(${ids}::uuid[]) as id),
    usable as materialized (
      select w.id from wanted w join storage.file_facts f on f.file_id = w.id
      where f.drive_id = ${uuid(driveId)} and ${rankOn(userId, sql`w.id`)} is not null
    )`;
}

const UNSEEN: SQL = sql`
  when (select count(*) from usable) < (select count(*) from wanted) then 'file_not_found'`;

const verdictOn = (driveId: string, id: string, more: SQL): SQL => sql`
  verdict as (
    select drive.rank, case ${MANAGES}
      when not exists (select from ai.labels l where l.id = ${uuid(id)} and l.drive_id = ${uuid(driveId)})
      then 'label_not_found' ${more} end as refused
    from drive
  )`;

const insertExamples = (userId: string, driveId: string, made: SQL): SQL => sql`
  insert into ai.label_examples (drive_id, label, file_id, positive, created_by)
  select ${uuid(driveId)}, ${labelOf(sql`m.id`)}, u.id, true, ${uuid(userId)} from ${made} m, usable u
  on conflict (drive_id, label, file_id) do update
    set positive = true, created_by = excluded.created_by, created_at = now()
    where not label_examples.positive`;

function assignments({ name, description }: UpdateLabel): SQL {
  return sql.join(
    [
      sql`updated_at = now()`,
      ...(name === undefined ? [] : [sql`name = ${name}`]),
      ...(description === undefined ? [] : [sql`description = ${description}`]),
    ],
    sql`, `,
  );
}

/** Labels of a drive that the user sees, with what they get to see of the examples; goes on with `and`. */
const selectLabels = (userId: string, driveId: string): SQL => sql`
  with ${driveTable(userId, driveId)}, said as materialized (
    select e.label, e.file_id, e.positive, e.created_at
    from ai.label_examples e
      join ${visibleFiles(userId)} visible on visible.file_id = e.file_id
      join storage.file_facts f on f.file_id = e.file_id and f.drive_id = e.drive_id
    where e.drive_id = ${uuid(driveId)} and e.label like 'lbl\\_%'
  )
  select l.id, l.name, l.description, l.created_at, l.updated_at, x.*
  from drive join ai.labels l on l.drive_id = drive.id and drive.rank > 0
    cross join lateral (
      select count(*) filter (where s.positive) as right, count(*) filter (where not s.positive) as wrong,
        to_json((array_agg(s.file_id order by s.created_at desc, s.file_id) filter (where s.positive))[1:${MAX_EXAMPLES}::int]) as examples
      from said s where s.label = ${labelOf(sql`l.id`)}
    ) x
  where true`;

function toLabel(row: Record<string, unknown>): Label {
  const examples: unknown[] = Array.isArray(row.examples) ? row.examples : [];
  return {
    id: uuidToId('lbl', String(row.id)),
    name: String(row.name),
    description: String(row.description),
    examples: examples.map((id) => uuidToId('file', String(id))),
    right: Number(row.right),
    wrong: Number(row.wrong),
    createdAt: isoOf(row.created_at),
    updatedAt: isoOf(row.updated_at),
  };
}
