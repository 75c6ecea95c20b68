import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { type Policy, policySchema } from '../models/policies.ts';
import type { PolicyRepository, SetFrom } from '../ports/policies.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decide, uuid } from './workspace-decisions.ts';

const permission = 'policy:write';
const rowsSchema = z.array(z.object({ policy: policySchema }));
const bindingSchema = z.array(
  z
    .object({ workspace_id: prefixed('wsp').nullable(), policy: policySchema })
    .transform(({ workspace_id: workspaceId, policy }) => ({ workspaceId, policy })),
);
const storedSchema = z
  .object({ policy: policySchema, updated_at: isoDate, updated_by: prefixed('usr').nullable() })
  .transform(({ policy, updated_at: updatedAt, updated_by: updatedBy }) => ({
    policy,
    updatedAt,
    updatedBy,
  }));

export function createPolicyRepository(db: Database): PolicyRepository {
  return {
    async policiesFor(userId) {
      const source =
        userId === null
          ? sql`auth.policies where workspace_id is null`
          : sql`auth.policies_of(${uuid(userId)})`;
      const { rows } = await db.execute(sql`select policy from ${source}`);
      return rowsSchema.parse(rows).map(({ policy }) => policy);
    },

    async bindingPolicies(userId) {
      const { rows } = await db.execute(
        sql`select workspace_id, policy from auth.policies_of(${uuid(userId)}) order by workspace_id nulls first`,
      );
      return bindingSchema.parse(rows);
    },

    async find(workspaceId) {
      const { rows } = await db.execute(sql`
        select policy, updated_at, updated_by from auth.policies where workspace_id is not distinct from ${idOf(workspaceId)}`);
      return rows[0] === undefined ? undefined : storedSchema.parse(rows[0]);
    },

    async setForDeployment({ policy, by, from, audit }) {
      const { rows } = await db.execute(sql`
        with verdict as materialized (select case ${locksOut(policy, from)} else 'done' end as outcome),
          ${put(null, policy, by)} select to_jsonb(put) as put from put`);
      const refused = rows[0] === undefined;
      const reason = refused ? 'would_lock_you_out' : null;
      await appendAudit(db, { ...audit, result: refused ? 'denied' : 'success', reason });
      return refused ? 'would_lock_you_out' : storedSchema.parse(rows[0]?.put);
    },

    async deleteForDeployment(audit) {
      await db.batch([
        db.execute(sql`delete from auth.policies where workspace_id is null`),
        appendAudit(db, audit),
      ]);
    },

    setForWorkspace: ({ policy, from, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [locksOut(policy, from)],
        effects: [put(change.workspaceId, policy, change.actorId)],
        answer: sql`(select to_jsonb(put) from put)`,
        schema: storedSchema,
      }),

    deleteForWorkspace: (change) =>
      decide(db, {
        ...change,
        permission,
        effects: [
          sql`deleted as (
            delete from auth.policies p using verdict
            where verdict.outcome = 'done' and p.workspace_id = ${uuid(change.workspaceId)})`,
        ],
        schema: z.null(),
      }),
  };
}

const idOf = (workspaceId: string | null): SQL =>
  workspaceId === null ? sql`null::uuid` : uuid(workspaceId);

/** By the function that will enforce it. */
function locksOut({ allowedNetworks = [], requireMfa = false }: Policy, from: SetFrom): SQL {
  return sql`when not auth.address_in(${JSON.stringify(allowedNetworks)}::jsonb, ${from.address}::inet)
    or ${requireMfa && !from.hasSecondFactor}::boolean then 'would_lock_you_out'`;
}

/** The constant stands for "no workspace" in the unique index. */
function put(workspaceId: string | null, policy: Policy, by: string): SQL {
  return sql`put as (
    insert into auth.policies (workspace_id, policy, updated_by)
    select ${idOf(workspaceId)}, ${JSON.stringify(policy)}::jsonb, ${uuid(by)} from verdict where outcome = 'done'
    on conflict (coalesce(workspace_id, '00000000-0000-0000-0000-000000000000'::uuid))
    do update set policy = excluded.policy, updated_by = excluded.updated_by, updated_at = now()
    returning policy, updated_at, updated_by)`;
}
