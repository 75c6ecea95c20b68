import { and, eq, isNull, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { users } from '../../../core/database/schema/auth.ts';
import type { AccountRepository } from '../ports/accounts.ts';
import { emailRows, tokenRows } from './one-time-token-rows.ts';
import { userColumns } from './users.ts';

export function createAccountRepository(db: Database): AccountRepository {
  return {
    async register({ user, token, mail, evenIfTaken, mails }, audits) {
      // The statements after the first see whoever has the address now, in a race the other one.
      const isNew = sql`exists (select from auth.users where id = ${idToUuid(user.id)}::uuid)`;
      const wanted = evenIfTaken ? sql`true` : isNew;
      const [created] = await db.batch([
        db.insert(users).values(user).onConflictDoNothing().returning(userColumns),
        db.execute(
          tokenRows(
            'email-verification',
            token,
            sql`u.id`,
            sql`from auth.users u where lower(u.email) = lower(${user.email}) and ${wanted}`,
          ),
        ),
        db.execute(emailRows(mail, sql`where ${mails}::boolean and ${wanted}`)),
        db.execute(auditRows(audits.created, sql`where ${isNew}`)),
        db.execute(auditRows(audits.taken, sql`where not ${isNew}`)),
      ]);
      return created[0];
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

    async updateName(id, name, audit) {
      const updating = db
        .update(users)
        .set({ name, updatedAt: sql`now()` })
        .where(and(eq(users.id, id), isNull(users.deletedAt)))
        .returning(userColumns);
      const [updated] = await db.batch([
        updating,
        db.execute(
          auditRows(audit, sql`from auth.users where id = ${idToUuid(id)}::uuid and deleted_at is null`),
        ),
      ]);
      return updated[0];
    },

    async replacePasswordHash(id, from, to) {
      await db
        .update(users)
        .set({ passwordHash: to })
        .where(and(eq(users.id, id), eq(users.passwordHash, from)));
    },
  };
}
