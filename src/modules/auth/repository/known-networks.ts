import { and, eq, isNull, sql } from 'drizzle-orm';
import type { Database } from '../../../core/database/client.ts';
import { sessions, users } from '../../../core/database/schema/auth.ts';
import type { KnownNetworks } from '../ports/login-throttle.ts';

export function createKnownNetworks(db: Database): KnownNetworks {
  return {
    async has(email, network) {
      const rows = await db
        .select({ id: sessions.id })
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.userId))
        .where(
          and(
            sql`lower(${users.email}) = lower(${email})`,
            eq(sessions.network, network),
            isNull(sessions.clientId),
          ),
        )
        .limit(1);
      return rows.length > 0;
    },
  };
}
