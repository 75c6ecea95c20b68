import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import type { WorkspacePermission } from '../../../core/security/permissions.ts';
import type { Decided, WorkspaceChange, WorkspaceRefusal } from '../ports/workspace-decisions.ts';

export const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;

export interface Decision<Value> extends WorkspaceChange {
  /** What the actor needs in the workspace; absent: to be a member. */
  readonly permission?: WorkspacePermission;
  /** Held until the end, so that nobody deletes it while it is given away. */
  readonly roleName?: string;
  /** `name as (…)`, read by refusals and effects. `actor` is there already: role and permissions of the actor. */
  readonly facts?: readonly SQL[];
  /** `when … then '<refusal>'`, in order. */
  readonly refusals?: readonly SQL[];
  /** `name as (…)` with the changes, each `where verdict.outcome = 'done'`. */
  readonly effects: readonly SQL[];
  /** A JSON expression over the effects. */
  readonly answer?: SQL;
  readonly schema: z.ZodType<Value>;
}

const verdictSchema = z.object({ outcome: z.string(), value: z.unknown() });

/**
 * Decides about a change of a workspace and makes it, with its audit entry, in one transaction of two statements. The
 * first one waits until nobody else changes this workspace, so that the second one's snapshot is the latest there is:
 * of two owners who leave at once, the second finds itself the last.
 */
export async function decide<Value>(db: Database, decision: Decision<Value>): Promise<Decided<Value>> {
  const workspace = uuid(decision.workspaceId);
  const held = decision.roleName
    ? sql`, (select count(*) from (select from auth.roles
        where scope = 'workspace' and name = ${decision.roleName} for share) held)`
    : sql``;
  const [, { rows }] = await db.batch([
    db.execute(sql`select id ${held} from auth.workspaces where id = ${workspace} for no key update`),
    db.execute(statementOf(decision, workspace)),
  ]);
  const { outcome, value } = verdictSchema.parse(rows[0]);
  if (outcome !== 'done') return { refusal: refusalSchema.parse(outcome) };
  return { refusal: null, value: decision.schema.parse(value) };
}

function statementOf(decision: Decision<unknown>, workspace: SQL): SQL {
  const { actorId, permission, facts = [], refusals = [], effects, answer = sql`null` } = decision;
  const lacking = permission
    ? sql`when not exists (select from actor where ${permission}::text = any (permissions)) then 'permission_denied'`
    : sql``;
  const parts = [
    sql`actor as materialized (
      select role, permissions from auth.workspace_authority(${uuid(actorId)}, ${workspace}))`,
    ...facts,
    sql`verdict as materialized (
      select case when not exists (select from actor) then 'workspace_not_found'
        ${lacking} ${sql.join([...refusals], sql` `)} else 'done' end as outcome)`,
    ...effects,
    auditOf(decision),
  ];
  return sql`with ${sql.join(parts, sql`, `)} select outcome, ${answer} as value from verdict`;
}

/** Somebody who is not a member learns and leaves nothing. */
function auditOf({ audit, workspaceId }: WorkspaceChange): SQL {
  const { actor, action, object, address = null, requestId = null, details = {} } = audit;
  return sql`audited as (
    insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, workspace_id,
      result, reason, address, request_id, details)
    select ${actor.kind}, ${actor.id ?? null}, ${actor.credentialId ?? null}, ${action}, ${object?.kind ?? null},
      ${object?.id ?? null}, ${workspaceId}, case when outcome = 'done' then 'success' else 'denied' end,
      nullif(outcome, 'done'), ${address}, ${requestId}, ${JSON.stringify(details)}::jsonb
    from verdict where outcome <> 'workspace_not_found')`;
}

export const refusalSchema: z.ZodType<WorkspaceRefusal> = z.enum([
  'workspace_not_found',
  'permission_denied',
  'member_not_found',
  'group_not_found',
  'invitation_not_found',
  'role_not_found',
  'last_owner',
  'group_name_taken',
  'already_member',
  'email_domain_not_allowed',
  'would_lock_you_out',
  'service_account_not_found',
  'too_many_service_accounts',
  'api_key_not_found',
  'api_key_not_live',
  'too_many_api_keys',
]);
