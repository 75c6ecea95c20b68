import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { rankOn } from '../../../core/database/schema/published.ts';
import type { Category } from '../models/labels.ts';
import type { CorrectionRepository } from '../ports/labels.ts';
import { labelIsThere, refusalOf, uuid } from './drive-access.ts';

const EDITOR = 3;
const REFUSALS = ['file_not_found', 'not_a_file', 'role_required', 'label_not_found'] as const;

export function createCorrectionRepository(db: Database): CorrectionRepository {
  return {
    async categories(userId, fileId) {
      const [rank, found] = await db.batch([
        db.execute(sql`${there(userId, fileId)} select there.rank, there.version_id from there`),
        db.execute(selectCategories(userId, fileId)),
      ]);
      const [row] = rank.rows;
      if (row === undefined || row.rank === null) return undefined;
      return row.version_id === null ? 'not_a_file' : found.rows.map(toCategory);
    },

    async correct(userId, fileId, label, correct) {
      const rules = sql`select ai.ask_rules(f.version_id) from storage.file_facts f
        where f.file_id = ${uuid(fileId)} and ${rankOn(userId, uuid(fileId))} >= ${EDITOR}`;
      const [verdict, , found] = await db.batch([
        db.execute(statement(userId, fileId, label, correct)),
        db.execute(correct === true ? rules : sql`select`),
        db.execute(selectCategories(userId, fileId)),
      ]);
      return refusalOf(verdict.rows[0], REFUSALS) ?? { categories: found.rows.map(toCategory) };
    },
  };
}

/** One row: the rank of the user, and of a file its drive and current version. */
const there = (userId: string, fileId: string): SQL => sql`
  with there as materialized (
    select r.rank, f.drive_id, f.version_id
    from (select ${rankOn(userId, uuid(fileId))} as rank) r
      left join storage.file_facts f on f.file_id = ${uuid(fileId)}
  )`;

function statement(userId: string, fileId: string, label: string, correct: boolean | null): SQL {
  // What was said of a label that is gone can still be forgotten.
  const labelGone = correct === null ? sql`false` : sql`not ${labelIsThere(label, sql`there.drive_id`)}`;
  const effect =
    correct === null
      ? sql`delete from ai.label_examples e using verdict
          where verdict.refused is null and e.drive_id = verdict.drive_id and e.label = ${label} and e.file_id = ${uuid(fileId)}`
      : sql`insert into ai.label_examples (drive_id, label, file_id, positive, created_by)
          select verdict.drive_id, ${label}, ${uuid(fileId)}, ${correct}::boolean, ${uuid(userId)}
          from verdict where verdict.refused is null
          on conflict (drive_id, label, file_id) do update
            set positive = excluded.positive, created_by = excluded.created_by, created_at = now()`;
  return sql`
    ${there(userId, fileId)}, verdict as materialized (
      select there.rank, there.drive_id, case
        when there.rank is null then 'file_not_found'
        when there.version_id is null then 'not_a_file'
        when there.rank < ${EDITOR} then 'role_required'
        when ${labelGone} then 'label_not_found' end as refused
      from there
    ), said as (${effect})
    select refused, rank from verdict`;
}

const selectCategories = (userId: string, fileId: string): SQL => sql`
  ${there(userId, fileId)}
  select c.label, c.name, c.score, c.corrected
  from there cross join lateral ai.categories_of(there.version_id, ${uuid(fileId)}) c
  where there.rank is not null
  order by c.score desc, c.label`;

function toCategory(row: Record<string, unknown>): Category {
  return {
    label: String(row.label),
    name: String(row.name),
    score: Number(row.score),
    corrected: row.corrected === true,
  };
}
