import { and, asc, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { users, workspaceMembers } from '../../../core/database/schema/auth.ts';
import { MAX_SERVICE_ACCOUNTS, type ServiceAccount } from '../models/service-accounts.ts';
import type { ServiceAccountRepository } from '../ports/service-accounts.ts';
import { isoDate, prefixed } from './json-rows.ts';
import { noServiceAccount, serviceAccount } from './key-decisions.ts';
import { decide, uuid } from './workspace-decisions.ts';

const rowSchema = z
  .object({
    id: prefixed('usr'),
    name: z.string().nullable(),
    role: z.string().nullable(),
    disabled: z.boolean(),
    created_by: prefixed('usr').nullable(),
    created_at: isoDate,
  })
  .transform(({ created_by: createdBy, created_at: createdAt, ...row }) => ({
    ...row,
    createdBy,
    createdAt,
  }));

export function createServiceAccountRepository(db: Database): ServiceAccountRepository {
  const select = (workspaceId: string, further: SQL | undefined) =>
    db
      .select({
        id: users.id,
        name: users.name,
        role: workspaceMembers.role,
        disabledAt: users.disabledAt,
        createdBy: users.createdBy,
        createdAt: users.createdAt,
      })
      .from(users)
      .leftJoin(
        workspaceMembers,
        and(eq(workspaceMembers.userId, users.id), eq(workspaceMembers.workspaceId, workspaceId)),
      )
      .where(
        and(eq(users.workspaceId, workspaceId), eq(users.kind, 'service'), isNull(users.deletedAt), further),
      );

  return {
    create: ({ accountId, name, role, ...change }) => {
      const workspace = uuid(change.workspaceId);
      return decide(db, {
        ...change,
        permission: 'service-accounts:write',
        roleName: role,
        facts: [
          sql`granted as materialized (select permissions from auth.roles where scope = 'workspace' and name = ${role})`,
          sql`existing as materialized (select count(*) as accounts from auth.users
            where workspace_id = ${workspace} and kind = 'service' and deleted_at is null)`,
        ],
        refusals: [
          sql`when not exists (select from granted) then 'role_not_found'`,
          sql`when not exists (select from granted, actor where granted.permissions <@ actor.permissions)
            then 'permission_denied'`,
          sql`when (select accounts from existing) >= ${MAX_SERVICE_ACCOUNTS} then 'too_many_service_accounts'`,
        ],
        effects: [
          sql`created as (
            insert into auth.users (id, kind, name, role, workspace_id, created_by)
            select ${uuid(accountId)}, 'service', ${name}, 'service', ${workspace}, ${uuid(change.actorId)}
            from verdict where outcome = 'done'
            returning id, name, created_by, created_at)`,
          sql`joined as (
            insert into auth.workspace_members (workspace_id, user_id, role)
            select ${workspace}, id, ${role} from created)`,
        ],
        answer: sql`(select to_jsonb(created) || jsonb_build_object('role', ${role}::text, 'disabled', false)
          from created)`,
        schema: rowSchema,
      });
    },

    async list(workspaceId, { cursor, limit }) {
      const rows = await select(workspaceId, cursor === undefined ? undefined : gt(users.id, cursor))
        .orderBy(asc(users.id))
        .limit(limit + 1);
      return rows.map(toServiceAccount);
    },

    async find(workspaceId, accountId) {
      const [row] = await select(workspaceId, eq(users.id, accountId));
      return row && toServiceAccount(row);
    },

    update: ({ accountId, name = null, disabled = null, ...change }) =>
      decide(db, {
        ...change,
        permission: 'service-accounts:write',
        facts: [serviceAccount(change.workspaceId, accountId)],
        refusals: [noServiceAccount],
        effects: [
          sql`updated as (
            update auth.users u set updated_at = now(), name = coalesce(${name}::text, u.name),
              disabled_at = case ${disabled}::boolean
                when true then coalesce(u.disabled_at, now()) when false then null else u.disabled_at end
            from verdict, account where verdict.outcome = 'done' and u.id = account.id
            returning u.id, u.name, u.disabled_at is not null as disabled, u.created_by, u.created_at)`,
        ],
        answer: sql`(select to_jsonb(updated) || jsonb_build_object('role', (select m.role
          from auth.workspace_members m
          where m.user_id = updated.id and m.workspace_id = ${uuid(change.workspaceId)})) from updated)`,
        schema: rowSchema,
      }),

    remove: ({ accountId, ...change }) => {
      const from = sql`verdict, account where verdict.outcome = 'done'`;
      return decide(db, {
        ...change,
        permission: 'service-accounts:write',
        facts: [serviceAccount(change.workspaceId, accountId)],
        refusals: [noServiceAccount],
        effects: [
          sql`deleted as (update auth.users u set deleted_at = now(), updated_at = now() from ${from} and u.id = account.id)`,
          sql`revoked as (update auth.api_keys k set revoked_at = now() from ${from}
            and k.user_id = account.id and k.revoked_at is null)`,
          sql`ungrouped as (delete from auth.group_members g using ${from} and g.user_id = account.id)`,
          sql`left_members as (delete from auth.workspace_members m using ${from} and m.user_id = account.id)`,
        ],
        schema: z.null(),
      });
    },
  };
}

function toServiceAccount({
  disabledAt,
  createdAt,
  ...row
}: Omit<ServiceAccount, 'disabled' | 'createdAt'> & {
  disabledAt: Date | null;
  createdAt: Date;
}): ServiceAccount {
  return { ...row, disabled: disabledAt !== null, createdAt: createdAt.toISOString() };
}
