import { and, eq, isNull, sql } from 'drizzle-orm';
import { appendAudit } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import { users } from '../../../core/database/schema/auth.ts';
import type { AccountRepository } from '../ports/accounts.ts';
import { userColumns } from './users.ts';

export function createAccountRepository(db: Database): AccountRepository {
  return {
    async insertUser(user, audit) {
      try {
        const [created] = await db.batch([
          db.insert(users).values(user).returning(userColumns),
          appendAudit(db, audit),
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
        .where(and(sql`lower(${users.email}) = lower(${email})`, isNull(users.deletedAt)));
      return rows[0];
    },

    async findUser(id) {
      const rows = await db.select(userColumns).from(users).where(eq(users.id, id));
      return rows[0];
    },
  };
}
