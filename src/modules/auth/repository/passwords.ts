import { sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import type { PasswordRepository } from '../ports/accounts.ts';
import { dispossession, endings } from './endings.ts';
import { lockUser } from './mfa.ts';
import { emailRows, lockUserOfToken, spending, tokenRows } from './one-time-token-rows.ts';

export function createPasswordRepository(db: Database): PasswordRepository {
  return {
    async requestReset({ userId, token, mail, mails }, audit) {
      const id = userId === null ? sql`null::uuid` : sql`${idToUuid(userId)}::uuid`;
      await db.batch([
        db.execute(tokenRows('password-reset', token, id, sql``)),
        db.execute(emailRows(mail, sql`where ${mails}::boolean`)),
        db.execute(auditRows(audit, sql``)),
      ]);
    },

    async change({ userId, from, to, keptSessionId, notice }, audit) {
      const ends = endings({
        reason: 'password changed',
        keptSessionId,
        keptPurposes: ['email-verification', 'email-change'],
      });
      const [, { rows }] = await db.batch([
        lockUser(db, userId),
        db.execute(sql`
        with changed as (
          update auth.users set password_hash = ${to}, password_changed_at = now(), updated_at = now()
          where id = ${idToUuid(userId)}::uuid and password_hash = ${from} and deleted_at is null
          returning id
        ), ${ends}, mailed as (${emailRows(notice, sql`from changed`)}
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`),
      ]);
      return rows.length > 0;
    },

    async reset({ tokenHash, passwordHash, notice }, audit) {
      const [, { rows }] = await db.batch([
        db.execute(lockUserOfToken('password-reset', tokenHash)),
        db.execute(sql`
        with ${spending('password-reset', tokenHash)}, changed as (
          update auth.users u set password_hash = ${passwordHash}, password_changed_at = now(),
            email_verified_at = coalesce(u.email_verified_at, now()), updated_at = now()
          from spent where u.id = spent.user_id and lower(u.email) = lower(spent.data->>'email')
          returning u.id
        ), ${endings({ reason: 'password reset', spentTokenHash: tokenHash })}, unproven as (
          select changed.id from changed join locked on locked.id = changed.id and locked.unproven
        ), ${dispossession()}, mailed as (${emailRows(notice, sql`from changed`)}
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`),
      ]);
      return rows.length > 0;
    },
  };
}
