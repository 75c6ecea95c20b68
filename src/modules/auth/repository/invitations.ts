import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { invitations } from '../../../core/database/schema/auth.ts';
import type { Acceptance, InvitationRepository } from '../ports/invitations.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decide, uuid } from './workspace-decisions.ts';

const permission = 'invitations:write';
const columns = {
  id: invitations.id,
  workspaceId: invitations.workspaceId,
  email: invitations.email,
  role: invitations.role,
  invitedBy: invitations.invitedBy,
  createdAt: invitations.createdAt,
  expiresAt: invitations.expiresAt,
};
const createdSchema = z
  .object({
    id: prefixed('inv'),
    workspace_id: prefixed('wsp'),
    email: z.string(),
    role: z.string(),
    invited_by: prefixed('usr'),
    created_at: isoDate,
    expires_at: isoDate,
    workspace_name: z.string(),
    inviter_name: z.string(),
  })
  .transform((row) => ({
    invitation: {
      id: row.id,
      workspaceId: row.workspace_id,
      email: row.email,
      role: row.role,
      invitedBy: row.invited_by,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    },
    workspaceName: row.workspace_name,
    inviterName: row.inviter_name,
  }));

export function createInvitationRepository(db: Database): InvitationRepository {
  return {
    create: ({ invitationId, email, role, tokenHash, expiresAt, ...change }) => {
      const workspace = uuid(change.workspaceId);
      return decide(db, {
        ...change,
        permission,
        roleName: role,
        facts: [
          sql`granted as materialized (select permissions from auth.roles where scope = 'workspace' and name = ${role})`,
        ],
        refusals: [
          sql`when not exists (select from granted) then 'role_not_found'`,
          sql`when not exists (select from granted, actor where granted.permissions <@ actor.permissions)
            then 'permission_denied'`,
          sql`when ${domainRefused(workspace, sql`${email}`)} then 'email_domain_not_allowed'`,
          sql`when exists (select from auth.workspace_members m join auth.users u on u.id = m.user_id
            where m.workspace_id = ${workspace} and lower(u.email) = lower(${email})) then 'already_member'`,
        ],
        effects: [
          sql`replaced as (
            update auth.invitations i set revoked_at = now() from verdict
            where verdict.outcome = 'done' and i.workspace_id = ${workspace} and lower(i.email) = lower(${email})
              and i.accepted_at is null and i.revoked_at is null)`,
          sql`created as (
            insert into auth.invitations (id, workspace_id, email, role, token_hash, invited_by, expires_at)
            select ${uuid(invitationId)}, ${workspace}, ${email}, ${role}, ${tokenHash}, ${uuid(change.actorId)},
              ${expiresAt.toISOString()}::timestamptz
            from verdict where outcome = 'done'
            returning *)`,
        ],
        answer: sql`(select to_jsonb(created) - 'token_hash' || jsonb_build_object('workspace_name', w.name,
            'inviter_name', coalesce(u.name, u.email, 'Somebody'))
          from created join auth.workspaces w on w.id = created.workspace_id
            join auth.users u on u.id = created.invited_by)`,
        schema: createdSchema,
      });
    },

    async list(workspaceId, { cursor, limit }) {
      const rows = await db
        .select(columns)
        .from(invitations)
        .where(
          and(
            eq(invitations.workspaceId, workspaceId),
            isNull(invitations.acceptedAt),
            isNull(invitations.revokedAt),
            gt(invitations.expiresAt, sql`now()`),
            cursor === undefined ? undefined : gt(invitations.id, cursor),
          ),
        )
        .orderBy(asc(invitations.id))
        .limit(limit + 1);
      return rows.map(({ createdAt, expiresAt, ...row }) => ({
        ...row,
        createdAt: createdAt.toISOString(),
        expiresAt: expiresAt.toISOString(),
      }));
    },

    revoke: ({ invitationId, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [
          sql`when not exists (select from auth.invitations where id = ${uuid(invitationId)}
            and workspace_id = ${uuid(change.workspaceId)} and accepted_at is null and revoked_at is null)
            then 'invitation_not_found'`,
        ],
        effects: [
          sql`revoked as (
            update auth.invitations i set revoked_at = now() from verdict
            where verdict.outcome = 'done' and i.id = ${uuid(invitationId)})`,
        ],
        schema: z.null(),
      }),

    accept: (userId, tokenHash, audit) => accept(db, userId, tokenHash, audit),

    async isFor(email, tokenHash) {
      const { rows } = await db.execute(sql`
        with ${live(tokenHash)} select id from live where lower(email) = lower(${email})`);
      return rows.length > 0;
    },

    async deleteOld() {
      await db.execute(sql`delete from auth.invitations where expires_at < now() - interval '30 days'`);
    },
  };
}

/** The policies of the deployment and of the workspace both have to let an address in. */
function domainRefused(workspace: SQL, email: SQL): SQL {
  return sql`exists (select from auth.policies p
    where (p.workspace_id is null or p.workspace_id = ${workspace})
      and jsonb_array_length(coalesce(p.policy->'allowedEmailDomains', '[]')) > 0
      and not jsonb_exists(p.policy->'allowedEmailDomains', split_part(lower(${email}), '@', 2)))`;
}

/** An invitation lives as long as its inviter may invite with this role; with them it goes. */
function live(tokenHash: string): SQL {
  return sql`live as materialized (
    select i.id, i.workspace_id, i.email, i.role
    from auth.invitations i
      join auth.users u on u.id = i.invited_by and u.disabled_at is null and u.deleted_at is null
      cross join lateral auth.workspace_authority(i.invited_by, i.workspace_id) inviter
      join auth.roles r on r.scope = 'workspace' and r.name = i.role and r.permissions <@ inviter.permissions
    where i.token_hash = ${tokenHash} and i.accepted_at is null and i.revoked_at is null and i.expires_at > now()
      and ${permission}::text = any (inviter.permissions)
      and not ${domainRefused(sql`i.workspace_id`, sql`i.email`)})`;
}

const acceptanceSchema = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('done'),
    workspace_id: prefixed('wsp'),
    invitation_id: prefixed('inv'),
    role: z.string(),
  }),
  z.object({ outcome: z.enum(['invalid_token', 'invitation_for_another_address']) }),
]);

/** As in `decide`: the lock first, so that the statement sees whatever happened to the workspace before. */
async function accept(
  db: Database,
  userId: string,
  tokenHash: string,
  audit: Parameters<InvitationRepository['accept']>[2],
): Promise<Acceptance> {
  const { actor, action, address = null, requestId = null } = audit;
  const [, { rows }] = await db.batch([
    db.execute(sql`select w.id from auth.workspaces w join auth.invitations i on i.workspace_id = w.id
      where i.token_hash = ${tokenHash} for no key update of w`),
    db.execute(sql`
      with ${live(tokenHash)}, verdict as materialized (
        select case
          when not exists (select from live) then 'invalid_token'
          when not exists (select from live join auth.users u on lower(u.email) = lower(live.email)
            where u.id = ${uuid(userId)} and u.email_verified_at is not null and u.disabled_at is null
              and u.deleted_at is null) then 'invitation_for_another_address'
          else 'done' end as outcome
      ), accepted as (
        update auth.invitations i set accepted_at = now() from verdict, live
        where verdict.outcome = 'done' and i.id = live.id
      ), joined as (
        insert into auth.workspace_members (workspace_id, user_id, role)
        select live.workspace_id, ${uuid(userId)}, live.role from verdict, live where verdict.outcome = 'done'
        on conflict do nothing
        returning role
      ), audited as (
        insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, workspace_id,
          result, reason, address, request_id, details)
        select ${actor.kind}, ${actor.id ?? null}, ${actor.credentialId ?? null}, ${action}, 'invitation',
          'inv_' || replace(live.id::text, '-', ''), 'wsp_' || replace(live.workspace_id::text, '-', ''),
          case when outcome = 'done' then 'success' else 'denied' end, nullif(outcome, 'done'), ${address}, ${requestId},
          jsonb_build_object('role', live.role)
        from verdict, live
      )
      select outcome, live.workspace_id, live.id as invitation_id,
        coalesce((select role from joined), (select m.role from auth.workspace_members m
          where m.workspace_id = live.workspace_id and m.user_id = ${uuid(userId)})) as role
      from verdict left join live on true`),
  ]);
  const acceptance = acceptanceSchema.parse(rows[0]);
  if (acceptance.outcome !== 'done') return acceptance;
  const { workspace_id: workspaceId, invitation_id: invitationId, role } = acceptance;
  return { outcome: 'done', workspaceId, invitationId, role };
}
