import { and, desc, eq, gt, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { sessions, users } from '../../../core/database/schema/auth.ts';
import type { AuditEntry } from '../../../core/security/audit.ts';
import type { NewSession, Replacement, Revoker, SessionRepository } from '../ports/sessions.ts';
import { countOf, discardPending, revokeSessions } from './session-revocation.ts';
import { userColumns } from './users.ts';

/** When it ends if it is not used again. */
const endsAt = sql`least(${sessions.expiresAt}, ${sessions.lastUsedAt} + make_interval(secs => ${sessions.idleSeconds}))`;
const live = and(isNull(sessions.revokedAt), gt(endsAt, sql`now()`));

export function createSessionRepository(db: Database): SessionRepository {
  const uuid = (id: string): SQL => sql`${idToUuid(id)}::uuid`;
  return {
    async insertSession(session, refreshTokenHash, maxSessions, audit) {
      const [, opened] = await db.batch([
        // Whoever opens a session of this user at the same time waits, and then sees this one.
        db.execute(sql`select from auth.users where id = ${uuid(session.userId)} for no key update`),
        insertOne(db, session, refreshTokenHash),
        db.execute(auditRows(audit, sql`from auth.sessions where id = ${uuid(session.id)}`)),
        db.execute(giveWay(session, maxSessions, audit)),
      ]);
      return countOf(opened) > 0;
    },

    async replaceSession(replacement, audit) {
      const [answer] = await db.batch([db.execute(replaceOne(replacement, audit))]);
      const rows = z.array(z.object({ ends_in: z.coerce.number() })).parse(answer.rows);
      return rows[0] && Math.max(1, Math.floor(rows[0].ends_in));
    },

    async revokeSession(userId, sessionId, reason, by) {
      const which = sql`s.id = ${uuid(sessionId)} and s.user_id = ${uuid(userId)}`;
      return countOf(await db.execute(revokeSessions(which, reason, by))) > 0;
    },

    async revokeSessionsOf(userId, reason, by, exceptSessionId) {
      const others = exceptSessionId === null ? sql`` : sql`and s.id <> ${uuid(exceptSessionId)}`;
      const which = sql`s.user_id = ${uuid(userId)} ${others}`;
      const [revoked] = await db.batch([
        db.execute(revokeSessions(which, reason, by)),
        ...discardPending(db, sql`user_id = ${uuid(userId)}`),
      ]);
      return countOf(revoked);
    },

    listSessions: (userId, { before, limit }) =>
      db
        .select({
          id: sessions.id,
          userAgent: sessions.userAgent,
          network: sessions.network,
          place: sessions.place,
          methods: sessions.methods,
          clientId: sessions.clientId,
          createdAt: sessions.createdAt,
          lastUsedAt: sessions.lastUsedAt,
          expiresAt: sql<Date>`${endsAt}`.mapWith(sessions.expiresAt),
        })
        .from(sessions)
        .where(and(eq(sessions.userId, userId), live, before ? lt(sessions.id, before) : undefined))
        .orderBy(desc(sessions.id))
        .limit(limit),

    async findUserOfSession(sessionId) {
      const rows = await db
        .select(userColumns)
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.userId))
        .where(and(eq(sessions.id, sessionId), live));
      return rows[0];
    },

    async deleteEnded() {
      await db
        .delete(sessions)
        .where(lt(sql`coalesce(${sessions.revokedAt}, ${sessions.expiresAt})`, LONG_AGO));
    },
  };
}

const LONG_AGO = sql`now() - interval '30 days'`;

/** Nothing of a user who was disabled, or got another password, since they proved who they are. */
function insertOne(db: Database, session: NewSession, refreshTokenHash: string) {
  const { id, userId, userAgent, network, place, methods, authenticatedAt, clientId, scopes } = session;
  const { idleSeconds, sessionSeconds, passwordChangedAt } = session;
  return db.execute(sql`
    with opened as (
      insert into auth.sessions (id, user_id, user_agent, network, place, methods, authenticated_at, client_id, scopes,
        idle_seconds, expires_at)
      select ${idToUuid(id)}::uuid, u.id, ${userAgent}::text, ${network}::text, ${place}::text,
        ${textArray(methods)}, coalesce(${authenticatedAt?.toISOString() ?? null}::timestamptz, now()),
        ${clientId && idToUuid(clientId)}::uuid, ${scopes ? textArray(scopes) : sql`null::text[]`},
        ${idleSeconds}::int, now() + make_interval(secs => ${sessionSeconds})
      from auth.users u
      where u.id = ${idToUuid(userId)}::uuid and u.disabled_at is null and u.deleted_at is null
        and u.password_changed_at is not distinct from ${passwordChangedAt?.toISOString() ?? null}::timestamptz
      returning id, idle_seconds, expires_at
    )
    insert into auth.refresh_tokens (token_hash, session_id, expires_at)
    select ${refreshTokenHash}::text, id, least(expires_at, now() + make_interval(secs => idle_seconds)) from opened
    returning session_id`);
}

/** The user's own sessions beyond the limit, the longest unused first; never the one that is being opened. */
function giveWay({ id, userId, clientId }: NewSession, maxSessions: number, { actor, ...entry }: AuditEntry) {
  const by: Revoker = { ...entry, actor };
  const surplus = sql`s.id in (
    select o.id from auth.sessions o
    where o.user_id = ${idToUuid(userId)}::uuid and o.client_id is null and o.revoked_at is null
      and least(o.expires_at, o.last_used_at + make_interval(secs => o.idle_seconds)) > now()
    order by o.id = ${idToUuid(id)}::uuid desc, o.last_used_at desc, o.id desc
    offset ${maxSessions}::int)`;
  return revokeSessions(clientId === null ? surplus : sql`false`, 'too many sessions', by);
}

function replaceOne(replacement: Replacement, audit: AuditEntry): SQL {
  const { oldId, newId, userId, userAgent, network, place, method, refreshTokenHash } = replacement;
  const { actor, address, requestId } = audit;
  return sql`
    with replaced as (
      update auth.sessions s set revoked_at = now(), revoked_reason = 'step-up'
      where s.id = ${idToUuid(oldId)}::uuid and s.user_id = ${idToUuid(userId)}::uuid and s.client_id is null
        and s.revoked_at is null and s.expires_at > now()
      returning s.user_id, s.methods, s.scopes, s.idle_seconds, s.expires_at
    ), opened as (
      insert into auth.sessions (id, user_id, user_agent, network, place, methods, scopes, idle_seconds, expires_at)
      select ${idToUuid(newId)}::uuid, user_id, ${userAgent}, ${network}, ${place},
        case when ${method}::text = any (methods) then methods else methods || ${method}::text end,
        scopes, idle_seconds, expires_at
      from replaced
      returning id, idle_seconds, expires_at
    ), stored as (
      insert into auth.refresh_tokens (token_hash, session_id, expires_at)
      select ${refreshTokenHash}::text, id, least(expires_at, now() + make_interval(secs => idle_seconds)) from opened
    ), logged as (
      insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, result,
        address, request_id, details)
      select ${actor.kind}::text, ${actor.id ?? null}::text, ${actor.credentialId ?? null}::text, ${audit.action}::text,
        'session', ${newId}::text, 'success', ${address ?? null}::text, ${requestId ?? null}::text,
        jsonb_build_object('method', ${method}::text, 'replaces', ${oldId}::text)
      from opened
    )
    select least(idle_seconds, extract(epoch from expires_at - now())) as ends_in from opened`;
}

/** A list as PostgreSQL's array literal; Drizzle's own parameter for an array in raw SQL is a row. */
function textArray(values: readonly string[]): SQL {
  return sql`array(select jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`;
}
