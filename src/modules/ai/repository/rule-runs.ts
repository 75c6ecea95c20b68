import { sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { actionSchema, type RuleRun, ruleRunSchema } from '../models/rules.ts';
import type { DueRun, RuleRunRepository } from '../ports/rules.ts';
import { isoOf, uuid } from './drive-access.ts';

/** While a run is pending, `updated_at` says before when nobody else tries it. */
export function createRuleRunRepository(db: Database): RuleRunRepository {
  return {
    async claim(limit, leaseSeconds) {
      const { rows } = await db.execute(sql`
        with due as (
          select run.rule_id, run.version_id from ai.rule_runs run
          where run.state = 'pending' and run.updated_at <= now()
          order by run.updated_at limit ${limit} for update skip locked
        ), taken as (
          update ai.rule_runs run set updated_at = now() + ${leaseSeconds} * interval '1 second'
          from due where run.rule_id = due.rule_id and run.version_id = due.version_id
          returning run.rule_id, run.version_id
        )
        select taken.rule_id, taken.version_id, v.file_id, r.drive_id, r.created_by, r.action,
          exists (select from auth.principals(array[r.drive_id]) p where p.kind = 'workspace') as is_workspace,
          r.enabled and exists (select from ai.categories_of(taken.version_id, v.file_id) c
            where c.label = r.label and c.score >= r.min_score) as holds
        from taken join ai.rules r on r.id = taken.rule_id join ai.analyses v on v.version_id = taken.version_id`);
      return rows.map(toDueRun);
    },

    async settle({ ruleId, versionId }, { state, reason }) {
      await db.execute(sql`
        update ai.rule_runs run set state = ${state}, reason = ${reason}, updated_at = now()
        where run.rule_id = ${uuid(ruleId)} and run.version_id = ${uuid(versionId)} and run.state = 'pending'`);
    },
  };
}

function toDueRun(row: Record<string, unknown>): DueRun {
  return {
    ruleId: uuidToId('rul', String(row.rule_id)),
    versionId: uuidToId('ver', String(row.version_id)),
    fileId: uuidToId('file', String(row.file_id)),
    driveId: uuidToId(row.is_workspace === true ? 'wsp' : 'usr', String(row.drive_id)),
    actorId: uuidToId('usr', String(row.created_by)),
    action: actionSchema.parse(row.action),
    holds: row.holds === true,
  };
}

export function toRuleRun(row: Record<string, unknown>): RuleRun {
  return ruleRunSchema.parse({
    fileId: uuidToId('file', String(row.file_id)),
    versionId: uuidToId('ver', String(row.version_id)),
    state: row.state,
    reason: row.reason,
    finishedAt: row.state === 'pending' ? null : isoOf(row.updated_at),
  });
}
