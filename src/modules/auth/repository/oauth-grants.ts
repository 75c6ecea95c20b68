import { and, desc, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import {
  oauthClients,
  oneTimeTokens,
  refreshTokens,
  sessions,
  users,
} from '../../../core/database/schema/auth.ts';
import type { OauthGrantRepository } from '../ports/oauth.ts';
import { userColumns } from './users.ts';

const keptCodeSchema = z.object({
  clientId: z.string(),
  sessionId: z.string().nullish(),
  reused: z.boolean().optional(),
});

export function createOauthGrantRepository(db: Database): OauthGrantRepository {
  const endsAt = sql`least(${sessions.expiresAt}, ${sessions.lastUsedAt} + make_interval(secs => ${sessions.idleSeconds}))`;
  const live = and(isNull(sessions.revokedAt), gt(endsAt, sql`now()`));
  /** Both sides of a race write to the row of the code, one after the other: the later one sees the earlier. */
  const noteOnCode = async (codeHash: string, note: Record<string, unknown>) => {
    const rows = await db
      .update(oneTimeTokens)
      .set({ data: sql`${oneTimeTokens.data} || ${JSON.stringify(note)}::jsonb` })
      .where(
        and(
          eq(oneTimeTokens.purpose, 'oauth-code'),
          eq(oneTimeTokens.tokenHash, codeHash),
          sql`${oneTimeTokens.usedAt} is not null`,
        ),
      )
      .returning({ data: oneTimeTokens.data });
    return rows[0] && keptCodeSchema.parse(rows[0].data);
  };

  return {
    async findPerson(userId) {
      const rows = await db
        .select({ user: userColumns, passwordChangedAt: users.passwordChangedAt })
        .from(users)
        .where(and(eq(users.id, userId), isNull(users.disabledAt), isNull(users.deletedAt)));
      return rows[0];
    },

    async grantOfRefreshToken(tokenHash) {
      const rows = await db
        .select({ sessionId: sessions.id, clientId: sessions.clientId, scopes: sessions.scopes })
        .from(refreshTokens)
        .innerJoin(sessions, eq(sessions.id, refreshTokens.sessionId))
        .where(eq(refreshTokens.tokenHash, tokenHash));
      return rows[0] && { ...rows[0], scopes: rows[0].scopes ?? [] };
    },

    async listGrants(userId, { cursor, limit }) {
      const rows = await db
        .select({
          sessionId: sessions.id,
          userId: sessions.userId,
          clientId: oauthClients.id,
          clientName: oauthClients.name,
          scopes: sessions.scopes,
          createdAt: sessions.createdAt,
          lastUsedAt: sessions.lastUsedAt,
          expiresAt: sql<Date>`${endsAt}`.mapWith(sessions.expiresAt),
        })
        .from(sessions)
        .innerJoin(oauthClients, eq(oauthClients.id, sessions.clientId))
        .where(
          and(eq(sessions.userId, userId), live, cursor === undefined ? undefined : lt(sessions.id, cursor)),
        )
        .orderBy(desc(sessions.id))
        .limit(limit);
      return rows.map((row) => ({ ...row, scopes: row.scopes ?? [] }));
    },

    async revokeGrant(sessionId, owner, reason) {
      const owned =
        'userId' in owner ? eq(sessions.userId, owner.userId) : eq(sessions.clientId, owner.clientId);
      const rows = await db
        .update(sessions)
        .set({ revokedAt: sql`now()`, revokedReason: reason })
        .where(
          and(
            eq(sessions.id, sessionId),
            isNull(sessions.revokedAt),
            sql`${sessions.clientId} is not null`,
            owned,
          ),
        )
        .returning({ userId: sessions.userId, clientId: sessions.clientId });
      const [revoked] = rows;
      return revoked?.clientId ? { userId: revoked.userId, clientId: revoked.clientId } : undefined;
    },

    keepSessionOfCode: async (codeHash, sessionId) => !(await noteOnCode(codeHash, { sessionId }))?.reused,

    async reuseCode(codeHash) {
      const kept = await noteOnCode(codeHash, { reused: true });
      return kept && { sessionId: kept.sessionId ?? null, clientId: kept.clientId };
    },
  };
}
