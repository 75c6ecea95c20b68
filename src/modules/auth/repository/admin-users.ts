import { and, desc, eq, ilike, isNotNull, isNull, lt, or, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import {
  emails,
  passkeys,
  recoveryCodes,
  totpCredentials,
  users,
} from '../../../core/database/schema/auth.ts';
import type { AdminUserChange } from '../models/admin-users.ts';
import type {
  Administrator,
  AdminUserDetailRecord,
  AdminUserRepository,
  ChangeOutcome,
} from '../ports/admin-users.ts';
import { LOCK_ADMINS, otherAdminExists } from './last-admin.ts';
import { countOf, discardPending, revokeSessions } from './session-revocation.ts';
import { userColumns } from './users.ts';

export function createAdminUserRepository(db: Database): AdminUserRepository {
  return {
    listUsers: ({ q, role, status, cursor, limit }) => {
      const pattern = `%${(q ?? '').replace(/[\\%_]/g, '\\$&')}%`;
      return db
        .select(userColumns)
        .from(users)
        .where(
          and(
            isNull(users.deletedAt),
            q === undefined ? undefined : or(ilike(users.email, pattern), ilike(users.name, pattern)),
            role === undefined ? undefined : eq(users.role, role),
            status === undefined ? undefined : (status === 'active' ? isNull : isNotNull)(users.disabledAt),
            cursor === undefined ? undefined : lt(users.id, cursor),
          ),
        )
        .orderBy(desc(users.id))
        .limit(limit);
    },

    async findDetail(id) {
      const [found, detail] = await db.batch([
        db
          .select(userColumns)
          .from(users)
          .where(and(eq(users.id, id), isNull(users.deletedAt))),
        db.execute(detailOf(id)),
      ]);
      const user = found[0];
      return user && { user, detail: detailSchema.parse(detail.rows[0]) };
    },

    async changeUser(id, change, by) {
      const [, , changed] = await db.batch([
        // Held until the end, so that nobody deletes it while it is given away.
        db.execute(sql`select from auth.roles
          where scope = 'deployment' and name = ${change.role ?? null}::text for share`),
        db.execute(LOCK_ADMINS),
        db.execute(changeOf(id, change, by)),
        db.execute(
          revokeSessions(
            sql`s.user_id = ${idToUuid(id)}::uuid and exists (select from auth.users u
              where u.id = s.user_id and u.disabled_at is not null)`,
            'user disabled',
            by,
          ),
        ),
        ...discardPending(
          db,
          sql`user_id = (select id from auth.users
            where id = ${idToUuid(id)}::uuid and disabled_at is not null)`,
        ),
      ]);
      const row = changed.rows[0];
      return row === undefined ? 'not_found' : outcomeSchema.parse(row).outcome;
    },

    async standing(id, by) {
      const { rows } = await db.execute(sql`
        select coalesce(r.permissions, '{}') <@ ${held(by)} as permitted from auth.users u
        left join auth.roles r on r.scope = 'deployment' and r.name = u.role
        where u.id = ${idToUuid(id)}::uuid and u.deleted_at is null`);
      if (rows[0] === undefined) return 'not_found';
      return standingSchema.parse(rows[0]).permitted ? 'permitted' : 'denied';
    },

    async removeFactors(id, audit, notice) {
      await db.batch([
        db.delete(totpCredentials).where(eq(totpCredentials.userId, id)),
        db.delete(recoveryCodes).where(eq(recoveryCodes.userId, id)),
        db.delete(passkeys).where(eq(passkeys.userId, id)),
        appendAudit(db, audit),
        ...(notice === undefined ? [] : [db.insert(emails).values(notice)]),
      ]);
    },

    async revokeAllSessions(by, exceptSessionId) {
      const all = sql`s.id <> ${idToUuid(exceptSessionId)}::uuid`;
      const [revoked] = await db.batch([
        db.execute(revokeSessions(all, 'all sessions ended', by)),
        ...discardPending(db, sql`user_id is not null`),
      ]);
      return countOf(revoked);
    },
  };
}

const outcomeSchema = z.object({
  outcome: z.enum(['changed', 'unknown_role', 'role_is_fixed', 'denied', 'last_admin']),
}) satisfies z.ZodType<{ outcome: ChangeOutcome }>;
const standingSchema = z.object({ permitted: z.boolean() });
const detailSchema: z.ZodType<AdminUserDetailRecord> = z.object({
  sessions: z.number(),
  apiKeys: z.number(),
  factors: z.object({
    password: z.boolean(),
    totp: z.boolean(),
    passkeys: z.number(),
    recoveryCodes: z.number(),
    identityProviders: z.array(z.string()),
  }),
  lastSignInAt: z.string().nullable(),
});

/** Permissions as an SQL array; Drizzle would take a JavaScript one for a list of values. */
const held = ({ permissions }: Administrator) =>
  sql`array(select jsonb_array_elements_text(${JSON.stringify(permissions)}::jsonb))`;

/** One statement: what is decided is what is changed. Runs behind LOCK_ADMINS. */
function changeOf(id: string, change: AdminUserChange, by: Administrator) {
  const { actor, address = null, requestId = null } = by;
  const { name } = change;
  const role = change.role ?? null;
  const disabled = change.disabled ?? null;
  return sql`
    with target as (
      select u.*, coalesce(r.permissions, '{}') as permissions from auth.users u
      left join auth.roles r on r.scope = 'deployment' and r.name = u.role
      where u.id = ${idToUuid(id)}::uuid and u.deleted_at is null for no key update of u
    ), verdict as (
      select t.*, case
        when not t.permissions <@ ${held(by)} then 'denied'
        when ${role}::text is not null and n.name is null then 'unknown_role'
        when ${role}::text <> t.role and t.kind = 'service' then 'role_is_fixed'
        when ${role}::text is not null and not n.permissions <@ ${held(by)} then 'denied'
        when t.role = 'admin' and t.kind = 'person' and t.disabled_at is null
          and (${role}::text <> 'admin' or ${disabled}::boolean) and not ${otherAdminExists(id)} then 'last_admin'
        when not exists (select from auth.users a where a.id = ${idToUuid(by.userId)}::uuid
          and a.role = ${by.role} and a.disabled_at is null and a.deleted_at is null) then 'denied'
        else 'changed' end as outcome
      from target t left join auth.roles n on n.scope = 'deployment' and n.name = ${role}::text
    ), changed as (
      update auth.users u set updated_at = now(), role = coalesce(${role}::text, v.role),
        name = case when ${name !== undefined} then ${name ?? null}::text else v.name end,
        disabled_at = case ${disabled}::boolean when true then coalesce(v.disabled_at, now()) when false then null
          else v.disabled_at end
      from verdict v where u.id = v.id and v.outcome = 'changed'
      returning u.id, u.role, u.name, u.disabled_at is not null as disabled
    ), audited as (
      insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, result,
        address, request_id, details)
      select ${actor.kind}::text, ${actor.id ?? null}::text, ${actor.credentialId ?? null}::text, a.action, 'user',
        ${id}::text, 'success', ${address}::text, ${requestId}::text, jsonb_build_object('from', a.old, 'to', a.new)
      from changed c join verdict v on v.id = c.id cross join lateral (values
        ('user.role', to_jsonb(v.role), to_jsonb(c.role)),
        ('user.disable', to_jsonb(v.disabled_at is not null), to_jsonb(c.disabled)),
        ('user.rename', to_jsonb(v.name), to_jsonb(c.name))) a (action, old, new)
      where a.old is distinct from a.new
    )
    select outcome from verdict`;
}

function detailOf(id: string) {
  const user = sql`${idToUuid(id)}::uuid`;
  return sql`
    select
      (select count(*)::int from auth.sessions where user_id = ${user} and revoked_at is null and expires_at > now()
        and last_used_at > now() - make_interval(secs => idle_seconds)) as sessions,
      (select count(*)::int from auth.api_keys where user_id = ${user} and revoked_at is null
        and (expires_at is null or expires_at > now())) as "apiKeys",
      jsonb_build_object(
        'password', exists (select from auth.users where id = ${user} and password_hash is not null),
        'totp', exists (select from auth.totp_credentials where user_id = ${user} and confirmed_at is not null),
        'passkeys', (select count(*) from auth.passkeys where user_id = ${user}),
        'recoveryCodes', (select count(*) from auth.recovery_codes where user_id = ${user} and used_at is null),
        'identityProviders', (select coalesce(jsonb_agg(provider_id order by provider_id), '[]')
          from auth.identities where user_id = ${user})) as factors,
      (select to_char(max(created_at) at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        from auth.sessions where user_id = ${user}) as "lastSignInAt"`;
}
