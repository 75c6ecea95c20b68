import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { oneTimeTokens } from '../../../core/database/schema/auth.ts';
import type { OneTimePurpose, OneTimeTokenRepository } from '../ports/one-time-tokens.ts';

const columns = { userId: oneTimeTokens.userId, data: oneTimeTokens.data };

export function createOneTimeTokenRepository(db: Database): OneTimeTokenRepository {
  const live = (purpose: OneTimePurpose, tokenHash: string) =>
    and(
      eq(oneTimeTokens.purpose, purpose),
      eq(oneTimeTokens.tokenHash, tokenHash),
      isNull(oneTimeTokens.usedAt),
      gt(oneTimeTokens.expiresAt, sql`now()`),
    );
  return {
    async insert(token) {
      await db.insert(oneTimeTokens).values(token);
    },
    async consume(purpose, tokenHash) {
      const rows = await db
        .update(oneTimeTokens)
        .set({ usedAt: sql`now()` })
        .where(live(purpose, tokenHash))
        .returning(columns);
      return rows[0];
    },
    async attempt(purpose, tokenHash, max) {
      const rows = await db
        .update(oneTimeTokens)
        .set({ attempts: sql`${oneTimeTokens.attempts} + 1` })
        .where(and(live(purpose, tokenHash), lt(oneTimeTokens.attempts, max)))
        .returning(columns);
      return rows[0];
    },
    async find(purpose, tokenHash) {
      const rows = await db.select(columns).from(oneTimeTokens).where(live(purpose, tokenHash));
      return rows[0];
    },
    async deleteExpired() {
      await db.delete(oneTimeTokens).where(lt(oneTimeTokens.expiresAt, sql`now() - interval '1 day'`));
    },
  };
}
