import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import { z } from 'zod';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { uuidToId } from '../../../core/database/columns.ts';
import { refreshTokens, sessions, users } from '../../../core/database/schema/auth.ts';
import type { SessionRepository, Spending } from '../ports/sessions.ts';
import { userColumns } from './users.ts';

export function createSessionRepository(db: Database): SessionRepository {
  return {
    async insertSession(session, refreshToken, audit) {
      await db.batch([
        db.insert(sessions).values(session),
        db.insert(refreshTokens).values(refreshToken),
        appendAudit(db, audit),
      ]);
    },

    async spendRefreshToken(input) {
      return (await trySpending(db, input)) ?? (await afterRefusal(db, input.tokenHash));
    },

    async revokeSession(sessionId, reason, audit) {
      const [revoked] = await db.batch([
        db
          .update(sessions)
          .set({ revokedAt: sql`now()`, revokedReason: reason })
          .where(and(eq(sessions.id, sessionId), isNull(sessions.revokedAt)))
          .returning({ id: sessions.id }),
        appendAudit(db, audit),
      ]);
      return revoked.length > 0;
    },

    async findUserOfSession(sessionId) {
      const rows = await db
        .select(userColumns)
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.userId))
        .where(
          and(eq(sessions.id, sessionId), isNull(sessions.revokedAt), gt(sessions.expiresAt, sql`now()`)),
        );
      return rows[0];
    },
  };
}

const spentSchema = z.object({ session_id: z.string(), user_id: z.string(), successor_hash: z.string() });

/**
 * One statement, so that of any number of concurrent uses all agree on one successor: the first one stores its own,
 * the same client gets it again while the grace lasts. The row lock of the update makes the others wait for it.
 */
async function trySpending(
  db: Database,
  {
    tokenHash,
    successorHash,
    clientMark,
    graceSeconds,
  }: { tokenHash: string; successorHash: string; clientMark: string; graceSeconds: number },
): Promise<Spending | undefined> {
  const answer = await db.execute(sql`
    with spent as (
      update auth.refresh_tokens t
      set spent_at = coalesce(t.spent_at, now()), spent_by = coalesce(t.spent_by, ${clientMark}),
        successor_hash = coalesce(t.successor_hash, ${successorHash})
      from auth.sessions s
      join auth.users u on u.id = s.user_id and u.disabled_at is null and u.deleted_at is null
      where t.token_hash = ${tokenHash} and s.id = t.session_id and s.revoked_at is null and s.expires_at > now()
        and (t.spent_at is null and t.expires_at > now()
          or t.spent_by = ${clientMark} and t.spent_at > now() - make_interval(secs => ${graceSeconds}))
      returning t.session_id, s.user_id, s.idle_seconds, t.successor_hash
    ), stored as (
      insert into auth.refresh_tokens (token_hash, session_id, expires_at)
      select successor_hash, session_id, now() + make_interval(secs => idle_seconds) from spent
      on conflict (token_hash) do nothing
    ), used as (
      update auth.sessions set last_used_at = now() where id in (select session_id from spent)
    )
    select session_id, user_id, successor_hash from spent`);
  if (answer.rows[0] === undefined) return undefined;
  const row = spentSchema.parse(answer.rows[0]);
  const found = await db
    .select(userColumns)
    .from(users)
    .where(eq(users.id, uuidToId('usr', row.user_id)));
  const user = found[0];
  if (user === undefined) return undefined;
  return {
    outcome: 'spent',
    user,
    sessionId: uuidToId('ses', row.session_id),
    successorHash: row.successor_hash,
  };
}

/** A spent token that comes back is a stolen one, or its thief came first: the whole family ends (RFC 9700 4.14). */
async function afterRefusal(db: Database, tokenHash: string): Promise<Spending> {
  const reused = await db
    .update(sessions)
    .set({ revokedAt: sql`now()`, revokedReason: 'refresh token reused' })
    .where(
      and(
        isNull(sessions.revokedAt),
        sql`${sessions.id} in (select session_id from auth.refresh_tokens
          where token_hash = ${tokenHash} and spent_at is not null)`,
      ),
    )
    .returning({ sessionId: sessions.id, userId: sessions.userId });
  return reused[0] ? { outcome: 'reused', ...reused[0] } : { outcome: 'invalid' };
}
