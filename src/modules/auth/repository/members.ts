import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { users, workspaceMembers } from '../../../core/database/schema/auth.ts';
import type { MemberRepository } from '../ports/members.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decide, uuid } from './workspace-decisions.ts';

const rowSchema = z
  .object({
    user_id: prefixed('usr'),
    kind: z.enum(['person', 'service']),
    name: z.string().nullable(),
    email: z.string().nullable(),
    role: z.string(),
    created_at: isoDate,
  })
  .transform(({ user_id: userId, created_at: joinedAt, ...row }) => ({ ...row, userId, joinedAt }));

export function createMemberRepository(db: Database): MemberRepository {
  return {
    async list(workspaceId, { cursor, limit }) {
      const rows = await db
        .select({
          userId: workspaceMembers.userId,
          kind: users.kind,
          name: users.name,
          email: users.email,
          role: workspaceMembers.role,
          joinedAt: workspaceMembers.createdAt,
        })
        .from(workspaceMembers)
        .innerJoin(users, eq(users.id, workspaceMembers.userId))
        .where(
          and(
            eq(workspaceMembers.workspaceId, workspaceId),
            cursor === undefined ? undefined : gt(workspaceMembers.userId, cursor),
          ),
        )
        .orderBy(asc(workspaceMembers.userId))
        .limit(limit + 1);
      return rows.map(({ joinedAt, ...row }) => ({ ...row, joinedAt: joinedAt.toISOString() }));
    },

    setRole: ({ userId, role, ...change }) =>
      decide(db, {
        ...change,
        permission: 'members:write',
        roleName: role,
        facts: [
          ...factsAbout(change.workspaceId, userId),
          sql`granted as materialized (select permissions from auth.roles where scope = 'workspace' and name = ${role})`,
        ],
        refusals: [
          ...refusalsToTouch,
          sql`when not exists (select from granted) then 'role_not_found'`,
          sql`when ${role} = 'owner' and not exists (select from actor, target
            where actor.role = 'owner' and target.kind = 'person') then 'permission_denied'`,
          // No program runs a workspace (models/service-accounts.ts).
          sql`when ${role} in ('owner', 'admin') and exists (select from target where kind = 'service')
            then 'permission_denied'`,
          sql`when not exists (select from granted, actor where granted.permissions <@ actor.permissions)
            then 'permission_denied'`,
          sql`when ${role} <> 'owner' and ${isLastOwner} then 'last_owner'`,
        ],
        effects: [
          sql`changed as (
            update auth.workspace_members m set role = ${role} from verdict, target
            where verdict.outcome = 'done' and m.workspace_id = ${uuid(change.workspaceId)}
              and m.user_id = ${uuid(userId)}
            returning m.user_id, target.kind, target.name, target.email, m.role, m.created_at)`,
        ],
        answer: sql`(select to_jsonb(changed) from changed)`,
        schema: rowSchema,
      }),

    remove: ({ userId, ...change }) =>
      decide(db, {
        ...change,
        permission: 'members:write',
        facts: factsAbout(change.workspaceId, userId),
        refusals: [...refusalsToTouch, sql`when ${isLastOwner} then 'last_owner'`],
        effects: removal(change.workspaceId, userId),
        schema: z.null(),
      }),

    leave: (change) =>
      decide(db, {
        ...change,
        facts: factsAbout(change.workspaceId, change.actorId),
        refusals: [sql`when ${isLastOwner} then 'last_owner'`],
        effects: removal(change.workspaceId, change.actorId),
        schema: z.null(),
      }),

    transfer: ({ userId, ...change }) =>
      decide(db, {
        ...change,
        permission: 'ownership:transfer',
        facts: factsAbout(change.workspaceId, userId),
        refusals: [
          sql`when not exists (select from target where kind = 'person' and active) then 'member_not_found'`,
        ],
        effects: [
          sql`transferred as (
            update auth.workspace_members m
            set role = case when m.user_id = ${uuid(userId)} then 'owner' else 'admin' end
            from verdict
            where verdict.outcome = 'done' and m.workspace_id = ${uuid(change.workspaceId)}
              and m.user_id in (${uuid(userId)}, ${uuid(change.actorId)}))`,
        ],
        schema: z.null(),
      }),
  };
}

/** The member concerned, and the owners that there are besides; one who is disabled could not run the workspace. */
function factsAbout(workspaceId: string, userId: string): SQL[] {
  return [
    sql`target as materialized (
      select m.role, coalesce(r.permissions, '{}') as permissions, u.kind, u.name, u.email,
        u.disabled_at is null and u.deleted_at is null as active
      from auth.workspace_members m
        join auth.users u on u.id = m.user_id
        left join auth.roles r on r.scope = 'workspace' and r.name = m.role
      where m.workspace_id = ${uuid(workspaceId)} and m.user_id = ${uuid(userId)})`,
    sql`other_owners as materialized (
      select m.user_id from auth.workspace_members m
        join auth.users u on u.id = m.user_id and u.kind = 'person' and u.disabled_at is null and u.deleted_at is null
      where m.workspace_id = ${uuid(workspaceId)} and m.role = 'owner' and m.user_id <> ${uuid(userId)})`,
  ];
}

/** Nobody changes or removes a member who may more than they do; owners are for owners. */
const refusalsToTouch = [
  sql`when not exists (select from target) then 'member_not_found'`,
  sql`when not exists (select from target, actor where target.permissions <@ actor.permissions
    and (target.role <> 'owner' or actor.role = 'owner')) then 'permission_denied'`,
];

const isLastOwner = sql`exists (select from target where role = 'owner') and not exists (select from other_owners)`;

function removal(workspaceId: string, userId: string): SQL[] {
  const workspace = uuid(workspaceId);
  const user = uuid(userId);
  return [
    sql`removed as (
      delete from auth.workspace_members m using verdict
      where verdict.outcome = 'done' and m.workspace_id = ${workspace} and m.user_id = ${user})`,
    sql`ungrouped as (
      delete from auth.group_members gm using verdict, auth.groups g
      where verdict.outcome = 'done' and g.id = gm.group_id and g.workspace_id = ${workspace} and gm.user_id = ${user})`,
    sql`uninvited as (
      update auth.invitations i set revoked_at = now() from verdict
      where verdict.outcome = 'done' and i.workspace_id = ${workspace} and i.invited_by = ${user}
        and i.accepted_at is null and i.revoked_at is null)`,
  ];
}
