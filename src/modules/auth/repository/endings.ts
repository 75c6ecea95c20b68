import { type SQL, sql } from 'drizzle-orm';
import { idToUuid } from '../../../core/database/columns.ts';

/**
 * Common table expressions that take everything away from the users in `unproven (id)` that could open their account
 * besides a password: whoever put it there before the address was proven need not be its owner.
 */
export function dispossession(): SQL {
  return sql`
    keys as (
      update auth.api_keys set revoked_at = now()
      where user_id in (select id from unproven) and revoked_at is null
    ), gone_passkeys as (
      delete from auth.passkeys where user_id in (select id from unproven)
    ), gone_totp as (
      delete from auth.totp_credentials where user_id in (select id from unproven)
    ), gone_codes as (
      delete from auth.recovery_codes where user_id in (select id from unproven)
    ), gone_identities as (
      delete from auth.identities where user_id in (select id from unproven)
    )`;
}

/**
 * Common table expressions that end whatever the users in `changed (id)` have open: sessions, devices that were
 * approved and have not fetched their tokens, and every sign-in, code and link that waits for its last step. Links
 * that take a change of address back outlive everything: they are the way back of who lost the account.
 */
export function endings(options: {
  readonly reason: string;
  readonly keptSessionId?: string;
  /** The row that this statement spends; no statement can touch a row twice. */
  readonly spentTokenHash?: string;
  /** Purposes of tokens that work on, besides `email-change-undo`. */
  readonly keptPurposes?: readonly ('email-verification' | 'email-change')[];
}): SQL {
  const { reason, keptSessionId, spentTokenHash = '', keptPurposes = [] } = options;
  const purposes = sql.join(
    ['email-change-undo', ...keptPurposes].map((purpose) => sql`${purpose}`),
    sql`, `,
  );
  const others = keptSessionId ? sql`and id <> ${idToUuid(keptSessionId)}::uuid` : sql``;
  return sql`
    revoked as (
      update auth.sessions set revoked_at = now(), revoked_reason = ${reason}
      where user_id in (select id from changed) and revoked_at is null ${others}
    ), devices as (
      update auth.device_codes set status = 'denied'
      where user_id in (select id from changed) and status = 'approved'
    ), discarded as (
      delete from auth.one_time_tokens
      where user_id in (select id from changed) and purpose not in (${purposes}) and token_hash <> ${spentTokenHash}
    )`;
}
