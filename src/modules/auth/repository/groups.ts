import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { groupMembers, groups, users, workspaceMembers } from '../../../core/database/schema/auth.ts';
import type { GroupRepository } from '../ports/groups.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { decide, uuid } from './workspace-decisions.ts';

const permission = 'groups:write';
const rowSchema = z
  .object({ id: prefixed('grp'), workspace_id: prefixed('wsp'), name: z.string(), created_at: isoDate })
  .transform(({ id, workspace_id: workspaceId, name, created_at: createdAt }) => ({
    id,
    workspaceId,
    name,
    createdAt,
  }));

export function createGroupRepository(db: Database): GroupRepository {
  return {
    ...reads(db),

    create: ({ groupId, name, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [nameTaken(change.workspaceId, groupId, name)],
        effects: [
          sql`created as (
            insert into auth.groups (id, workspace_id, name)
            select ${uuid(groupId)}, ${uuid(change.workspaceId)}, ${name} from verdict where outcome = 'done'
            returning id, workspace_id, name, created_at)`,
        ],
        answer: sql`(select to_jsonb(created) from created)`,
        schema: rowSchema,
      }),

    rename: ({ groupId, name, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [noGroup(change.workspaceId, groupId), nameTaken(change.workspaceId, groupId, name)],
        effects: [
          sql`renamed as (
            update auth.groups g set name = ${name} from verdict
            where verdict.outcome = 'done' and g.id = ${uuid(groupId)}
            returning g.id, g.workspace_id, g.name, g.created_at)`,
        ],
        answer: sql`(select to_jsonb(renamed) from renamed)`,
        schema: rowSchema,
      }),

    delete: ({ groupId, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [noGroup(change.workspaceId, groupId)],
        effects: [
          sql`deleted as (
            delete from auth.groups g using verdict where verdict.outcome = 'done' and g.id = ${uuid(groupId)})`,
        ],
        schema: z.null(),
      }),

    addMember: ({ groupId, userId, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [
          noGroup(change.workspaceId, groupId),
          sql`when not exists (select from auth.workspace_members
            where workspace_id = ${uuid(change.workspaceId)} and user_id = ${uuid(userId)}) then 'member_not_found'`,
        ],
        effects: [
          sql`added as (
            insert into auth.group_members (group_id, user_id)
            select ${uuid(groupId)}, ${uuid(userId)} from verdict where outcome = 'done'
            on conflict do nothing)`,
        ],
        schema: z.null(),
      }),

    removeMember: ({ groupId, userId, ...change }) =>
      decide(db, {
        ...change,
        permission,
        refusals: [
          noGroup(change.workspaceId, groupId),
          sql`when not exists (select from auth.group_members
            where group_id = ${uuid(groupId)} and user_id = ${uuid(userId)}) then 'member_not_found'`,
        ],
        effects: [
          sql`removed as (
            delete from auth.group_members gm using verdict
            where verdict.outcome = 'done' and gm.group_id = ${uuid(groupId)} and gm.user_id = ${uuid(userId)})`,
        ],
        schema: z.null(),
      }),
  };
}

function reads(db: Database): Pick<GroupRepository, 'list' | 'find' | 'listMembers'> {
  return {
    async list(workspaceId, { cursor, limit }) {
      const after = cursor === undefined ? undefined : gt(groups.id, cursor);
      const rows = await db
        .select()
        .from(groups)
        .where(and(eq(groups.workspaceId, workspaceId), after))
        .orderBy(asc(groups.id))
        .limit(limit + 1);
      return rows.map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }));
    },

    async find(workspaceId, groupId) {
      const [row] = await db
        .select()
        .from(groups)
        .where(and(eq(groups.workspaceId, workspaceId), eq(groups.id, groupId)));
      return row && { ...row, createdAt: row.createdAt.toISOString() };
    },

    async listMembers(workspaceId, groupId, { cursor, limit }) {
      const rows = await db
        .select({ userId: groupMembers.userId, name: users.name, addedAt: groupMembers.createdAt })
        .from(groupMembers)
        .innerJoin(groups, and(eq(groups.id, groupMembers.groupId), eq(groups.workspaceId, workspaceId)))
        .innerJoin(users, eq(users.id, groupMembers.userId))
        .innerJoin(
          workspaceMembers,
          and(
            eq(workspaceMembers.workspaceId, workspaceId),
            eq(workspaceMembers.userId, groupMembers.userId),
          ),
        )
        .where(
          and(
            eq(groupMembers.groupId, groupId),
            cursor === undefined ? undefined : gt(groupMembers.userId, cursor),
          ),
        )
        .orderBy(asc(groupMembers.userId))
        .limit(limit + 1);
      return rows.map((row) => ({ ...row, addedAt: row.addedAt.toISOString() }));
    },
  };
}

function noGroup(workspaceId: string, groupId: string): SQL {
  return sql`when not exists (select from auth.groups
    where id = ${uuid(groupId)} and workspace_id = ${uuid(workspaceId)}) then 'group_not_found'`;
}

function nameTaken(workspaceId: string, groupId: string, name: string): SQL {
  return sql`when exists (select from auth.groups where workspace_id = ${uuid(workspaceId)}
    and lower(name) = lower(${name}) and id <> ${uuid(groupId)}) then 'group_name_taken'`;
}
