import { and, desc, gt, isNull, or, type SQL, sql } from 'drizzle-orm';
import { auditRows } from '../../../core/database/audit.ts';
import type { Database } from '../../../core/database/client.ts';
import { signingKeys } from '../../../core/database/schema/auth.ts';
import type { Revoker } from '../ports/sessions.ts';
import type { NewSigningKey, Rotation, SigningKeyRepository } from '../ports/signing-keys.ts';
import { countOf } from './session-revocation.ts';

/** Whoever adds or ends a key takes the same lock, so that each sees what the one before it did. */
const LOCK = sql`select pg_advisory_xact_lock(727002)`;
/** Of signing keys `k`: their tokens are accepted. */
const ACCEPTED = sql`k.revoked_at is null and (k.retires_at is null or k.retires_at > now())`;
/** Of signing keys `k`: they have no end yet. */
const LASTING = sql`k.revoked_at is null and k.retires_at is null`;

export function createSigningKeyRepository(db: Database): SigningKeyRepository {
  const lockedCount = async (statement: SQL): Promise<number> => {
    const [, answer] = await db.batch([db.execute(LOCK), db.execute(statement)]);
    return countOf(answer);
  };
  return {
    accepted: () =>
      db
        .select({
          id: signingKeys.id,
          publicKey: signingKeys.publicKey,
          sealedKey: signingKeys.sealedKey,
          signs: sql<boolean>`${signingKeys.signsFrom} <= now()`,
        })
        .from(signingKeys)
        .where(
          and(
            isNull(signingKeys.revokedAt),
            or(isNull(signingKeys.retiresAt), gt(signingKeys.retiresAt, sql`now()`)),
          ),
        )
        .orderBy(desc(signingKeys.signsFrom), desc(signingKeys.createdAt)),

    async insertFirst(key) {
      await lockedCount(sql`${insertKey(key, sql`now()`)}
        where not exists (select from auth.signing_keys k where ${ACCEPTED}) returning id`);
    },

    async isDue(olderThanSeconds) {
      const { rows } = await db.execute(sql`select 1 where ${noneSince(olderThanSeconds)}`);
      return rows.length > 0;
    },

    rotate: async (rotation) => (await lockedCount(rotateTo(rotation))) > 0,

    revoke: async (id, replacement, by) => (await lockedCount(revokeOne(id, replacement, by))) > 0,

    list: (limit) =>
      db
        .select({
          id: signingKeys.id,
          state: STATE,
          createdAt: signingKeys.createdAt,
          signsFrom: signingKeys.signsFrom,
          retiresAt: signingKeys.retiresAt,
          revokedAt: signingKeys.revokedAt,
        })
        .from(signingKeys)
        .orderBy(desc(signingKeys.signsFrom), desc(signingKeys.createdAt))
        .limit(limit),
  };
}

const STATE = sql<'pending' | 'signing' | 'retiring' | 'retired' | 'revoked'>`case
  when ${signingKeys.revokedAt} is not null then 'revoked'
  when ${signingKeys.retiresAt} <= now() then 'retired'
  when ${signingKeys.signsFrom} > now() then 'pending'
  when exists (select from auth.signing_keys k where ${ACCEPTED} and k.signs_from <= now()
    and (k.signs_from, k.created_at) > (${signingKeys.signsFrom}, ${signingKeys.createdAt})) then 'retiring'
  else 'signing' end`;

function insertKey({ id, publicKey, sealedKey }: NewSigningKey, signsFrom: SQL): SQL {
  return sql`insert into auth.signing_keys (id, public_key, sealed_key, signs_from)
    select ${id}::text, ${JSON.stringify(publicKey)}::jsonb, ${sealedKey}::text, ${signsFrom}`;
}

const noneSince = (seconds: number): SQL => sql`not exists (select from auth.signing_keys k
  where ${LASTING} and k.created_at > now() - make_interval(secs => ${seconds}))`;

function rotateTo({ key, olderThanSeconds, leadSeconds, overlapSeconds, by }: Rotation): SQL {
  // Without a key that could sign meanwhile, nobody would be served by waiting.
  const signsFrom = sql`case when exists (select from auth.signing_keys k where ${ACCEPTED} and k.signs_from <= now())
    then now() + make_interval(secs => ${leadSeconds}) else now() end`;
  const audit = {
    ...by,
    action: 'signing-key.rotate',
    object: { kind: 'signing-key', id: key.id },
    result: 'success' as const,
  };
  return sql`
    with made as (
      ${insertKey(key, signsFrom)} where ${olderThanSeconds === null ? sql`true` : noneSince(olderThanSeconds)}
      returning id, signs_from
    ), retired as (
      update auth.signing_keys k set retires_at = made.signs_from + make_interval(secs => ${overlapSeconds})
      from made where ${LASTING}
    ), logged as (${auditRows(audit, sql`from made`)})
    select id from made`;
}

function revokeOne(id: string, replacement: NewSigningKey, by: Revoker): SQL {
  const audit = {
    ...by,
    action: 'signing-key.revoke',
    object: { kind: 'signing-key', id },
    result: 'success' as const,
  };
  return sql`
    with revoked as (
      update auth.signing_keys set revoked_at = now() where id = ${id} and revoked_at is null
      returning signs_from
    ), other as (
      select k.* from auth.signing_keys k where k.id <> ${id} and ${LASTING}
    ), made as (
      ${insertKey(replacement, sql`now()`)} from revoked where not exists (select from other)
    ), hurried as (
      update auth.signing_keys set signs_from = now()
      from revoked
      where signing_keys.id in (select id from other) and signing_keys.signs_from > now()
        and revoked.signs_from <= now()
        and not exists (select from auth.signing_keys k where k.id <> ${id} and ${ACCEPTED}
          and k.signs_from <= now() and k.signs_from >= revoked.signs_from)
    ), logged as (${auditRows(audit, sql`from revoked`)})
    select 1 from revoked`;
}
