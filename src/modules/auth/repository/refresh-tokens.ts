import { eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import type { Database } from '../../../core/database/client.ts';
import { idToUuid, uuidToId } from '../../../core/database/columns.ts';
import { refreshTokens, users } from '../../../core/database/schema/auth.ts';
import type { RefreshTokenRepository, Spending, SpendingInput } from '../ports/sessions.ts';
import { userColumns } from './users.ts';

export function createRefreshTokenRepository(db: Database): RefreshTokenRepository {
  return {
    async spendRefreshToken(input) {
      return (await trySpending(db, input)) ?? (await afterRefusal(db, input));
    },
  };
}

const spentSchema = z.object({
  session_id: z.string(),
  user_id: z.string(),
  successor_hash: z.string(),
  ends_in: z.coerce.number(),
});

/**
 * One statement, so that of any number of concurrent uses all agree on one successor: the first one stores its own,
 * the same client gets it again while the grace lasts. The row lock of the update makes the others wait for it.
 */
async function trySpending(db: Database, input: SpendingInput): Promise<Spending | undefined> {
  const { tokenHash, successorHash, clientMark, graceSeconds, network, place } = input;
  const clientId = input.clientId && idToUuid(input.clientId);
  const answer = await db.execute(sql`
    with spent as (
      update auth.refresh_tokens t
      set spent_at = coalesce(t.spent_at, now()), spent_by = coalesce(t.spent_by, ${clientMark}),
        successor_hash = coalesce(t.successor_hash, ${successorHash})
      from auth.sessions s
      join auth.users u on u.id = s.user_id and u.disabled_at is null and u.deleted_at is null
      where t.token_hash = ${tokenHash} and s.id = t.session_id and s.revoked_at is null and s.expires_at > now()
        and s.client_id is not distinct from ${clientId}::uuid
        and (t.spent_at is null and t.expires_at > now()
          or t.spent_by = ${clientMark} and t.spent_at > now() - make_interval(secs => ${graceSeconds}))
      returning t.session_id, s.user_id, s.idle_seconds, s.expires_at, t.successor_hash
    ), stored as (
      insert into auth.refresh_tokens (token_hash, session_id, expires_at)
      select successor_hash, session_id, least(expires_at, now() + make_interval(secs => idle_seconds)) from spent
      on conflict (token_hash) do nothing
    ), used as (
      update auth.sessions s
      set last_used_at = now(), network = coalesce(${network}, s.network), place = coalesce(${place}, s.place)
      where s.id in (select session_id from spent)
    )
    select session_id, user_id, successor_hash,
      least(idle_seconds, extract(epoch from expires_at - now())) as ends_in
    from spent`);
  if (answer.rows[0] === undefined) return undefined;
  const row = spentSchema.parse(answer.rows[0]);
  // A statement of its own: the one above may have waited, and saw the successor as of before that.
  const [found] = await db
    .select({ user: userColumns, successorSpentAt: refreshTokens.spentAt })
    .from(users)
    .innerJoin(refreshTokens, eq(refreshTokens.tokenHash, row.successor_hash))
    .where(eq(users.id, uuidToId('usr', row.user_id)));
  if (found === undefined) return { outcome: 'invalid' };
  return {
    outcome: 'spent',
    user: found.user,
    sessionId: uuidToId('ses', row.session_id),
    successorHash: row.successor_hash,
    successorSpent: found.successorSpentAt !== null,
    endsInSeconds: Math.max(1, Math.floor(row.ends_in)),
  };
}

/**
 * A spent token that comes back is a stolen one, or its thief came first: the whole family ends (RFC 9700 4.14.2).
 * What the same client repeats within the grace is no reuse, even where it was refused for another reason.
 */
async function afterRefusal(db: Database, input: SpendingInput): Promise<Spending> {
  const { tokenHash, clientMark, graceSeconds, revoker } = input;
  const { rows } = await db.execute(sql`
    with revoked as (
      update auth.sessions s set revoked_at = now(), revoked_reason = 'refresh token reused'
      from auth.refresh_tokens t
      where t.token_hash = ${tokenHash} and s.id = t.session_id and s.revoked_at is null and s.expires_at > now()
        and t.spent_at is not null
        and not (t.spent_by = ${clientMark} and t.spent_at > now() - make_interval(secs => ${graceSeconds}))
      returning s.id, s.user_id
    ), logged as (
      insert into core.audit_events (actor_kind, action, object_kind, object_id, result, reason, address, request_id,
        details)
      select 'anonymous', 'session.revoke', 'user', 'usr_' || replace(user_id::text, '-', ''), 'success',
        'refresh token reused', ${revoker.address ?? null}::text, ${revoker.requestId ?? null}::text,
        jsonb_build_object('session', 'ses_' || replace(id::text, '-', ''))
      from revoked
    )
    select id from revoked`);
  return { outcome: rows.length > 0 ? 'reused' : 'invalid' };
}
