import { asc, eq, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { roles } from '../../../core/database/schema/auth.ts';
import { ROLE_SCOPES } from '../models/roles.ts';
import type { RoleRepository } from '../ports/roles.ts';
import { isoDate } from './json-rows.ts';

const order = [asc(roles.scope), asc(roles.name)];
const rowSchema = z
  .object({
    scope: z.enum(ROLE_SCOPES),
    name: z.string(),
    description: z.string(),
    permissions: z.array(z.string()),
    built_in: z.boolean(),
    updated_at: isoDate,
  })
  .transform(({ built_in: builtIn, updated_at: updatedAt, ...row }) => ({ ...row, builtIn, updatedAt }));
const setSchema = z.object({ refusal: z.enum(['built_in_role', 'permission_denied']).nullable() });
const deletedSchema = z.object({
  outcome: z.enum(['done', 'role_not_found', 'built_in_role', 'role_in_use', 'permission_denied']),
});

export function createRoleRepository(db: Database): RoleRepository {
  return {
    async list() {
      return (
        await db
          .select()
          .from(roles)
          .orderBy(...order)
      ).map(toRole);
    },

    async listOfWorkspaces() {
      const rows = await db
        .select()
        .from(roles)
        .where(eq(roles.scope, 'workspace'))
        .orderBy(...order);
      return rows.map(toRole);
    },

    async set({ scope, name, description, permissions, within, audit }) {
      const allowed = textArray(within);
      const { rows } = await db.execute(sql`
        with put as (
          insert into auth.roles as r (scope, name, description, permissions)
          values (${scope}, ${name}, ${description}, ${textArray(permissions)})
          on conflict (scope, name) do update
          set description = excluded.description, permissions = excluded.permissions, updated_at = now()
          where not r.built_in and (${allowed} is null or r.permissions <@ ${allowed})
          returning r.*
        )
        select case when exists (select from put) then null
          when exists (select from auth.roles where scope = ${scope} and name = ${name} and built_in)
            then 'built_in_role' else 'permission_denied' end as refusal,
          (select to_jsonb(put) from put) as role`);
      const { refusal } = setSchema.parse(rows[0]);
      await appendAudit(db, { ...audit, result: refusal ? 'denied' : 'success', reason: refusal });
      if (refusal !== null) return { outcome: refusal };
      return { outcome: 'done', role: rowSchema.parse(rows[0]?.role) };
    },

    async delete(scope, name, within, audit) {
      const allowed = textArray(within);
      const [, { rows }] = await db.batch([
        // Whoever gives the role away holds it meanwhile (workspace-decisions.ts); wait for them.
        db.execute(sql`select name from auth.roles where scope = ${scope} and name = ${name} for update`),
        db.execute(sql`
          with target as materialized (select * from auth.roles where scope = ${scope} and name = ${name}),
          verdict as materialized (
            select case when not exists (select from target) then 'role_not_found'
              when exists (select from target where built_in) then 'built_in_role'
              when not exists (select from target where ${allowed} is null or permissions <@ ${allowed})
                then 'permission_denied'
              when ${scope} = 'deployment' and exists (select from auth.users where role = ${name} and deleted_at is null)
                or ${scope} = 'workspace' and (
                  exists (select from auth.workspace_members where role = ${name})
                  or exists (select from auth.invitations where role = ${name} and accepted_at is null
                    and revoked_at is null and expires_at > now())) then 'role_in_use'
              else 'done' end as outcome),
          deleted as (
            delete from auth.roles r using verdict
            where verdict.outcome = 'done' and r.scope = ${scope} and r.name = ${name})
          select outcome from verdict`),
      ]);
      const { outcome } = deletedSchema.parse(rows[0]);
      const done = outcome === 'done';
      await appendAudit(db, { ...audit, result: done ? 'success' : 'denied', reason: done ? null : outcome });
      return outcome;
    },
  };
}

function toRole({ updatedAt, ...row }: typeof roles.$inferSelect) {
  return { ...row, updatedAt: updatedAt.toISOString() };
}

/** As JSON, because a list of parameters would have another type for each length. */
function textArray(values: readonly string[] | null): SQL {
  if (values === null) return sql`null::text[]`;
  return sql`array(select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`;
}
