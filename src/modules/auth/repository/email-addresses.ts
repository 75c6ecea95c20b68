import { type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid } from '../../../core/database/columns.ts';
import { violatesUnique } from '../../../core/database/errors.ts';
import type { EmailAddressRepository } from '../ports/accounts.ts';
import { dispossession, endings } from './endings.ts';
import { emailRows, lockUserOfToken, spending, tokenRows } from './one-time-token-rows.ts';

/** Links that were sent to an address are worthless once it is not the user's any more. */
const LINKS_TO_ADDRESS = sql`('email-verification', 'email-change', 'password-reset', 'oidc-link')`;

export function createEmailAddressRepository(db: Database): EmailAddressRepository {
  return {
    async insertVerification({ userId, token, mail, mails }, audit) {
      await db.batch([
        db.execute(tokenRows('email-verification', token, sql`${idToUuid(userId)}::uuid`, sql``)),
        db.execute(emailRows(mail, sql`where ${mails}::boolean`)),
        db.execute(auditRows(audit, sql``)),
      ]);
    },

    /**
     * A registration that awaited confirmation brings its password and name along, the first time only. Whoever had
     * opened the account before, when that took no confirmation, is out then.
     */
    async verify(tokenHash, audit) {
      const [, { rows }] = await db.batch([
        db.execute(lockUserOfToken('email-verification', tokenHash)),
        db.execute(sql`
        with ${spending('email-verification', tokenHash)}, verified as (
          update auth.users u set email_verified_at = coalesce(u.email_verified_at, now()), updated_at = now(),
            password_hash = case when u.email_verified_at is null and spent.data ? 'passwordHash'
              then spent.data->>'passwordHash' else u.password_hash end,
            password_changed_at = case when u.email_verified_at is null and spent.data ? 'passwordHash'
              then now() else u.password_changed_at end,
            name = case when u.email_verified_at is null and spent.data ? 'passwordHash'
              then spent.data->>'name' else u.name end
          from spent where u.id = spent.user_id and lower(u.email) = lower(spent.data->>'email')
          returning u.id
        ), changed as (
          select v.id from verified v join locked l on l.id = v.id join spent s on s.user_id = v.id
          where l.unproven and s.data ? 'passwordHash'
        ), ${endings({
          reason: 'address confirmed by its owner',
          spentTokenHash: tokenHash,
          keptPurposes: ['email-verification'],
        })}, unproven as (
          select id from changed
        ), ${dispossession()}, audited as (${auditRows(audit, sql`from verified`)})
        select id from verified`),
      ]);
      return rows.length > 0;
    },

    async requestChange({ userId, token, mail, mails }, audit) {
      const id = sql`${idToUuid(userId)}::uuid`;
      await db.batch([
        db.execute(sql`delete from auth.one_time_tokens where user_id = ${id} and purpose = 'email-change'`),
        db.execute(tokenRows('email-change', token, id, sql``)),
        db.execute(emailRows(mail, sql`where ${mails}::boolean`)),
        db.execute(auditRows(audit, sql``)),
      ]);
    },

    change: ({ tokenHash, oldEmail, undo, notice }, audit) =>
      unlessTaken(
        db,
        lockUserOfToken('email-change', tokenHash),
        sql`
        with ${spending('email-change', tokenHash)}, changed as (
          update auth.users u set email = spent.data->>'email', email_verified_at = now(), updated_at = now()
          from spent, locked
          where u.id = spent.user_id and locked.email is not distinct from ${oldEmail}
          returning u.id
        ), discarded as (
          delete from auth.one_time_tokens where user_id in (select id from changed)
            and purpose in ${LINKS_TO_ADDRESS} and token_hash <> ${tokenHash}
        ), undoable as (${undo ? tokenRows('email-change-undo', undo, sql`id`, sql`from changed`) : sql`select`}
        ), mailed as (${emailRows(notice, sql`from changed`)}
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`,
      ),

    undoChange: (tokenHash, audit) =>
      unlessTaken(
        db,
        lockUserOfToken('email-change-undo', tokenHash),
        sql`
        with ${spending('email-change-undo', tokenHash)}, changed as (
          update auth.users u set email = spent.data->>'email', email_verified_at = now(), updated_at = now()
          from spent where u.id = spent.user_id
          returning u.id, spent.created_at
        ), ${endings({ reason: 'e-mail change undone', spentTokenHash: tokenHash })}, later as (
          delete from auth.one_time_tokens t using changed c
          where t.user_id = c.id and t.token_hash <> ${tokenHash} and t.purpose = 'email-change-undo'
            and t.created_at >= c.created_at
        ), audited as (${auditRows(audit, sql`from changed`)})
        select id from changed`,
      ),
  };
}

async function unlessTaken(
  db: Database,
  lock: SQL,
  statement: SQL,
): Promise<'changed' | 'invalid' | 'taken'> {
  try {
    const [, { rows }] = await db.batch([db.execute(lock), db.execute(statement)]);
    return rows.length > 0 ? 'changed' : 'invalid';
  } catch (error) {
    if (violatesUnique(error, 'users_email_key')) return 'taken';
    throw error;
  }
}
