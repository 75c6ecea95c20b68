import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../core/database/client.ts';
import { violatesUnique } from '../../core/database/errors.ts';
import { refreshTokens, sessions, users } from '../../core/database/schema/auth.ts';
import type { AuthRepository, UserRecord } from './ports.ts';

const userColumns = {
  id: users.id,
  email: users.email,
  name: users.name,
  passwordHash: users.passwordHash,
  disabledAt: users.disabledAt,
  createdAt: users.createdAt,
};

export function createAuthRepository(db: Database): AuthRepository {
  return {
    async insertUser(user, session, refreshToken) {
      try {
        const [created] = await db.batch([
          db.insert(users).values(user).returning(userColumns),
          db.insert(sessions).values(session),
          db.insert(refreshTokens).values(refreshToken),
        ]);
        return created[0];
      } catch (error) {
        if (violatesUnique(error, 'users_email_key')) return undefined;
        throw error;
      }
    },

    async findUserByEmail(email) {
      const rows = await db
        .select(userColumns)
        .from(users)
        .where(sql`lower(${users.email}) = lower(${email})`);
      return rows[0];
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

    async insertSession(session, refreshToken) {
      await db.batch([db.insert(sessions).values(session), db.insert(refreshTokens).values(refreshToken)]);
    },

    spendRefreshToken: (tokenHash, successor) => spendRefreshToken(db, tokenHash, successor),

    async revokeSession(sessionId) {
      await db
        .update(sessions)
        .set({ revokedAt: sql`now()` })
        .where(and(eq(sessions.id, sessionId), isNull(sessions.revokedAt)));
    },

    async revokeSessionOfToken(tokenHash) {
      const family = db
        .select({ id: refreshTokens.sessionId })
        .from(refreshTokens)
        .where(eq(refreshTokens.tokenHash, tokenHash));
      const revoked = await db
        .update(sessions)
        .set({ revokedAt: sql`now()` })
        .where(and(sql`${sessions.id} in (${family})`, isNull(sessions.revokedAt)))
        .returning({ id: sessions.id });
      return revoked.length > 0;
    },
  };
}

/** One statement: of any number of concurrent uses exactly one spends the token and stores its successor. */
async function spendRefreshToken(
  db: Database,
  tokenHash: string,
  successor: { tokenHash: string; expiresAt: Date },
): Promise<{ user: UserRecord; sessionId: string } | undefined> {
  const spent = db.$with('spent').as(
    db
      .update(refreshTokens)
      .set({ spentAt: sql`now()` })
      .where(
        and(
          eq(refreshTokens.tokenHash, tokenHash),
          isNull(refreshTokens.spentAt),
          gt(refreshTokens.expiresAt, sql`now()`),
          sql`exists (select from ${sessions} s where s.id = ${refreshTokens.sessionId}
            and s.revoked_at is null and s.expires_at > now())`,
        ),
      )
      .returning({ sessionId: refreshTokens.sessionId }),
  );
  const stored = db
    .$with('stored')
    .as(
      db
        .insert(refreshTokens)
        .select(
          sql`select ${successor.tokenHash}, spent.session_id, now(), ${successor.expiresAt.toISOString()}::timestamptz, null::timestamptz from spent`,
        )
        .returning({ sessionId: refreshTokens.sessionId }),
    );
  const used = db
    .$with('used')
    .as(
      db
        .update(sessions)
        .set({ lastUsedAt: sql`now()` })
        .where(sql`${sessions.id} in (select session_id from spent)`)
        .returning({ id: sessions.id, userId: sessions.userId }),
    );
  const rows = await db
    .with(spent, stored, used)
    .select({ ...userColumns, sessionId: used.id })
    .from(used)
    .innerJoin(users, eq(users.id, used.userId));
  const row = rows[0];
  if (row === undefined) return undefined;
  const { sessionId, ...user } = row;
  return { user, sessionId };
}
