import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { rankOn } from '../../../core/database/schema/published.ts';
import { actionSchema, MAX_RULES, type Rule, type UpdateRule } from '../models/rules.ts';
import type { RuleRefusal, RuleRepository } from '../ports/rules.ts';
import {
  driveTable,
  isoOf,
  labelIsThere,
  lockDrive,
  MANAGES,
  refusalOf,
  selectRank,
  uuid,
} from './drive-access.ts';
import { toRuleRun } from './rule-runs.ts';

export function createRuleRepository(db: Database): RuleRepository {
  return {
    async list(userId, driveId, after, limit) {
      const beyond = after === null ? sql`true` : sql`r.id > ${uuid(after)}`;
      const [rank, found] = await db.batch([
        db.execute(selectRank(userId, driveId)),
        db.execute(sql`${selectRules(userId, driveId)} and ${beyond} order by r.id limit ${limit}`),
      ]);
      return { rank: Number(rank.rows[0]?.rank ?? 0), items: found.rows.map(toRule) };
    },

    create: (userId, driveId, { id, label, minScore, action, enabled }, audit) =>
      write(
        db,
        userId,
        driveId,
        id,
        sql`
        with ${driveTable(userId, driveId)}, verdict as (
          select drive.rank, case ${MANAGES} ${noLabel(label)}
            when (select count(*) from ai.rules r where r.drive_id = drive.id) >= ${MAX_RULES} then 'too_many_rules'
            end as refused
          from drive
        ), made as (
          insert into ai.rules (id, drive_id, label, min_score, action, enabled, created_by)
          select ${uuid(id)}, ${uuid(driveId)}, ${label}, ${minScore}::real, ${JSON.stringify(action)}::jsonb,
            ${enabled}::boolean, ${uuid(userId)}
          from verdict where refused is null returning id
        ), audited as (${auditRows(audit, sql`from made`)})
        select * from verdict`,
      ),

    update: (userId, driveId, id, change, audit) =>
      write(
        db,
        userId,
        driveId,
        id,
        sql`
        with ${driveTable(userId, driveId)}, ${verdictOn(driveId, id, change.label)}, made as (
          update ai.rules r set ${assignments(change)}, created_by = ${uuid(userId)} from verdict
          where verdict.refused is null and r.id = ${uuid(id)} returning r.id
        ), audited as (${auditRows(audit, sql`from made`)})
        select * from verdict`,
      ),

    async delete(userId, driveId, id, audit) {
      const { rows } = await db.execute(sql`
        with ${driveTable(userId, driveId)}, ${verdictOn(driveId, id, undefined)}, gone as (
          delete from ai.rules r using verdict where verdict.refused is null and r.id = ${uuid(id)} returning r.id
        ), audited as (${auditRows(audit, sql`from gone`)})
        select * from verdict`);
      return refusalOf(rows[0], REFUSALS) ?? { id };
    },

    async runs(userId, driveId, id, before, limit) {
      const beyond = before === null ? sql`true` : sql`run.version_id < ${uuid(before)}`;
      const [rank, rule, found] = await db.batch([
        db.execute(selectRank(userId, driveId)),
        db.execute(sql`${selectRules(userId, driveId)} and r.id = ${uuid(id)}`),
        db.execute(sql`
          select run.version_id, v.file_id, run.state, run.reason, run.updated_at
          from ai.rule_runs run
            join ai.rules r on r.id = run.rule_id and r.drive_id = ${uuid(driveId)}
            join ai.analyses v on v.version_id = run.version_id
          where run.rule_id = ${uuid(id)} and ${beyond} and ${rankOn(userId, sql`v.file_id`)} is not null
          order by run.version_id desc limit ${limit}`),
      ]);
      const seen = Number(rank.rows[0]?.rank ?? 0);
      if (seen > 0 && rule.rows.length === 0) return undefined;
      return { rank: seen, items: found.rows.map(toRuleRun) };
    },
  };
}

const REFUSALS = [
  'drive_not_found',
  'role_required',
  'rule_not_found',
  'label_not_found',
  'too_many_rules',
] as const;

async function write(
  db: Database,
  userId: string,
  driveId: string,
  id: string,
  statement: SQL,
): Promise<Rule | RuleRefusal> {
  const [, verdict, found] = await db.batch([
    db.execute(lockDrive(driveId)),
    db.execute(statement),
    db.execute(sql`${selectRules(userId, driveId)} and r.id = ${uuid(id)}`),
  ]);
  const rule = found.rows.map(toRule)[0];
  return refusalOf(verdict.rows[0], REFUSALS) ?? rule ?? { refused: 'rule_not_found', rank: 0 };
}

const noLabel = (label: string): SQL =>
  sql`when not ${labelIsThere(label, sql`drive.id`)} then 'label_not_found'`;

const verdictOn = (driveId: string, id: string, label: string | undefined): SQL => sql`
  verdict as (
    select drive.rank, case ${MANAGES}
      when not exists (select from ai.rules r where r.id = ${uuid(id)} and r.drive_id = ${uuid(driveId)})
      then 'rule_not_found' ${label === undefined ? sql`` : noLabel(label)} end as refused
    from drive
  )`;

function assignments({ label, minScore, action, enabled }: UpdateRule): SQL {
  return sql.join(
    [
      ...(label === undefined ? [] : [sql`label = ${label}`]),
      ...(minScore === undefined ? [] : [sql`min_score = ${minScore}::real`]),
      ...(action === undefined ? [] : [sql`action = ${JSON.stringify(action)}::jsonb`]),
      ...(enabled === undefined ? [] : [sql`enabled = ${enabled}::boolean`]),
    ],
    sql`, `,
  );
}

/** Goes on with `and`. */
const selectRules = (userId: string, driveId: string): SQL => sql`
  with ${driveTable(userId, driveId)}
  select r.* from drive join ai.rules r on r.drive_id = drive.id where drive.rank > 0`;

function toRule(row: Record<string, unknown>): Rule {
  return {
    id: uuidToId('rul', String(row.id)),
    label: String(row.label),
    minScore: Number(row.min_score),
    action: actionSchema.parse(row.action),
    enabled: row.enabled === true,
    createdBy: uuidToId('usr', String(row.created_by)),
    createdAt: isoOf(row.created_at),
  };
}
