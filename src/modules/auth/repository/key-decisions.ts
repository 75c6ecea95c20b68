import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import type { KeyChange } from '../ports/api-keys.ts';
import type { Decided } from '../ports/workspace-decisions.ts';
import { type Decision, decide, refusalSchema, uuid } from './workspace-decisions.ts';

type KeyDecision<Value> = Pick<Decision<Value>, 'effects' | 'schema' | 'answer'> & {
  readonly facts: readonly SQL[];
  readonly refusals: readonly SQL[];
};

/**
 * Decides about a key and changes it, with its audit entry, in one transaction: of a service account as every change
 * of its workspace; of a person behind a lock on the person, so that of two changes at once the second sees the first.
 */
export async function decideKey<Value>(
  db: Database,
  { holder, actorId, audit }: KeyChange,
  decision: KeyDecision<Value>,
): Promise<Decided<Value>> {
  const { userId, workspaceId } = holder;
  if (workspaceId !== undefined) {
    return decide(db, {
      ...decision,
      workspaceId,
      actorId,
      audit,
      permission: 'service-accounts:write',
      facts: [serviceAccount(workspaceId, userId), ...decision.facts],
      refusals: [noServiceAccount, ...decision.refusals],
    });
  }
  const { facts, refusals, effects, answer = sql`null`, schema } = decision;
  const parts = [
    ...facts,
    sql`verdict as materialized (select case ${sql.join([...refusals], sql` `)} else 'done' end as outcome)`,
    ...effects,
    sql`audited as (${auditRows({ ...audit, result: 'success' }, sql`from verdict where outcome = 'done'`)})`,
  ];
  const [, { rows }] = await db.batch([
    db.execute(sql`select id from auth.users where id = ${uuid(userId)} for no key update`),
    db.execute(sql`with ${sql.join(parts, sql`, `)} select outcome, ${answer} as value from verdict`),
  ]);
  const { outcome, value } = verdictSchema.parse(rows[0]);
  if (outcome !== 'done') return { refusal: refusalSchema.parse(outcome) };
  return { refusal: null, value: schema.parse(value) };
}

const verdictSchema = z.object({ outcome: z.string(), value: z.unknown() });

/** A fact: the service account, if it is one of the workspace, and what its role permits. */
export function serviceAccount(workspaceId: string, accountId: string): SQL {
  return sql`account as materialized (
    select u.id, coalesce(r.permissions, '{}') as permissions
    from auth.users u left join auth.roles r on r.scope = 'deployment' and r.name = u.role
    where u.id = ${uuid(accountId)} and u.workspace_id = ${uuid(workspaceId)} and u.kind = 'service'
      and u.deleted_at is null)`;
}

export const noServiceAccount = sql`when not exists (select from account) then 'service_account_not_found'`;
