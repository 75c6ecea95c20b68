import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import type { AccountDataRepository } from '../ports/accounts.ts';
import { exportAccount } from './account-export.ts';
import { LOCK_ADMINS, otherAdminExists } from './last-admin.ts';
import { lockUser } from './mfa.ts';
import { emailRows } from './one-time-token-rows.ts';

const outcomeSchema = z.object({
  exists: z.boolean(),
  last_admin: z.boolean(),
  sole_owner: z.boolean(),
});

export function createAccountDataRepository(db: Database): AccountDataRepository {
  return {
    async deleteAccount({ userId, notice }, audit) {
      const id = sql`${idToUuid(userId)}::uuid`;
      // Whoever else leaves a workspace or the administration, or signs in, waits; the last statement sees what they did.
      const [, , , answer] = await db.batch([
        db.execute(sql`
          select w.id from auth.workspaces w
          where w.id in (select workspace_id from auth.workspace_members where user_id = ${id})
          order by w.id for no key update`),
        db.execute(LOCK_ADMINS),
        lockUser(db, userId),
        db.execute(sql`
          with ${standing(userId, id)}, emptied as (
            update auth.users u set email = null, email_verified_at = null, name = null, password_hash = null,
              role = 'member', deleted_at = now(), updated_at = now()
            from standing s where u.id = ${id} and s.exists and not s.last_admin and not s.sole_owner
            returning u.id
          ), closed as (
            update auth.workspaces w set deleted_at = now(), updated_at = now()
            where w.deleted_at is null and w.id in (select workspace_id from own_workspaces where members = 0)
              and exists (select from emptied)
          ), ${removals()}, mailed as (${emailRows(notice, sql`from emptied`)}
          ), audited as (${auditRows(audit, sql`from emptied`)})
          select * from standing`),
      ]);
      const standingNow = outcomeSchema.parse(answer.rows[0]);
      if (!standingNow.exists) return 'gone';
      if (standingNow.last_admin) return 'last_admin';
      return standingNow.sole_owner ? 'sole_owner' : 'deleted';
    },

    export: (userId) => exportAccount(db, userId),
  };
}

/** What speaks against it. Service accounts are no members that anybody would have to look after. */
function standing(userId: string, id: SQL): SQL {
  return sql`
    own_workspaces as (
      select m.workspace_id,
        count(o.id) filter (where other.role = 'owner' and o.disabled_at is null) as owners, count(o.id) as members
      from auth.workspace_members m
        join auth.workspaces w on w.id = m.workspace_id and w.deleted_at is null
        left join auth.workspace_members other on other.workspace_id = m.workspace_id and other.user_id <> m.user_id
        left join auth.users o on o.id = other.user_id and o.kind = 'person' and o.deleted_at is null
      where m.user_id = ${id} and m.role = 'owner'
      group by m.workspace_id
    ), standing as (
      select exists (select from auth.users where id = ${id} and deleted_at is null) as exists,
        exists (select from auth.users where id = ${id} and role = 'admin' and deleted_at is null)
          and not ${otherAdminExists(userId)}
          as last_admin,
        exists (select from own_workspaces where owners = 0 and members > 0) as sole_owner
    )`;
}

const TABLES = [
  'sessions',
  'api_keys',
  'passkeys',
  'totp_credentials',
  'recovery_codes',
  'identities',
  'one_time_tokens',
  'device_codes',
  'workspace_members',
  'group_members',
] as const;

/** The row of the user stays, so nothing goes by itself. */
function removals(): SQL {
  return sql.join(
    TABLES.map(
      (table) => sql`${sql.identifier(`gone_${table}`)} as (
        delete from ${sql.identifier('auth')}.${sql.identifier(table)} where user_id in (select id from emptied))`,
    ),
    sql`, `,
  );
}
