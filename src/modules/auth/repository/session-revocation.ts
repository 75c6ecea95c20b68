import { type SQL, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import type { Revoker } from '../ports/sessions.ts';

/**
 * Ends the live sessions `s` that `which` matches and writes an audit entry for each, in one statement; of any number
 * at once exactly one ends a session. Returns a row for each.
 */
export function revokeSessions(which: SQL, reason: string, { actor, address, requestId }: Revoker): SQL {
  return sql`
    with revoked as (
      update auth.sessions s set revoked_at = now(), revoked_reason = ${reason}
      where s.revoked_at is null and s.expires_at > now() and ${which}
      returning s.id
    ), logged as (
      insert into core.audit_events (actor_kind, actor_id, credential_id, action, object_kind, object_id, result,
        address, request_id, details)
      select ${actor.kind}::text, ${actor.id ?? null}::text, ${actor.credentialId ?? null}::text, 'session.revoke',
        'session', 'ses_' || replace(id::text, '-', ''), 'success', ${address ?? null}::text,
        ${requestId ?? null}::text, jsonb_build_object('reason', ${reason}::text)
      from revoked
    )
    select id from revoked`;
}

/**
 * Goes into the batch in which all sessions of these users end: what waits for its last step to become one. Links in
 * e-mails stay.
 *
 * @param whose a condition on `user_id`
 */
export function discardPending(db: Database, whose: SQL) {
  return [
    db.execute(sql`
      delete from auth.one_time_tokens where ${whose} and purpose in
        ('mfa-sign-in', 'browser-sign-in', 'oauth-consent', 'oauth-code', 'oidc-state', 'oidc-handoff')`),
    db.execute(sql`update auth.device_codes set status = 'denied' where ${whose} and status = 'approved'`),
  ] as const;
}

/** How many rows of a count or of `returning` there were. */
export const countOf = (result: unknown): number =>
  z.object({ rows: z.array(z.unknown()) }).parse(result).rows.length;
