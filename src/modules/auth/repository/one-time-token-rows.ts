import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';
import type { PreparedToken } from '../ports/accounts.ts';
import type { PreparedEmail } from '../ports/emails.ts';
import type { OneTimePurpose } from '../ports/one-time-tokens.ts';

/**
 * A token as a part of a larger statement.
 *
 * @param userId an expression of type uuid
 * @param source what the row is selected from, as in `from changed`
 */
export function tokenRows(purpose: OneTimePurpose, token: PreparedToken, userId: SQL, source: SQL): SQL {
  return sql`
    insert into auth.one_time_tokens (purpose, token_hash, user_id, data, expires_at)
    select ${purpose}::text, ${token.tokenHash}::text, ${userId}, ${JSON.stringify(token.data)}::jsonb,
      ${token.expiresAt.toISOString()}::timestamptz
    ${source}`;
}

/** An e-mail for the outbox as a part of a larger statement; `source` as above, none at all without an e-mail. */
export function emailRows(mail: PreparedEmail | undefined, source: SQL): SQL {
  if (mail === undefined) return sql`select`;
  return sql`
    insert into auth.emails (id, template, sealed_message)
    select ${idToUuid(mail.id)}::uuid, ${mail.template}::text, ${mail.sealedMessage}::text
    ${source}`;
}

/**
 * A statement of its own before one with `spending`: it waits for whatever else changes the user, so that the next
 * one's snapshot has it, a session that was being opened too.
 */
export function lockUserOfToken(purpose: OneTimePurpose, tokenHash: string): SQL {
  return sql`
    select u.id from auth.users u join auth.one_time_tokens t on t.user_id = u.id
    where t.purpose = ${purpose} and t.token_hash = ${tokenHash} for no key update of u`;
}

/**
 * Two common table expressions for links that are followed: `locked`, the user of a live token, so that of two links
 * of one user one waits for the other; and `spent`, the token, used from now on.
 */
export function spending(purpose: OneTimePurpose, tokenHash: string): SQL {
  return sql`
    locked as materialized (
      select u.id, u.email, u.email_verified_at is null as unproven
      from auth.users u join auth.one_time_tokens t on t.user_id = u.id
      where t.purpose = ${purpose} and t.token_hash = ${tokenHash} and t.used_at is null and t.expires_at > now()
        and u.deleted_at is null
      for no key update of u
    ), spent as (
      update auth.one_time_tokens t set used_at = now() from locked
      where t.purpose = ${purpose} and t.token_hash = ${tokenHash} and t.used_at is null and t.expires_at > now()
        and t.user_id = locked.id
      returning t.user_id, t.data, t.created_at
    )`;
}
